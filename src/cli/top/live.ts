/** `vxlane top` at a terminal: reads, draws, listens to keys, until somebody has enough. */
import { type Client, createClient } from '../../control/client.js';
import type { StatsView } from '../../control/protocol.js';
import type { Context } from '../command.js';
import { mayPass, pause } from '../watch.js';
import { type Sample, TopModel } from './model.js';
import { roomFor, type Surroundings, screenOf } from './screen.js';
import { chosenRows, press, type TopState } from './state.js';
import { BorrowedTerminal } from './terminal.js';

/** A daemon may be away for so long. */
const PATIENCE_MS = 3000;
const RETRY_EVERY_MS = 100;

/** Throws what the daemon's absence or silence throws; the terminal is then as it was. */
export async function runLive(context: Context, start: TopState, intervalMs: number): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const client = createClient(context.socket, signal);
  // Before the screen is taken: without a daemon there is nothing to be seen on it.
  let seen = await look(client);
  const model = new TopModel();
  let [state, newest, shown]: [TopState, Sample | null, Sample | null] = [start, null, null];
  const style = { paint: context.paint, isUnicode: isUnicode(context.env) };

  const draw = () => {
    if (!state.isPaused) shown = newest;
    terminal.draw(screenOf(state, shown, seen.about, terminal.size, style));
  };
  const onKey = (key: string) => {
    const rows = shown === null ? 0 : chosenRows(state, shown).length;
    const next = press(state, key, rows, roomFor(terminal.size));
    if (next === 'quit') return ending.abort();
    state = next;
    draw();
  };
  const terminal = new BorrowedTerminal(process.stdin, process.stdout, {
    ...{ onKey, onEnd: () => ending.abort() },
    onLost: () => setImmediate(draw),
  });
  try {
    for (;;) {
      newest = model.add(seen.stats, seen.atMs);
      draw();
      await pause(intervalMs, signal);
      if (signal.aborted) return;
      seen = await lookAgain(client, signal);
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    terminal.giveBack();
  }
}

interface Seen {
  readonly stats: StatsView;
  /** Of the monotonic clock. */
  readonly atMs: number;
  readonly about: Surroundings;
}

async function look(client: Client): Promise<Seen> {
  const stats = client.stats({ overlay: [] }).then((read) => ({ stats: read, atMs: performance.now() }));
  const [counted, { daemon, overlays, problems }] = await Promise.all([stats, client.status()]);
  return { ...counted, about: { daemon, overlays: overlays.length, problems: problems.length } };
}

/** A daemon that is restarted, or replaced by another, is back in a moment. */
async function lookAgain(client: Client, signal: AbortSignal): Promise<Seen> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await look(client);
    } catch (thrown) {
      if (signal.aborted || !mayPass(thrown) || performance.now() >= deadline) throw thrown;
    }
    await pause(RETRY_EVERY_MS, signal);
  }
}

/** As setlocale(3) finds what characters are. */
function isUnicode({ LC_ALL, LC_CTYPE, LANG }: Context['env']): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
