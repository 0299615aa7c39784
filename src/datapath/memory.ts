/** The shared memory: its size, its address, and one set of typed views on it. */
import {
  FDB_SLOT_SIZE,
  FDB_STAMP_SIZE,
  HDR_FDB_BASE,
  HDR_FDB_LIMIT,
  HDR_FDB_MASK,
  HDR_MEMORY_BASE,
  HDR_STAMP,
  HDR_WORKERS,
  LAYOUT_STAMP,
  PAGE_SIZE,
  W_SIZE,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { memoryTooLarge } from '../errors.js';
import { addressOf } from '../system/syscalls.js';

/** Views of one memory. Offsets are bytes; a 32-bit index is the offset shifted by 2. */
export interface Views {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  /** The memory's first byte in this process. */
  readonly address: number;
}

/** Typed views on the memory; made once per thread. */
export function viewsOf(memory: WebAssembly.Memory): Views {
  const buffer = memory.buffer;
  const u8 = new Uint8Array(buffer);
  return {
    u8,
    u16: new Uint16Array(buffer),
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    u64: new BigUint64Array(buffer),
    address: addressOf(u8),
  };
}

const GIB = 2 ** 30;
const SIZE_MAX = 4 * GIB; // what 32-bit offsets reach

/** Slots of an FDB of `fdbSize` entries: a power of two, at most half full. */
function slotsFor(fdbSize: number): number {
  return 2 ** Math.ceil(Math.log2(fdbSize * 2));
}

/**
 * A memory for `workers` workers and an FDB of `fdbSize` entries, its header filled. It never grows: the kernel is
 * handed addresses inside it.
 */
export function createMemory(workers: number, fdbSize: number): WebAssembly.Memory {
  const slots = slotsFor(fdbSize);
  const fdbBase = WORKERS_BASE + workers * W_SIZE;
  const size = fdbBase + slots * (FDB_SLOT_SIZE + FDB_STAMP_SIZE * (1 + 2 * workers));
  if (size > SIZE_MAX) throw memoryTooLarge(fdbSize, workers, size / GIB, SIZE_MAX / GIB);
  const pages = Math.ceil(size / PAGE_SIZE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const views = viewsOf(memory);
  views.u32[HDR_STAMP >> 2] = LAYOUT_STAMP;
  views.u64[HDR_MEMORY_BASE >> 3] = BigInt(views.address);
  views.u32[HDR_FDB_BASE >> 2] = fdbBase;
  views.u32[HDR_FDB_MASK >> 2] = slots - 1;
  views.u32[HDR_FDB_LIMIT >> 2] = fdbSize;
  views.u32[HDR_WORKERS >> 2] = workers;
  return memory;
}
