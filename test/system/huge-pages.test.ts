// What was asked for stands in /proc/PID/smaps: "hg" among the flags of the memory, whether or not huge pages are free.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HDR_FDB_BASE } from '../../assembly/layout.js';
import { createMemory, viewsOf } from '../../src/datapath/memory.js';

const HAS_HUGE_PAGES = existsSync('/sys/kernel/mm/transparent_hugepage/enabled');

/** The flags of the mapping that holds an address. */
function flagsAt(address: number): string[] {
  let isHere = false;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (start !== undefined) isHere = Number(`0x${start}`) <= address && address < Number(`0x${end}`);
    if (isHere && line.startsWith('VmFlags:')) return line.split(' ').slice(1);
  }
  return [];
}

test('the forwarding table asks for huge pages, and what is before it does not', { skip: !HAS_HUGE_PAGES }, () => {
  const views = viewsOf(createMemory(1, 1_000_000));
  const table = views.address + views.u32[HDR_FDB_BASE >> 2]!;
  assert.ok(flagsAt(table + (4 << 20)).includes('hg'));
  const before = flagsAt(views.address);
  assert.ok(before.length > 0 && !before.includes('hg'));
});
