/** Frames that were real once: captured ones, damaged in one of several ways, and bytes that mean nothing. */
import { withTags } from '../support/bytes.js';
import { Random } from '../support/random.js';
import * as golden from '../wire/frames.js';

const captured = Object.values(golden).filter((value) => value instanceof Uint8Array);

const fixed = new Random(1);
const NOISE = Uint8Array.from({ length: 65536 }, () => fixed.below(256));

/** Random bytes, mostly few, now and then more than a frame may have. */
export function noise(random: Random): Uint8Array {
  const length = random.oneIn(10) ? random.below(9400) : random.below(120);
  const start = random.below(NOISE.length - length);
  return NOISE.subarray(start, start + length);
}

/**
 * One captured frame, its destination one of `macs` half of the time and its source mostly the first of them, then
 * damaged.
 */
export function damagedFrame(random: Random, macs: readonly Uint8Array[]): Uint8Array {
  const bytes = Uint8Array.from(random.pick(captured));
  if (random.oneIn(2)) bytes.set(random.pick(macs), 0);
  if (!random.oneIn(8)) bytes.set(macs[0]!, 6);
  return damaged(random, bytes);
}

/** Cut, tagged, replaced, lengthened, or with a few bytes changed. */
function damaged(random: Random, bytes: Uint8Array): Uint8Array {
  const damage = random.below(8);
  if (damage === 0) return bytes.subarray(0, random.below(bytes.length + 1));
  if (damage === 1) {
    const tags = Array.from({ length: 1 + random.below(4) }, () =>
      random.pick([0x8100_0007, 0x88a8_0007, 0x8800_0107]),
    );
    return withTags(bytes, ...tags);
  }
  if (damage === 2) return noise(random);
  if (damage === 3) return Buffer.concat([bytes, noise(random)]);
  for (let flips = damage - 3; flips > 0; flips--) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

/** A virtio_net_hdr of a complete frame mostly, else of one with work left, plausible or not. */
export function anyVnet(random: Random): Uint8Array {
  const bytes = new Uint8Array(10);
  if (!random.oneIn(3)) return bytes;
  const view = new DataView(bytes.buffer);
  const few = (...values: number[]): number => (random.oneIn(20) ? random.below(65536) : random.pick(values));
  view.setUint8(0, few(0, 1, 1, 1));
  view.setUint8(1, few(0, 0, 1, 4, 5));
  view.setUint16(2, few(42, 54, 62, 66, 74), true);
  view.setUint16(4, few(0, 1, 8, 100, 1000), true);
  view.setUint16(6, few(34, 38, 54, 58), true);
  view.setUint16(8, few(6, 16), true);
  return bytes;
}
