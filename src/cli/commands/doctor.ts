import type { Diagnosis } from '../../doctor/finding.js';
import { defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';

/** Exit status beside 0: its own, as a check of a monitoring system. */
const FOUND = 1;
const COULD_NOT_LOOK = 2;

export const doctor = defineCommand({
  name: 'doctor',
  sentence: 'Look for what people get wrong, on this host and in the daemon, and say what mends it.',
  options: {
    json: JSON_FLAG,
    overlay: {
      type: 'text',
      what: 'overlay name',
      value: 'OVERLAY',
      completes: 'overlay',
      help: 'look at this overlay and its VNICs alone',
    },
    seconds: {
      type: 'integer',
      what: 'number of seconds',
      value: 'N',
      range: [1, 600],
      default: 2,
      help: 'how long to see which counters rise',
    },
    'state-dir': {
      type: 'text',
      what: 'state directory',
      value: 'DIR',
      completes: 'file',
      help: 'where the daemon keeps its state; by default what its process was told, or /var/lib/vxlane',
    },
  },
  positionals: {},
  example: 'vxlane doctor --overlay overlay0',
  async run({ json, overlay, seconds, 'state-dir': stateDir }, context) {
    // Apart from the command: it loads much, and every command pays for its start.
    const { diagnosisText, examine } = await import('../../doctor/examine.js');
    const { client, socket } = context;
    const looking = { client, socket, overlay: overlay ?? null, stateDir: stateDir ?? null, seconds };
    const { diagnosis } = await examine(looking);
    if (json) printJson(context, diagnosis);
    else context.print(diagnosisText(diagnosis, context.paint));
    return statusOf(diagnosis);
  },
});

function statusOf({ findings, unseen }: Diagnosis): number {
  if (findings.length > 0) return FOUND;
  return unseen.length > 0 ? COULD_NOT_LOOK : 0;
}
