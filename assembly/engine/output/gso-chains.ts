// Datagrams that leave in one send. The kernel cuts a message into datagrams of one size (UDP_SEGMENT), so frames of a
// batch that an overlay sends to one endpoint by one source port are chained while they are equally long; a shorter one
// ends the chain. Order within a flow holds: a flow has one endpoint and one source port, and what cannot join its
// chain closes it.
//
// A chain's record, of CHAIN_SIZE bytes: what it is so far.

import {
  CHAINS_MAX,
  CHAIN_SIZE,
  OUT_ENDPOINT,
  OUT_JOINED,
  OUT_LEN,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SOURCE,
  SEGMENTS_MAX,
  UDP_PAYLOAD_MAX,
  VXLAN_HLEN,
  W_CHAINS,
} from '../../layout';
import { outAt } from '../../datapath/output';
import { w } from '../../datapath/worker';

const ENDPOINT: usize = 0; // u32, 0: the record is free
const OVERLAY: usize = ENDPOINT + 4; // u32, which has one socket, and counters of its own
const SOURCE: usize = OVERLAY + 4; // u32
const TAIL: usize = SOURCE + 4; // u32 its last entry
const LEN: usize = TAIL + 4; // u32 bytes of each frame
const COUNT: usize = LEN + 4; // u32
const BYTES: usize = COUNT + 4; // u32 of all datagrams

let victim: u32 = 0; // the chain to give up next when all records are in use

@inline
function chainAt(index: u32): usize {
  return w() + W_CHAINS + <usize>index * CHAIN_SIZE;
}

export function chainsBegin(): void {
  for (let index: u32 = 0; index < <u32>CHAINS_MAX; index++) store<u32>(chainAt(index), 0, ENDPOINT);
}

// Chains an entry to the ones before that it can leave with.
export function chain(index: u32): void {
  const out = outAt(index);
  const chain = find(out);
  if (load<u32>(chain, ENDPOINT) != 0 && fits(chain, load<u32>(out, OUT_LEN))) join(chain, index, out);
  else open(chain, index, out);
}

// An entry that leaves alone, and before which its flow's chain has to end.
export function chainClose(index: u32): void {
  store<u32>(find(outAt(index)), 0, ENDPOINT);
}

// The chain of the entry's destination, or a record that is free for one.
function find(out: usize): usize {
  const endpoint = load<u32>(out, OUT_ENDPOINT);
  const overlay = load<u32>(out, OUT_OVERLAY);
  const source = <u32>load<u16>(out, OUT_SOURCE);
  let free: usize = 0;
  for (let index: u32 = 0; index < <u32>CHAINS_MAX; index++) {
    const chain = chainAt(index);
    const other = load<u32>(chain, ENDPOINT);
    if (other == endpoint && load<u32>(chain, SOURCE) == source && load<u32>(chain, OVERLAY) == overlay) return chain;
    if (other == 0 && free == 0) free = chain;
  }
  if (free == 0) free = chainAt(victim++ % CHAINS_MAX);
  store<u32>(free, 0, ENDPOINT);
  store<u32>(free, overlay, OVERLAY);
  store<u32>(free, source, SOURCE);
  return free;
}

@inline
function fits(chain: usize, len: u32): bool {
  return (
    len <= load<u32>(chain, LEN) &&
    load<u32>(chain, COUNT) < <u32>SEGMENTS_MAX &&
    load<u32>(chain, BYTES) + len + VXLAN_HLEN <= <u32>UDP_PAYLOAD_MAX
  );
}

function join(chain: usize, index: u32, out: usize): void {
  const len = load<u32>(out, OUT_LEN);
  store<u32>(outAt(load<u32>(chain, TAIL)), index, OUT_NEXT);
  store<u32>(out, 1, OUT_JOINED);
  store<u32>(chain, index, TAIL);
  store<u32>(chain, load<u32>(chain, COUNT) + 1, COUNT);
  store<u32>(chain, load<u32>(chain, BYTES) + len + VXLAN_HLEN, BYTES);
  if (len < load<u32>(chain, LEN)) store<u32>(chain, 0, ENDPOINT);
}

function open(chain: usize, index: u32, out: usize): void {
  const len = load<u32>(out, OUT_LEN);
  store<u32>(chain, load<u32>(out, OUT_ENDPOINT), ENDPOINT);
  store<u32>(chain, index, TAIL);
  store<u32>(chain, len, LEN);
  store<u32>(chain, 1, COUNT);
  store<u32>(chain, len + VXLAN_HLEN, BYTES);
}
