/** Descriptors of another process: what is taken is the same open file, and nothing is taken by halves. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, mkdtempSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { takeDescriptors } from '../../src/system/descriptors.js';
import { closeFd } from '../../src/system/syscalls.js';
import { needsRoot } from '../support/root.js';
import { leavesNoDescriptor } from './descriptors.js';

it('descriptors of another process are had as they are there, or none', { skip: needsRoot() }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vxlane-descriptors-'));
  const file = join(folder, 'file');
  writeFileSync(file, 'one two');
  const reader = spawn('sh', ['-c', `exec 7<${file}; head -c 4 <&7 >/dev/null; echo ready; read line`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(reader.stdout, 'data');
    leavesNoDescriptor(() => {
      assert.throws(() => takeDescriptors(reader.pid!, [7, 999]), /take descriptors of process \d+: .*EBADF/);
    });
    const [taken] = takeDescriptors(reader.pid!, [7]) as [number];
    const rest = Buffer.alloc(16);
    assert.equal(fstatSync(taken).size, 7);
    assert.equal(rest.toString('utf8', 0, readSync(taken, rest)), 'two', 'it is read on where the other has stopped');
    closeFd(taken);
  } finally {
    reader.stdin.end();
    rmSync(folder, { recursive: true });
  }
  assert.throws(() => takeDescriptors(2 ** 22, [7]), /ESRCH|EINVAL/);
});
