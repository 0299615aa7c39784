/** The tables of early drop, as its programs and the host have them. Numbers are u32 or u64 in host byte order. */
import { ipBytes, ipFamily } from '../../address.js';

//  A slot:  0         4        8           16      24
//          | period  | passed | datagrams | bytes |      datagrams and bytes: dropped
export const SLOT_SIZE = 24;
export const SLOT_PASSED = 4;
export const SLOT_DATAGRAMS = 8;
export const SLOT_BYTES = 16;

//  The slots:  0     1                 1025               (+ listeners)
//             | all | hashed senders  | one a listener   | three an overlay, those of overlay 0 for what is nobody's
export const ALL_SLOT = 0;
export const SENDER_SLOT_BITS = 10;
const LISTENER_SLOTS = 1 + 2 ** SENDER_SLOT_BITS;
const RULES = 3;

/** Places in the table of slots. */
export class Slots {
  readonly all = ALL_SLOT;
  readonly count: number;
  readonly #rules: number;

  constructor(listeners: number, overlays: number) {
    this.#rules = LISTENER_SLOTS + listeners;
    this.count = this.#rules + overlays * RULES;
  }

  listener(number: number): number {
    return LISTENER_SLOTS + number;
  }

  rule(overlay: number, rule: (typeof OVERLAY_RULES)[number] | (typeof NOBODYS_RULES)[number]): number {
    const rules: readonly string[] = overlay === 0 ? NOBODYS_RULES : OVERLAY_RULES;
    return this.#rules + overlay * RULES + rules.indexOf(rule);
  }
}

/** Drop reasons, in the order of their slots. */
export const NOBODYS_RULES = ['truncated', 'bad_vxlan_header', 'unknown_vni'] as const;
export const OVERLAY_RULES = ['source_unknown', 'reserved_bits'] as const;

//  A key of the VNIs:  0     3      4          its value:  0            4       8
//                     | VNI | socket |                    | first slot | flags |
export const VNI_KEY_SIZE = 4;
export const VNI_VALUE_SIZE = 8;
export const CHECKS_SENDER = 1;
export const IS_STRICT = 2;

//  A key of the known VTEPs:  0                     4                                         20
//                            | the overlay's slot  | IPv6 address, or the IPv4 one as ::ffff:… |
export const VTEP_KEY_SIZE = 20;
/** In the place of a slot: an overlay knows it, whichever. */
export const ANY_OVERLAY = 0;
export const VTEP_VALUE_SIZE = 4;

/** Keys of the VNIs that are no VNI's have a socket there is none of. While this one is there everything passes. */
export const PAUSE_KEY = 0xff00_0000;
/** With a socket's index in the lowest byte: while it is there an overlay on that socket takes anybody's datagrams. */
export const ANYBODY_KEY = 0xff00_0100;
/** So many there may be: the pause, and one a socket. */
export const SPECIAL_KEYS = 1 + 256;

/** What programs know a socket by: its index, and this where its datagrams have no I flag. */
export const WITHOUT_FLAG_I = 0x100;

export function socketWord(socket: number, hasFlagI: boolean): number {
  return hasFlagI ? socket : socket + WITHOUT_FLAG_I;
}

export function vniKey(vni: number, socket: number): Buffer {
  return Buffer.from([vni >> 16, vni >> 8, vni, socket]);
}

/** `slot`: the first of the overlay. */
export function vtepKey(slot: number, ip: string): Buffer {
  const key = Buffer.alloc(VTEP_KEY_SIZE);
  key.writeUInt32LE(slot);
  if (ipFamily(ip) === 4) key.writeUInt16BE(0xffff, 14);
  key.set(ipBytes(ip), ipFamily(ip) === 4 ? 16 : 4);
  return key;
}

/** Descriptors of the tables, and where in the slots is what. */
export interface EarlyDropTables {
  readonly vnis: number;
  readonly vteps: number;
  readonly slots: number;
  readonly places: Slots;
  /** Odd: spreads senders over their slots. */
  readonly spread: number;
}
