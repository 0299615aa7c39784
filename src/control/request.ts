/** One HTTP request over a Unix socket, and what can go wrong with it in words. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  badRequest,
  daemonAbsent,
  daemonBacklogFull,
  daemonFailed,
  daemonNotPermitted,
  daemonSilent,
  daemonTurnsAway,
  VxlaneError,
} from '../errors.js';
import { BODY_MAX } from './routes.js';

export interface ControlRequest {
  socket: string;
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  /** Until the reply has come; of a stream, until it begins. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** The parsed reply (undefined when it has no body). A refusal of the daemon is thrown with its own code and text. */
export async function sendRequest(options: ControlRequest): Promise<unknown> {
  const { status, text } = await exchange(options, false);
  if (status === 204) return undefined;
  const reply = parsed(options.socket, text);
  if (status >= 200 && status < 300) return reply;
  throw refusalIn(options.socket, status, reply);
}

/** A reply that goes on for as long as both like, as soon as it has begun. Refusals are thrown likewise. */
export async function openStream(options: ControlRequest): Promise<IncomingMessage> {
  const { status, text, response } = await exchange(options, true);
  if (status === OK) return response;
  throw refusalIn(options.socket, status, parsed(options.socket, text));
}

function parsed(socket: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw daemonFailed(socket, cause);
  }
}

function refusalIn(socket: string, status: number, reply: unknown): VxlaneError {
  const { error } = reply as { error?: { code?: unknown; message?: unknown } };
  if (typeof error?.code === 'string' && typeof error.message === 'string') {
    return new VxlaneError(error.code, error.message);
  }
  return daemonFailed(socket, `HTTP status ${status}`);
}

interface Reply {
  readonly status: number;
  /** Nothing of a stream. */
  readonly text: string;
  readonly response: IncomingMessage;
}

const OK = 200;

/** Nothing was done of what was asked for. Linux says the same, by EAGAIN, while too many wait for the daemon. */
const BUSY = 503;
/** Milliseconds until a daemon that is too busy is asked again: twice as long each time, up to RETRY_MOST_MS. */
const RETRY_FIRST_MS = 20;
const RETRY_MOST_MS = 200;

async function exchange(options: ControlRequest, isStream: boolean): Promise<Reply> {
  const body = bodyOf(options);
  const deadlineMs = performance.now() + options.timeoutMs;
  let pauseMs = RETRY_FIRST_MS;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    const isLast = leftMs < RETRY_MOST_MS;
    const reply = await attempt(options, body, isStream, leftMs).catch((error) => {
      if (isLast || !isUnread(error)) throw explain(error, options.socket);
      return null;
    });
    if (reply !== null && (reply.status !== BUSY || isLast)) return reply;
    await sleep(pauseMs);
    pauseMs = Math.min(2 * pauseMs, RETRY_MOST_MS);
  }
}

/** Throws what the daemon would say of it, which is not heard where the connection ends while it is being sent. */
function bodyOf({ body }: ControlRequest): Buffer | null {
  if (body === undefined) return null;
  const bytes = Buffer.from(JSON.stringify(body));
  if (bytes.length > BODY_MAX) throw badRequest([`a body of ${bytes.length} bytes: expected at most ${BODY_MAX}`]);
  return bytes;
}

function attempt(options: ControlRequest, body: Buffer | null, isStream: boolean, leftMs: number): Promise<Reply> {
  // Loaded for the first request: the daemon makes none as it starts, and would start later by it.
  const { request } = process.getBuiltinModule('node:http');
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: options.socket,
      method: options.method,
      path: options.path,
      headers: body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length },
      // A command makes one request or few; a kept connection would only delay its exit.
      agent: false,
      ...(options.signal && { signal: options.signal }),
    });
    const timer = setTimeout(() => sent.destroy(daemonSilent(options.socket, options.timeoutMs / 1000)), leftMs);
    sent.once('close', () => clearTimeout(timer));
    sent.on('error', reject);
    sent.once('response', (response) => {
      const status = response.statusCode ?? 0;
      if (isStream && status === OK) {
        clearTimeout(timer);
        resolve({ status, text: '', response });
      } else readText(response).then((text) => resolve({ status, text, response }), reject);
    });
    sent.end(body ?? undefined);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  const parts: string[] = [];
  for await (const part of response) parts.push(part);
  return parts.join('');
}

/** The daemon has not read the request whole, so it has done nothing of it. */
function isUnread(error: NodeJS.ErrnoException): boolean {
  return isBacklogFull(error) || isTurnedAway(error);
}

/** unix(7): connect() to a listener that has not accepted as many as it lets wait. */
function isBacklogFull({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EAGAIN';
}

/**
 * unix(7): the other end closed the connection before the request was written (EPIPE), or before it was read
 * (ECONNRESET). A daemon that serves as many as it can does so, and what it said first may be lost with the connection.
 * Where Node itself found that no reply came, which may be in the middle of a command, no system call is named.
 */
function isTurnedAway({ code, syscall }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || (code === 'ECONNRESET' && syscall !== undefined);
}

/** What went wrong with a request, in words. */
function explain(error: NodeJS.ErrnoException, socket: string): VxlaneError {
  if (error instanceof VxlaneError) return error;
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT' || error.code === 'ENOTDIR') return daemonAbsent(socket);
  if (error.code === 'EACCES' || error.code === 'EPERM') return daemonNotPermitted(socket);
  if (isBacklogFull(error)) return daemonBacklogFull(socket);
  if (isTurnedAway(error)) return daemonTurnsAway(socket);
  return daemonFailed(socket, error);
}
