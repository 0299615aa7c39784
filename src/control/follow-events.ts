/** The other side of /v1/events/stream: events as they happen, over the control socket. Loads no package. */
import { daemonFailed, VxlaneError } from '../errors.js';
import type { EventView } from './events.js';
import { openStream } from './request.js';

const PATIENCE_MS = 10_000;

/** What the stream says of itself. */
export interface StreamWord {
  readonly kind: 'lost' | 'dropped';
  readonly reason: string;
}

/** Ends when `signal` is aborted; throws when the daemon ends, or lets this client go. `after`: id of the last seen. */
export async function* followEvents(
  socket: string,
  { overlays, after, signal }: { overlays: readonly string[]; after: number; signal: AbortSignal },
): AsyncGenerator<EventView | StreamWord, void> {
  const query = new URLSearchParams(overlays.map((name): [string, string] => ['overlay', name]));
  query.set('after', String(after));
  const path = `/v1/events/stream?${query}`;
  let rest = '';
  try {
    const response = await openStream({ socket, method: 'GET', path, timeoutMs: PATIENCE_MS, signal });
    for await (const part of response.setEncoding('utf8')) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const said = parseBlock(block);
        if (signal.aborted) return;
        if (said !== null) yield said;
      }
    }
  } catch (thrown) {
    if (signal.aborted) return;
    throw thrown instanceof VxlaneError ? thrown : daemonFailed(socket, thrown);
  }
  if (!signal.aborted) throw daemonFailed(socket, 'the stream of events ended');
}

/** null: a sign of life. */
function parseBlock(block: string): EventView | StreamWord | null {
  const fields = block.split('\n').map((line) => /^(\w+): (.*)$/.exec(line));
  const fieldOf = (name: string) => fields.find((field) => field?.[1] === name)?.[2];
  const [kind, data] = [fieldOf('event'), fieldOf('data')];
  if (kind === undefined || data === undefined) return null;
  const parsed = JSON.parse(data) as EventView | { reason: string };
  return kind === 'lost' || kind === 'dropped' ? { kind, reason: parsed.reason } : (parsed as EventView);
}
