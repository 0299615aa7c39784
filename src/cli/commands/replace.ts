import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonView } from '../../control/protocol.js';
import { notReplaced, VxlaneError } from '../../errors.js';
import { type Context, defineCommand } from '../command.js';

const POLL_EVERY_MS = 50;
/** A daemon with thousands of overlays takes a while to start. */
const PATIENCE_MS = 300_000;

export const replace = defineCommand({
  name: 'replace',
  sentence: 'Have the daemon start the version that is installed now, which takes its place; no frame is lost.',
  options: {},
  positionals: {},
  example: 'vxlane replace',
  async run(_, context) {
    const before = await context.client.daemon();
    const { pid } = await context.client.replace();
    const now = await answerOf(pid, context);
    if (now?.pid !== pid) throw notReplaced(pid, before.pid);
    const [was, is] = [before, now].map(({ version, pid: id }) => `vxlane ${version} (pid ${id})`);
    context.print(`${was} is replaced by ${is}\n`);
    return 0;
  },
});

/**
 * Of the daemon that comes, or of the one before, which goes on because the other has ended; null: neither of the two
 * has answered within the time. For a moment between them neither does. Daemons in a container have other pids for us.
 */
async function answerOf(pid: number, { client }: Context): Promise<DaemonView | null> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(POLL_EVERY_MS)) {
    try {
      const view = await client.daemon();
      if (view.pid === pid || view.successor !== pid) return view;
    } catch (thrown) {
      if (!(thrown instanceof VxlaneError) || !['daemon_absent', 'daemon_failed'].includes(thrown.code)) throw thrown;
    }
  }
  return null;
}
