import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { pointerTo } from '../../src/system/libc.js';
import { openUring, probeUring } from '../../src/system/uring.js';
import { needsRoot } from '../support/root.js';
import { leavesNoDescriptor } from './descriptors.js';

const URING = new URL('../../src/system/uring.js', import.meta.url).href;

/** What the probe says in a process that ran `script` first, started by `launcher`. */
function probeIn(script: string, launcher: readonly string[] = []): { ok: boolean; reason?: string } {
  const program = `${script}
    const { probeUring } = await import(${JSON.stringify(URING)});
    console.log(JSON.stringify(probeUring()));`;
  const [command, ...args] = [...launcher, process.execPath, '--input-type=module', '--eval', program];
  const child = spawnSync(command!, args, { encoding: 'utf8', timeout: 20_000 });
  assert.equal(child.status, 0, child.stderr);
  return JSON.parse(child.stdout);
}

/** A seccomp filter for the calling thread: io_uring_setup fails with this errno. */
const seccomp = (errno: string) => `
  const { default: koffi } = await import('koffi');
  const { constants } = await import('node:os');
  const libc = koffi.load('libc.so.6');
  const prctl = libc.func('prctl', 'int', ['int', 'ulong', 'void *', 'ulong', 'ulong']);
  const instruction = (code, jt, jf, k) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(code, 0); bytes[2] = jt; bytes[3] = jf; bytes.writeUInt32LE(k, 4);
    return bytes;
  };
  const filter = Buffer.concat([
    instruction(0x20, 0, 0, 0),    // the number of the call
    instruction(0x15, 0, 1, 425),  // io_uring_setup?
    instruction(0x06, 0, 0, 0x50000 | constants.errno.${errno}),
    instruction(0x06, 0, 0, 0x7fff0000),
  ]);
  const program = Buffer.alloc(16);
  program.writeUInt16LE(4, 0);
  program.writeBigUInt64LE(koffi.address(filter), 8);
  if (prctl(38, 1, null, 0, 0) !== 0 || prctl(22, 2, program, 0, 0) !== 0) throw new Error('no seccomp here');`;

describe('the probe of io_uring', () => {
  it('finds it here', () => {
    leavesNoDescriptor(() => assert.deepEqual(probeUring(), { ok: true }));
  });

  it('says that it is forbidden, or not there', () => {
    assert.deepEqual(probeIn(seccomp('EPERM')), {
      ok: false,
      reason: 'io_uring is forbidden to this process, perhaps by a seccomp filter (EPERM)',
    });
    assert.deepEqual(probeIn(seccomp('ENOSYS')), {
      ok: false,
      reason: 'this kernel has no io_uring, or a seccomp filter hides it (ENOSYS)',
    });
  });

  it('says which release it takes when the kernel does not know our flags', () => {
    const { reason } = probeIn(seccomp('EINVAL'));
    assert.match(reason ?? '', /^Linux \S+ is too old for the uring engine: .* 6\.7 or newer is needed/);
  });

  it('says that locked memory is short', { skip: needsRoot() }, () => {
    const drop = ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock'];
    const { reason } = probeIn('', ['prlimit', '--memlock=8192', ...drop]);
    assert.match(reason ?? '', /RLIMIT_MEMLOCK/);
  });
});

describe('a ring that cannot be had', () => {
  it('because its memory is not of a page: nothing is left', () => {
    const memory = new WebAssembly.Memory({ shared: true, initial: 1, maximum: 1 });
    const base = pointerTo(new Uint8Array(memory.buffer));
    const refuses = (rings: number, sqes: number) =>
      leavesNoDescriptor(() =>
        assert.throws(() => openUring({ entries: 8, cqEntries: 16, rings, sqes }), { code: 'system_call_failed' }),
      );
    refuses(base + 64, base + 8192);
    refuses(base, base + 8200);
    refuses(0, base + 8192);
  });
});
