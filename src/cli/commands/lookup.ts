import { parseMac } from '../../address.js';
import type { LookupView } from '../../control/protocol.js';
import { macBad } from '../../errors.js';
import { BAD_ANSWER, defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';

export const lookup = defineCommand({
  name: 'lookup',
  sentence: 'Ask where frames to a MAC go, as the datapath would, and who says so.',
  options: { json: JSON_FLAG },
  positionals: {
    overlay: { label: 'OVERLAY', what: 'overlay name', completes: 'overlay' },
    mac: { label: 'MAC', what: 'MAC address' },
  },
  example: 'vxlane lookup overlay0 de:ad:be:ef:00:01',
  async run(args, context) {
    const mac = parseMac(args.mac);
    if (mac === null) throw macBad(args.mac);
    const answer = await context.client.lookup(args.overlay, mac);
    if (args.json) printJson(context, answer);
    else context.print(`${sentenceOf(answer)}\n`);
    return answer.verdict === 'drop' ? BAD_ANSWER : 0;
  },
});

function sentenceOf({ overlay, mac, verdict, destination, source, cached }: LookupView): string {
  const what = {
    forward: `go to ${destination}`,
    flood: `are flooded to ${destination}`,
    local: `are delivered to ${destination}`,
    drop: `are dropped (${destination})`,
  }[verdict];
  const known = { static: 'the operator', vnic: 'a VNIC of this daemon', learned: 'what came from there' };
  const who = known[source as keyof typeof known] ?? `search plugin ${source}`;
  const whence = cached ? 'from the table' : 'asked just now';
  return `frames to ${mac} on ${overlay} ${what}: ${who} says so, ${whence}`;
}
