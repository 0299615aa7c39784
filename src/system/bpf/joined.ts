/**
 * What the kernel has joined is datagrams of one flow, whatever is in them: a VTEP sends those of all its overlays by
 * the same few ports. Who looks at the first VXLAN header has looked at all only if they are alike.
 */
import {
  add,
  addRegister,
  call,
  copy,
  divideBy,
  FP,
  jumpIfEqual,
  jumpIfLess,
  jumpIfMore,
  jumpUnlessEqual,
  jumpUnlessLess,
  jumpUnlessSame,
  type Line,
  label,
  load,
  multiplyBy,
  R1,
  R2,
  R3,
  R4,
  R6,
  R7,
  type Register,
  set,
  storeRegister,
} from './instructions.js';

const SKB_LOAD_BYTES = 26;
const VXLAN_HLEN = 8;

// struct __sk_buff
const SKB_GSO_SEGS = 164; // since Linux 5.1; 0: nothing was joined, or nobody has counted
const SKB_GSO_SIZE = 176; // since Linux 5.7; 0: nothing was joined

/** Of one message: UDP_MAX_SEGMENTS of a sender on this host; what a network card brings is at most 64. */
const JOINED_MAX = 128;

interface Joined {
  /** Bytes behind the UDP header. */
  readonly length: Register;
  /** Where on the stack: the first header, u32 where that is from the start of the context, and room for another. */
  readonly header: number;
  readonly headerAt: number;
  readonly next: number;
  /** Where to go where they differ. */
  readonly unlike: string;
}

/**
 * r7 = how many datagrams have been joined, 1: none. A virtual network card does not count them, but says their size.
 * `length`: as in {@link Joined}; `counted`: a label for this place alone. r6 is the context; r1 is used.
 */
export const countJoined = (length: Register, counted: string): Line[] => [
  load('u32', R7, R6, SKB_GSO_SEGS),
  jumpUnlessEqual(R7, 0, counted),
  set(R7, 1),
  load('u32', R1, R6, SKB_GSO_SIZE),
  jumpIfEqual(R1, 0, counted),
  copy(R7, length),
  addRegister(R7, R1),
  add(R7, -1),
  divideBy(R7, R1),
  label(counted),
];

/**
 * Goes on where all VXLAN headers are the same; jumps to `unlike`, or to 'keep' where there are more than can be looked
 * at. r6 is the context; r7 is used. A super-frame behind one VXLAN header is longer than its segments are together,
 * most often.
 */
export const compareJoined = ({ length, header, headerAt, next, unlike }: Joined): Line[] => [
  ...countJoined(length, 'counted to compare'),
  load('u32', R1, R6, SKB_GSO_SIZE),
  multiplyBy(R1, R7),
  jumpIfMore(length, R1, 'alike'),
  ...Array.from({ length: JOINED_MAX - 1 }).flatMap(() => [
    jumpIfLess(R7, 2, 'alike'),
    add(R7, -1),
    load('u32', R2, FP, headerAt),
    load('u32', R1, R6, SKB_GSO_SIZE),
    addRegister(R2, R1),
    storeRegister('u32', FP, headerAt, R2),
    copy(R1, R6),
    copy(R3, FP),
    add(R3, next),
    set(R4, VXLAN_HLEN),
    call(SKB_LOAD_BYTES),
    load('u64', R1, FP, next),
    load('u64', R2, FP, header),
    jumpUnlessSame(R1, R2, unlike),
  ]),
  jumpUnlessLess(R7, 2, 'keep'),
  label('alike'),
];
