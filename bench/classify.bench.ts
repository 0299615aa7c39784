/** How long does it take to see whether a group frame concerns a proxy? */
import { OVL_FLAG_PROXY_ARP, OVL_FLAG_PROXY_DHCP, OVL_FLAG_PROXY_NDP, RX_SLOT_SIZE } from '../assembly/layout.js';
import { ARP_REQUEST, LISTENER_REPORT, NEIGHBOUR_SOLICITATION } from './frames.js';
import { measure, type Row } from './measure.js';
import { expect, prepareTestbed, SCRATCH } from './testbed.js';

const SLOTS = 64;
const RUN = 1 << 14;
const FLAGS = OVL_FLAG_PROXY_ARP | OVL_FLAG_PROXY_NDP | OVL_FLAG_PROXY_DHCP;
/** Class of assembly/datapath/classify.ts. */
const PLAIN = 0;
const ARP = 1;
const NDP = 4;

const { loops, views } = prepareTestbed(1000);

/** A batch of 64 copies of the frame. */
function batch(number: number, frame: Uint8Array): number {
  const base = SCRATCH + number * SLOTS * RX_SLOT_SIZE;
  for (let slot = 0; slot < SLOTS; slot++) views.u8.set(frame, base + slot * RX_SLOT_SIZE);
  return base;
}

function row(name: string, number: number, frame: Uint8Array, kind: number): Row {
  const base = batch(number, frame);
  return {
    name,
    operations: RUN,
    run: () => expect(loops.classifyFrames(base, RX_SLOT_SIZE, SLOTS, RUN, frame.length, FLAGS, kind), RUN, name),
  };
}

await measure({
  question: 'How long does it take to see whether a group frame concerns a proxy?',
  operation: 'frame',
  setting: [
    'Batches of 64 equal frames on an overlay with all proxies, in the L1 cache. An ARP request and a',
    'solicitation are checked in full, the solicitation with its checksum.',
  ],
  rows: [
    {
      name: 'walking the slots (baseline)',
      operations: RUN,
      run: () => void loops.emptySlots(SCRATCH, RX_SLOT_SIZE, SLOTS, RUN),
    },
    row('multicast that is no solicitation', 0, LISTENER_REPORT, PLAIN),
    row('ARP request', 1, ARP_REQUEST, ARP),
    row('neighbour solicitation', 2, NEIGHBOUR_SOLICITATION, NDP),
  ],
});
