/** Memory in huge pages: fewer misses of the TLB where a large table is read at random. */
import { lastErrno, madvise } from './libc.js';

const MADV_HUGEPAGE = 14;
const PAGE = 4096; // bytes, the smallest that the kernel has: an address that it takes

/**
 * Asks for huge pages where the `length` bytes from `address` on fill any. They are a wish: a kernel without them
 * answers -EINVAL, one that has none free gives small pages. What is there stays there.
 */
export function adviseHugePages(address: number, length: number): number {
  const start = Math.ceil(address / PAGE) * PAGE;
  return madvise(start, Math.max(address + length - start, 0), MADV_HUGEPAGE) === 0 ? 0 : -lastErrno();
}
