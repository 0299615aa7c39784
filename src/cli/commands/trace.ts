import { BAD_ANSWER, defineCommand, JSON_FLAG } from '../command.js';
import { frameText } from '../frame-text.js';
import { printJson } from '../output.js';

export const trace = defineCommand({
  name: 'trace',
  sentence: 'Say what would become of a frame, decision by decision; nothing is sent, learned or counted.',
  options: {
    from: {
      type: 'text',
      what: 'sender',
      value: 'VNIC|IP',
      completes: 'vnic',
      required: true,
      help: 'the VNIC that sends it, or the VTEP',
    },
    frame: { type: 'text', what: 'frame', value: 'HEX', help: 'a whole Ethernet frame without FCS' },
    arp: { type: 'text', what: 'IPv4 address', value: 'IP', help: 'an ARP request for it' },
    ns: { type: 'text', what: 'IPv6 address', value: 'IP', help: 'a neighbour solicitation for it' },
    ping: { type: 'text', what: 'IP address', value: 'IP', help: 'an echo request to it' },
    dhcp: { type: 'flag', help: 'a DHCPv4 discovery' },
    to: { type: 'text', what: 'MAC address', value: 'MAC', help: 'a frame of no protocol to it' },
    json: JSON_FLAG,
  },
  positionals: { overlay: { label: 'OVERLAY', what: 'overlay name', completes: 'overlay' } },
  example: 'vxlane trace overlay0 --from foo0 --ping 10.55.55.3',
  async run({ overlay, json, dhcp, from, frame: whole, arp, ns, ping, to }, context) {
    const asked = { from, frame: whole, arp, ns, ping, to, ...(dhcp ? { dhcp } : {}) };
    const answer = await context.client.trace(overlay, asked);
    if (json) printJson(context, answer);
    else {
      const frame = { step: 'traced', says: `from ${answer.from}: ${frameText(Buffer.from(answer.frame, 'hex'))}` };
      for (const { step, says } of [frame, ...answer.steps]) context.print(`${step.padEnd(12)} ${says}\n`);
      context.print(`${'end'.padEnd(12)} ${context.paint(answer.reason === null ? 'good' : 'bad', answer.end)}\n`);
    }
    return answer.reason === null ? 0 : BAD_ANSWER;
  },
});
