/** The other side of /v1/events/stream: events as they happen, over the control socket. Loads no package. */
import { type IncomingMessage, request } from 'node:http';
import { daemonAbsent, daemonFailed, VxlaneError } from '../errors.js';
import type { EventView } from './events.js';

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
  const response = await connect(socket, `/v1/events/stream?${query}`, signal);
  if (response.statusCode !== 200) throw await refusalOf(socket, response);
  let rest = '';
  try {
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
    throw daemonFailed(socket, thrown);
  }
  if (!signal.aborted) throw daemonFailed(socket, 'the stream of events ended');
}

function connect(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, agent: false, signal }, resolve);
    sent.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? daemonAbsent(socketPath) : error);
    });
    sent.end();
  });
}

async function refusalOf(socket: string, response: IncomingMessage): Promise<VxlaneError> {
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  const { error } = JSON.parse(text) as { error?: { code: string; message: string } };
  return error === undefined ? daemonFailed(socket, text) : new VxlaneError(error.code, error.message);
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
