/**
 * How many connections the control socket serves at once, and which of them gives way. A client that connects and says
 * nothing holds a descriptor of the daemon; neither other clients nor the daemon's own work may lack one for that.
 */
import { closeSync, openSync } from 'node:fs';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  badRequest,
  messageOf,
  notPermitted,
  requestTooSlow,
  tooManyConnections,
  type VxlaneError,
} from '../errors.js';
import type { AccessBehind } from './access.js';

/** More are never at work at once: an operator, a supervisor, a few scrapers. */
export const CONNECTIONS_MAX = 64;
/** Of those, kept for clients that may change something: members of --read-group cannot keep an operator out. */
const KEPT_FOR_OPERATORS = 16;
/** Connections that were turned away, and stay open until their clients have read why. */
const TURNED_AWAY_MAX = 64;
/** Milliseconds that a request may take to arrive whole, counted from the connection or the reply before it. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** Milliseconds in which a client may send its request, or read its reply, before it has to give way. */
const GRACE_MS = 1000;
/** Descriptors that connections leave to TAPs, sockets, tables and state files of commands. */
const DESCRIPTORS_FREE_MIN = 16;
/** So many are served however few descriptors are left: whoever finds out where they have gone needs the socket. */
const ALWAYS_SERVED = 4;

/** Milliseconds of the monotonic clock. */
interface Busy {
  readonly response: ServerResponse;
  readonly sinceMs: number;
}

/**
 * Makes room when a connection comes while {@link CONNECTIONS_MAX} are open or descriptors run short: those go that
 * have had no request at work for a while, the one that has waited longest first, then those that do not read a reply
 * that is ready. Where there are none the new one is refused, and nothing that it asks for is done. So is one of a
 * client that may do nothing: it takes no place of others.
 */
export function limitConnections(server: Server, accessBehind: AccessBehind): void {
  const waiting = new Map<Socket, number>(); // since when, in that order
  const atWork = new Map<Socket, Busy>();

  function* dispensable(nowMs: number): Generator<Socket, void> {
    for (const [socket, sinceMs] of waiting) if (nowMs - sinceMs >= GRACE_MS) yield socket;
    for (const [socket, { response, sinceMs }] of atWork) {
      if (response.writableEnded && nowMs - sinceMs >= GRACE_MS) yield socket;
    }
  }
  const open = () => atWork.size + waiting.size;
  const hasRoom = (most: number) => open() < ALWAYS_SERVED || (open() < most && hasDescriptors());
  const turnAway = turningAway();

  // What is refused must not reach Node's own listener, which would serve it.
  const serve = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const access = accessBehind(socket);
    if (access === 'none') {
      turnAway(socket, '403 Forbidden', notPermitted(false));
      return;
    }
    const most = access === 'all' ? CONNECTIONS_MAX : CONNECTIONS_MAX - KEPT_FOR_OPERATORS;
    for (const other of dispensable(performance.now())) {
      if (hasRoom(most)) break;
      waiting.delete(other);
      atWork.delete(other);
      other.destroy();
    }
    if (!hasRoom(most)) {
      turnAway(socket, '503 Service Unavailable', tooManyConnections(open()));
      return;
    }
    waiting.set(socket, performance.now());
    socket.once('close', () => {
      waiting.delete(socket);
      atWork.delete(socket);
    });
    for (const listener of serve) listener.call(server, socket);
  });

  server.on('request', ({ socket }, response) => {
    waiting.delete(socket);
    atWork.set(socket, { response, sinceMs: performance.now() });
    response.once('close', () => {
      // A client may send its next request before it has the reply to this one.
      if (atWork.get(socket)?.response !== response) return;
      atWork.delete(socket);
      if (!socket.destroyed) waiting.set(socket, performance.now());
    });
  });
}

/** Whoever is still writing its request would not find the reply if the connection were closed at once. */
function turningAway(): (socket: Socket, status: string, why: VxlaneError) => void {
  let open = 0;
  return (socket, status, why) => {
    socket.on('error', () => {});
    refuse(socket, status, why);
    if (open >= TURNED_AWAY_MAX || !hasDescriptors()) {
      socket.destroySoon();
      return;
    }
    open++;
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), GRACE_MS);
    socket.once('close', () => {
      open--;
      clearTimeout(timer);
    });
  };
}

function hasDescriptors(): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < DESCRIPTORS_FREE_MIN) opened.push(openSync('/dev/null', 'r'));
    return true;
  } catch {
    return false;
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Answers what did not become a request: it came too slowly, or is no HTTP. */
export function refuseUnparsed(fault: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const isSlow = fault.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  if (isSlow) refuse(socket, '408 Request Timeout', requestTooSlow(REQUEST_TIMEOUT_MS / 1000));
  else refuse(socket, '400 Bad Request', badRequest([messageOf(fault)]));
  // Its client may never close it.
  socket.destroySoon();
}

/** There is no response object where there is no request, so the reply is written as bytes. */
function refuse(socket: Socket, status: string, { code, message }: VxlaneError): void {
  const body = JSON.stringify({ error: { code, message } });
  const headers = [`HTTP/1.1 ${status}`, 'content-type: application/json', 'connection: close'];
  socket.end([...headers, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'));
}
