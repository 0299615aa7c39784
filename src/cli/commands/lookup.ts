import { parseIp, parseMac } from '../../address.js';
import type { LookupView, OwnerView } from '../../control/protocol.js';
import { lookupBad } from '../../errors.js';
import { BAD_ANSWER, defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';

export const lookup = defineCommand({
  name: 'lookup',
  sentence: 'Ask where frames to a MAC go, as the datapath would, or who has an IP address; and who says so.',
  options: { json: JSON_FLAG },
  positionals: {
    overlay: { label: 'OVERLAY', what: 'overlay name', completes: 'overlay' },
    address: { label: 'MAC|IP', what: 'MAC or IP address' },
  },
  example: 'vxlane lookup overlay0 de:ad:be:ef:00:01',
  async run(args, context) {
    const ip = parseIp(args.address);
    const owner = ip === null ? null : await context.client.owner(args.overlay, ip);
    const mac = owner === null ? parseMac(args.address) : owner.mac;
    if (owner === null && mac === null) throw lookupBad(args.address);
    const answer = mac === null ? null : await context.client.lookup(args.overlay, mac);
    if (args.json) printJson(context, owner === null ? answer : { ...owner, frames: answer });
    else {
      if (owner !== null) context.print(`${ownerSentence(owner)}\n`);
      if (answer !== null) context.print(`${sentenceOf(answer)}\n`);
    }
    return answer === null || answer.verdict === 'drop' ? BAD_ANSWER : 0;
  },
});

function ownerSentence({ overlay, ip, mac, source, reason }: OwnerView): string {
  if (mac === null) return `nobody is known to have ${ip} on ${overlay}: ${reason}`;
  return `${ip} on ${overlay} is at ${mac}: search plugin ${source} says so`;
}

function sentenceOf(view: LookupView): string {
  const { overlay, mac, verdict, destination, source, cached } = view;
  const what = {
    forward: `go to ${destination}`,
    flood: `are flooded to ${destination}`,
    local: `are delivered to ${destination}`,
    drop: `are dropped (${destination})`,
  }[verdict];
  const known = { static: 'the operator', vnic: 'a VNIC of this daemon', learned: 'what came from there' };
  const who = known[source as keyof typeof known] ?? `search plugin ${source}`;
  const whence = cached ? 'from the table' : 'asked just now';
  return `frames to ${mac} on ${overlay} ${what}: ${who} says so, ${whence}${othersText(view)}`;
}

/** A daemon of an older version says none. */
function othersText({ alternatives = [] }: LookupView): string {
  if (alternatives === null) return '; whether it is said to be elsewhere too, the search plugin failed to say';
  return alternatives.length === 0 ? '' : `; it is said to be at ${alternatives.join(', ')} too`;
}
