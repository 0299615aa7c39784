// Datagrams that leave in one send. The kernel cuts a message into datagrams of one size (UDP_SEGMENT), so frames of a
// batch that an overlay sends to one endpoint by one source port are chained while they are equally long; a shorter one
// ends the chain. Order within a flow holds: a flow has one endpoint and one source port, and what cannot join its
// chain closes it.
//
// A group, of GROUP_SIZE bytes: what its chain so far is.

import {
  GROUPS_MAX,
  GROUP_SIZE,
  OUT_ENDPOINT,
  OUT_JOINED,
  OUT_LEN,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SOURCE,
  SEGMENTS_MAX,
  UDP_PAYLOAD_MAX,
  VXLAN_HLEN,
  W_GROUPS,
} from '../../layout';
import { outAt } from '../../datapath/output';
import { w } from '../../datapath/worker';

const ENDPOINT: usize = 0; // u32, 0: the group is free
const OVERLAY: usize = ENDPOINT + 4; // u32, which has one socket, and counters of its own
const SOURCE: usize = OVERLAY + 4; // u32
const TAIL: usize = SOURCE + 4; // u32 its last entry
const LEN: usize = TAIL + 4; // u32 bytes of each frame
const COUNT: usize = LEN + 4; // u32
const BYTES: usize = COUNT + 4; // u32 of all datagrams

let victim: u32 = 0; // the next group to give up when all are in use

@inline
function groupAt(index: u32): usize {
  return w() + W_GROUPS + <usize>index * GROUP_SIZE;
}

export function groupBegin(): void {
  for (let index: u32 = 0; index < <u32>GROUPS_MAX; index++) store<u32>(groupAt(index), 0, ENDPOINT);
}

// Chains an entry to the ones before that it can leave with.
export function group(index: u32): void {
  const out = outAt(index);
  const group = find(out);
  if (load<u32>(group, ENDPOINT) != 0 && fits(group, load<u32>(out, OUT_LEN))) join(group, index, out);
  else open(group, index, out);
}

// An entry that leaves alone, and before which its flow's chain has to end.
export function groupClose(index: u32): void {
  store<u32>(find(outAt(index)), 0, ENDPOINT);
}

// The group of the entry's destination, or one that is free for it.
function find(out: usize): usize {
  const endpoint = load<u32>(out, OUT_ENDPOINT);
  const overlay = load<u32>(out, OUT_OVERLAY);
  const source = <u32>load<u16>(out, OUT_SOURCE);
  let free: usize = 0;
  for (let index: u32 = 0; index < <u32>GROUPS_MAX; index++) {
    const group = groupAt(index);
    const other = load<u32>(group, ENDPOINT);
    if (other == endpoint && load<u32>(group, SOURCE) == source && load<u32>(group, OVERLAY) == overlay) return group;
    if (other == 0 && free == 0) free = group;
  }
  if (free == 0) free = groupAt(victim++ % GROUPS_MAX);
  store<u32>(free, 0, ENDPOINT);
  store<u32>(free, overlay, OVERLAY);
  store<u32>(free, source, SOURCE);
  return free;
}

@inline
function fits(group: usize, len: u32): bool {
  return (
    len <= load<u32>(group, LEN) &&
    load<u32>(group, COUNT) < <u32>SEGMENTS_MAX &&
    load<u32>(group, BYTES) + len + VXLAN_HLEN <= <u32>UDP_PAYLOAD_MAX
  );
}

function join(group: usize, index: u32, out: usize): void {
  const len = load<u32>(out, OUT_LEN);
  store<u32>(outAt(load<u32>(group, TAIL)), index, OUT_NEXT);
  store<u32>(out, 1, OUT_JOINED);
  store<u32>(group, index, TAIL);
  store<u32>(group, load<u32>(group, COUNT) + 1, COUNT);
  store<u32>(group, load<u32>(group, BYTES) + len + VXLAN_HLEN, BYTES);
  if (len < load<u32>(group, LEN)) store<u32>(group, 0, ENDPOINT);
}

function open(group: usize, index: u32, out: usize): void {
  const len = load<u32>(out, OUT_LEN);
  store<u32>(group, load<u32>(out, OUT_ENDPOINT), ENDPOINT);
  store<u32>(group, index, TAIL);
  store<u32>(group, len, LEN);
  store<u32>(group, 1, COUNT);
  store<u32>(group, len + VXLAN_HLEN, BYTES);
}
