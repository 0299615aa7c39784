/** One HTTP request over a Unix socket, and what can go wrong with it in words. */
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  daemonAbsent,
  daemonBacklogFull,
  daemonFailed,
  daemonNotPermitted,
  daemonSilent,
  VxlaneError,
} from '../errors.js';

export interface ControlRequest {
  socket: string;
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  timeoutMs: number;
}

/** The parsed reply (undefined when it has no body). A refusal of the daemon is thrown with its own code and text. */
export async function sendRequest(options: ControlRequest): Promise<unknown> {
  const { status, text } = await exchange(options);
  if (status === 204) return undefined;
  let reply: unknown;
  try {
    reply = JSON.parse(text);
  } catch (cause) {
    throw daemonFailed(options.socket, cause);
  }
  if (status >= 200 && status < 300) return reply;
  const { error } = reply as { error?: { code?: unknown; message?: unknown } };
  if (typeof error?.code === 'string' && typeof error.message === 'string') {
    throw new VxlaneError(error.code, error.message);
  }
  throw daemonFailed(options.socket, `HTTP status ${status}`);
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

/** Nothing was done of what was asked for. Linux says the same, by EAGAIN, while too many wait for the daemon. */
const BUSY = 503;
/** Milliseconds until a daemon that is too busy is asked again: twice as long each time, up to RETRY_MOST_MS. */
const RETRY_FIRST_MS = 20;
const RETRY_MOST_MS = 200;

async function exchange(options: ControlRequest): Promise<Reply> {
  const deadlineMs = performance.now() + options.timeoutMs;
  let pauseMs = RETRY_FIRST_MS;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    const isLast = leftMs < RETRY_MOST_MS;
    const reply = await attempt(options, leftMs).catch((error) => {
      if (isLast || !isBacklogFull(error)) throw explain(error, options.socket);
      return null;
    });
    if (reply !== null && (reply.status !== BUSY || isLast)) return reply;
    await sleep(pauseMs);
    pauseMs = Math.min(2 * pauseMs, RETRY_MOST_MS);
  }
}

function attempt(options: ControlRequest, leftMs: number): Promise<Reply> {
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: options.socket,
      method: options.method,
      path: options.path,
      headers: body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      // A command makes one request or few; a kept connection would only delay its exit.
      agent: false,
    });
    const timer = setTimeout(() => sent.destroy(daemonSilent(options.socket, options.timeoutMs / 1000)), leftMs);
    sent.once('close', () => clearTimeout(timer));
    sent.once('error', reject);
    sent.once('response', (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
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

/** unix(7): connect() to a listener that has not accepted as many as it lets wait. Nothing was sent. */
function isBacklogFull({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EAGAIN';
}

/** What went wrong with a request, in words. */
export function explain(error: NodeJS.ErrnoException, socket: string): VxlaneError {
  if (error instanceof VxlaneError) return error;
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT' || error.code === 'ENOTDIR') return daemonAbsent(socket);
  if (error.code === 'EACCES' || error.code === 'EPERM') return daemonNotPermitted(socket);
  if (isBacklogFull(error)) return daemonBacklogFull(socket);
  return daemonFailed(socket, error);
}
