// The output list of a worker, filled and read as the datapath and the engine do: for the tests of coalescing.

import {
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_JOINED,
  OUT_LEN,
  OUT_NEXT,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_SIZE,
  OUT_VNET,
  OUT_VNIC,
  PAGE_SIZE,
  W_HELD_ARENAS,
  W_OUT,
  W_SIZE,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import type { TestModule } from './module.js';

/** Pages of a memory with one worker's area in it. */
export const LIST_PAGES = Math.ceil((WORKERS_BASE + W_SIZE) / PAGE_SIZE);
/** Where the frames stand: the arenas of held frames, unused here. */
const FRAMES_AT = WORKERS_BASE + W_HELD_ARENAS;
const VNET_LEN = 10;
const BOTH = 3;

export interface Entry {
  readonly vnic: number;
  readonly frame: Uint8Array;
  /** Not 0: it goes to the underlay. */
  readonly endpoint?: number;
  /** Of a super-frame. */
  readonly vnet?: Uint8Array;
}

/** What one write to a TAP would carry. */
export interface Written {
  /** Indexes of the entries that leave with it, the head first. */
  readonly entries: readonly number[];
  readonly vnic: number;
  readonly vnet: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Puts the entries on the list, coalesces, and answers what would be written to TAPs, in order. */
export function coalesceList(m: TestModule, entries: readonly Entry[], kinds = BOTH): Written[] {
  m.workerAttach(0);
  const view = new DataView(m.bytes.buffer);
  const at = (index: number): number => WORKERS_BASE + W_OUT + index * OUT_SIZE;
  const get = (index: number, field: number): number => view.getUint32(at(index) + field, true);
  const nextOf = (index: number): number => {
    const next = get(index, OUT_NEXT);
    return next === 0 ? -1 : (next - at(0)) / OUT_SIZE;
  };
  let place = FRAMES_AT;
  for (const [index, { vnic, frame, endpoint = 0, vnet }] of entries.entries()) {
    // The last one ends where the memory ends: whoever reads behind it traps.
    if (index === entries.length - 1) place = m.bytes.length - frame.length;
    m.bytes.fill(0, at(index), at(index) + OUT_SIZE);
    m.bytes.set(frame, place);
    const put = (field: number, value: number): void => view.setUint32(at(index) + field, value, true);
    put(OUT_FRAME, place);
    put(OUT_LEN, frame.length);
    put(OUT_ENDPOINT, endpoint);
    put(OUT_VNIC, vnic);
    put(OUT_FRAMES, 1);
    if (vnet !== undefined) m.bytes.set(vnet, at(index) + OUT_VNET);
    place += frame.length + 8; // as if from the wire: a VXLAN header before each
  }
  m.coalesceBegin();
  for (const index of entries.keys()) m.coalesce(index, kinds);
  m.coalesceEnd();
  const part = (start: number, length: number): Uint8Array => m.bytes.slice(start, start + length);
  const heads = [...entries.keys()].filter((index) => get(index, OUT_JOINED) === 0 && get(index, OUT_ENDPOINT) === 0);
  return heads.map((head) => {
    const chain = [head];
    for (let next = nextOf(head); next >= 0; next = nextOf(next)) chain.push(next);
    const whole = chain.length === 1;
    const parts = whole
      ? [part(get(head, OUT_FRAME), get(head, OUT_LEN))]
      : chain.map((index) => part(get(index, OUT_PAYLOAD), get(index, OUT_PAYLOAD_LEN)));
    const vnet = part(at(head) + OUT_VNET, VNET_LEN);
    return { entries: chain, vnic: get(head, OUT_VNIC), vnet, bytes: Uint8Array.from(Buffer.concat(parts)) };
  });
}
