import { setTimeout as sleep } from 'node:timers/promises';
import type { OverlayStatus, StatusView } from '../../control/protocol.js';
import { argumentMissing, argumentUnexpected, noSuchOverlay, noSuchVnic } from '../../errors.js';
import { BAD_ANSWER, type Context, defineCommand } from '../command.js';
import { mayPass } from '../watch.js';

const POLL_EVERY_MS = 200;

type Condition = 'ready' | 'overlay' | 'vnic';

export const wait = defineCommand({
  name: 'wait',
  sentence: 'Wait until the daemon is ready: it answers, and all is well; or until overlays or VNICs are.',
  options: {
    for: {
      type: 'choice',
      what: 'condition',
      value: 'WHAT',
      choices: ['ready', 'overlay', 'vnic'],
      default: 'ready',
      help: 'what is to be well: all there is, or the overlays or VNICs that are named',
    },
    timeout: {
      type: 'integer',
      what: 'timeout',
      value: 'SECONDS',
      range: [0, 86_400],
      default: 30,
      help: 'give up after so long; 0: look once',
    },
  },
  positionals: { names: { label: 'NAME', what: 'name', completes: 'object', rest: true } },
  example: 'vxlane wait --for overlay --timeout 60 overlay0',
  async run({ for: condition, timeout, names }, context) {
    if (condition === 'ready' && names.length > 0) throw argumentUnexpected(names[0]!);
    if (condition !== 'ready' && names.length === 0) throw argumentMissing(`${condition} name`);
    const reasons = await waitFor(timeout * 1000, () => lacking(condition as Condition, names, context));
    for (const reason of reasons) context.complain(reason, 'not_ready');
    return reasons.length > 0 ? BAD_ANSWER : 0;
  },
});

/** Answers what is lacking in the end; throws when no daemon answers then. */
async function waitFor(timeoutMs: number, look: () => Promise<string[]>): Promise<string[]> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const isLast = performance.now() >= deadline;
    try {
      const reasons = await look();
      if (reasons.length === 0 || isLast) return reasons;
    } catch (thrown) {
      if (isLast || !mayPass(thrown)) throw thrown;
    }
    await sleep(Math.min(POLL_EVERY_MS, Math.max(0, deadline - performance.now())));
  }
}

async function lacking(condition: Condition, names: readonly string[], { client }: Context): Promise<string[]> {
  if (condition === 'vnic') {
    const vnics = new Map((await client.vnics()).map((vnic) => [vnic.name, vnic]));
    return names.flatMap((name) => {
      const state = vnics.get(name)?.state;
      if (state === undefined) return noSuchVnic(name).message;
      return state === 'up' ? [] : `VNIC ${name}: ${state}`;
    });
  }
  const status = await client.status();
  return condition === 'ready' ? lackingInAll(status) : lackingIn(status.overlays, names);
}

/** That no problem is there does not say that plugins that take their time serve. */
function lackingInAll({ overlays, problems }: StatusView): string[] {
  const bad = problems.filter(({ severity }) => severity === 'bad').map(({ text }) => text);
  return [...bad, ...overlays.filter(({ status }) => status === 'ONLINE').flatMap((overlay) => trouble(overlay) ?? [])];
}

function lackingIn(overlays: readonly OverlayStatus[], names: readonly string[]): string[] {
  const byName = new Map(overlays.map((overlay) => [overlay.name, overlay]));
  return names.flatMap((name) => {
    const overlay = byName.get(name);
    return overlay === undefined ? noSuchOverlay(name).message : (trouble(overlay) ?? []);
  });
}

function trouble({ name, status, state, details }: OverlayStatus): string | null {
  if (status !== 'ONLINE') return `overlay ${name} is DEGRADED: ${details}`;
  return state === 'serving' ? null : `overlay ${name}: its search plugin is still starting`;
}
