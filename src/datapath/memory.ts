/** The shared memory: its size, its address, and one set of typed views on it. */
import { randomBytes } from 'node:crypto';
import {
  FDB_BUCKET_SIZE,
  FDB_STAMP_SIZE,
  FDB_WAYS,
  HASH_KEYS_SIZE,
  HDR_FDB_BASE,
  HDR_FDB_BUCKETS,
  HDR_FDB_LIMIT,
  HDR_HASH_KEYS,
  HDR_MEMORY_BASE,
  HDR_STAMP,
  HDR_WORKERS,
  LAYOUT_STAMP,
  PAGE_SIZE,
  W_SIZE,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { adviseHugePages } from '../system/huge-pages.js';
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

/**
 * Buckets of an FDB of `fdbSize` entries. Half full, nearly every entry stands in the first bucket of its two, and a
 * new one finds room at once, or within a few moves. The few more keep chance out of small tables.
 */
function bucketsFor(fdbSize: number): number {
  return Math.ceil((fdbSize * 2) / FDB_WAYS) + 64;
}

/**
 * A memory for `workers` workers and an FDB of `fdbSize` entries, its header filled. It never grows: the kernel is
 * handed addresses inside it.
 */
export function createMemory(workers: number, fdbSize: number): WebAssembly.Memory {
  const buckets = bucketsFor(fdbSize);
  const fdbBase = WORKERS_BASE + (workers + 1) * W_SIZE; // the last area is that of traces
  const size = fdbBase + buckets * (FDB_BUCKET_SIZE + FDB_WAYS * 2 * FDB_STAMP_SIZE);
  const pages = Math.ceil(size / PAGE_SIZE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const views = viewsOf(memory);
  adviseHugePages(views.address + fdbBase, buckets * FDB_BUCKET_SIZE); // frames ask for MACs at random
  views.u32[HDR_STAMP >> 2] = LAYOUT_STAMP;
  views.u64[HDR_MEMORY_BASE >> 3] = BigInt(views.address);
  views.u32[HDR_FDB_BASE >> 2] = fdbBase;
  views.u32[HDR_FDB_BUCKETS >> 2] = buckets;
  views.u32[HDR_FDB_LIMIT >> 2] = fdbSize;
  views.u32[HDR_WORKERS >> 2] = workers;
  views.u8.set(randomBytes(HASH_KEYS_SIZE), HDR_HASH_KEYS);
  views.u8[HDR_HASH_KEYS + HASH_KEYS_SIZE - 8]! |= 1; // the last factor is odd, or it would lose bits
  return memory;
}
