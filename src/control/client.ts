/**
 * `vxlane/client`: the other side of the control socket, a method a route. Loads no validation library, so that
 * commands start fast.
 */
import { DEFAULT_SOCKET } from './default-socket.js';
import type { Calls, TargetView } from './protocol.js';
import { type ControlRequest, sendRequest } from './request.js';
import { ROUTES, type Route, type RouteName } from './routes.js';

export { VxlaneError } from '../errors.js';
export { DEFAULT_SOCKET } from './default-socket.js';
export type * from './protocol.js';

/** Of one page. */
const TARGETS_AT_ONCE = 1000;

export interface Client extends Calls {
  /** All targets of an overlay, a page at a time. */
  targetPages(name: string): AsyncGenerator<TargetView[], void>;
}

/**
 * `socket`: path of the daemon's control socket. Nothing is sent, and nothing kept open, but by the methods. `signal`:
 * when it is aborted, requests under way are given up, and fail.
 */
export function createClient(socket: string = DEFAULT_SOCKET, signal?: AbortSignal): Client {
  const calls = Object.fromEntries(
    Object.entries(ROUTES).map(([name, route]) => [name, methodOf({ socket, ...(signal && { signal }) }, route)]),
  ) as Record<RouteName, unknown> as Calls;
  return { ...calls, targetPages: (name) => targetPages(calls, name) };
}

/** Takes what stands in the path, in its order, and then the body or the query. */
function methodOf(to: Pick<ControlRequest, 'socket' | 'signal'>, { method, path, patience }: Route) {
  return (...args: unknown[]): Promise<unknown> => {
    const rest = [...args];
    const filled = path.replaceAll(/:\w+/g, () => encodeURIComponent(String(rest.shift())));
    const [sent] = rest;
    const timeoutMs = patience * 1000;
    if (method !== 'GET') return sendRequest({ ...to, method, path: filled, body: sent, timeoutMs });
    return sendRequest({ ...to, method, path: filled + queryOf(sent), timeoutMs });
  };
}

/** A list stands there once for each of its values. */
function queryOf(sent: unknown): string {
  const pairs = Object.entries(sent ?? {}).flatMap(([name, value]) =>
    [value].flat().flatMap((each): [string, string][] => (each === undefined ? [] : [[name, String(each)]])),
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}

async function* targetPages(calls: Calls, name: string): AsyncGenerator<TargetView[], void> {
  for (let after: string | null | undefined; after !== null; ) {
    const page = await calls.targets(name, { after, limit: TARGETS_AT_ONCE });
    yield page.targets;
    after = page.next;
  }
}
