// Datagrams that leave in one send. The kernel cuts a message into datagrams of one size (UDP_SEGMENT), so frames of a
// list that an overlay sends to one endpoint by one source port are chained while they are equally long and have the
// same mark (OUT_MARK); a shorter one ends the chain. Order within a flow holds: a flow has one endpoint and one source
// port, and what cannot join its chain ends it.
//
// A chain's record, of CHAIN_SIZE bytes, says what it is so far. Records stand in sets, by what their chain leaves by;
// where all of a set are in use, one of its chains ends.

import {
  CHAIN_SETS,
  CHAIN_SIZE,
  CHAIN_WAYS,
  OUT_ENDPOINT,
  OUT_JOINED,
  OUT_LEN,
  OUT_MARK,
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

const ENDPOINT: usize = 0; // u32
const OVERLAY: usize = ENDPOINT + 4; // u32, which has counters of its own
const SOURCE: usize = OVERLAY + 4; // u32
const LIST: usize = SOURCE + 4; // u32 the list it is of: in use if that is the present one
const TAIL: usize = LIST + 4; // u32 its last entry
const LEN: usize = TAIL + 4; // u32 bytes of each frame, 0: it has ended
const COUNT: usize = LEN + 4; // u32
const BYTES: usize = COUNT + 4; // u32 of all datagrams

let list: u32 = 0;
let victim: u32 = 0; // the chain to give up next where a set is full

export function chainsBegin(): void {
  list++;
}

// Chains an entry to the ones before that it can leave with.
@inline
export function chain(index: u32, out: usize): void {
  const chain = find(out);
  const len = load<u32>(out, OUT_LEN);
  const tail = outAt(load<u32>(chain, TAIL));
  const bytes = load<u32>(chain, BYTES) + len + VXLAN_HLEN;
  const count = load<u32>(chain, COUNT);
  const isFull = count >= <u32>SEGMENTS_MAX || bytes > <u32>UDP_PAYLOAD_MAX;
  if (len > load<u32>(chain, LEN) || isFull || load<u32>(tail, OUT_MARK) != load<u32>(out, OUT_MARK)) {
    return open(chain, index, len);
  }
  store<u32>(tail, index, OUT_NEXT);
  store<u32>(out, 1, OUT_JOINED);
  store<u32>(chain, index, TAIL);
  store<u32>(chain, count + 1, COUNT);
  store<u32>(chain, bytes, BYTES);
  if (len < load<u32>(chain, LEN)) store<u32>(chain, 0, LEN);
}

// An entry that leaves alone, and before which its flow's chain has to end.
export function chainClose(out: usize): void {
  store<u32>(find(out), 0, LEN);
}

// The chain of the entry's destination, or a record that has ended and is free for one.
@inline
function find(out: usize): usize {
  const endpoint = load<u32>(out, OUT_ENDPOINT);
  const overlay = load<u32>(out, OUT_OVERLAY);
  const source = <u32>load<u16>(out, OUT_SOURCE);
  const set = (endpoint + source * 5 + overlay * 11) % CHAIN_SETS; // neighbours of one kind stand in sets of their own
  let chain = w() + W_CHAINS + <usize>set * (CHAIN_WAYS * CHAIN_SIZE);
  const end = chain + CHAIN_WAYS * CHAIN_SIZE;
  while (load<u32>(chain, LIST) == list) {
    const isSame = load<u32>(chain, ENDPOINT) == endpoint && load<u32>(chain, OVERLAY) == overlay;
    if (isSame && load<u32>(chain, SOURCE) == source) return chain;
    chain += CHAIN_SIZE;
    if (chain != end) continue;
    chain -= (1 + (victim++ % CHAIN_WAYS)) * CHAIN_SIZE;
    break;
  }
  store<u32>(chain, endpoint, ENDPOINT);
  store<u32>(chain, overlay, OVERLAY);
  store<u32>(chain, source, SOURCE);
  store<u32>(chain, list, LIST);
  store<u32>(chain, 0, LEN);
  return chain;
}

@inline
function open(chain: usize, index: u32, len: u32): void {
  store<u32>(chain, index, TAIL);
  store<u32>(chain, len, LEN);
  store<u32>(chain, 1, COUNT);
  store<u32>(chain, len + VXLAN_HLEN, BYTES);
}
