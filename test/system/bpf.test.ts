import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { BpfMap, loadTcxProgram } from '../../src/system/bpf/bpf.js';
import {
  add,
  and,
  assemble,
  atomicAdd,
  call,
  copy,
  exit,
  FP,
  jump,
  jumpIfEqual,
  jumpIfLess,
  jumpIfSame,
  jumpUnlessEqual,
  jumpUnlessLess,
  jumpUnlessSame,
  type Line,
  label,
  load,
  loadMap,
  multiply,
  R0,
  R1,
  R2,
  R3,
  R6,
  R7,
  R9,
  set,
  shiftRight,
  store,
  storeRegister,
  xor,
} from '../../src/system/bpf/instructions.js';
import { fromWire, listenerKey, toWire } from '../../src/system/bpf/programs.js';
import { closeFd } from '../../src/system/syscalls.js';
import { needsRoot } from '../support/root.js';
import { leavesNoDescriptor } from './descriptors.js';

const hex = (...lines: Line[]): string => assemble(lines).toString('hex');

describe('the assembler of eBPF', () => {
  it('writes each instruction as RFC 9669 has it', () => {
    assert.equal(hex(copy(R6, R1)), 'bf16000000000000');
    assert.equal(hex(set(R0, -1)), 'b7000000ffffffff');
    assert.equal(hex(add(R3, -48)), '07030000d0ffffff');
    assert.equal(hex(and(R1, 0xff3f)), '570100003fff0000');
    assert.equal(hex(load('u32', R1, R6, 16)), '6161100000000000');
    assert.equal(hex(load('u16', R1, FP, -42)), '69a1d6ff00000000');
    assert.equal(hex(load('u8', R1, FP, -48)), '71a1d0ff00000000');
    assert.equal(hex(load('u64', R2, FP, -8)), '79a2f8ff00000000');
    assert.equal(hex(store('u32', FP, -36, 0xffff_0000)), '620adcff0000ffff');
    assert.equal(hex(store('u16', FP, -8, 0)), '6a0af8ff00000000');
    assert.equal(hex(storeRegister('u32', FP, -60, R1)), '631ac4ff00000000');
    assert.equal(hex(atomicAdd(R0, 8, R7)), 'db70080000000000');
    assert.equal(
      hex(xor(R1, R2), multiply(R1, 7), shiftRight(R1, 54)),
      'af21000000000000270100000700000077010000' + '36000000',
    );
    assert.equal(hex(call(23)), '8500000017000000');
    assert.equal(hex(exit()), '9500000000000000');
    assert.equal(hex(...loadMap(R1, 7)), '18110000070000000000000000000000');
  });

  it('counts jumps from the instruction behind them, over maps of two places, in both directions', () => {
    const program = [
      label('start'),
      jumpIfEqual(R0, 0, 'end'),
      ...loadMap(R1, 7),
      jumpUnlessEqual(R0, 2, 'start'),
      jump('end'),
      label('end'),
      exit(),
    ];
    const bytes = assemble(program);
    assert.deepEqual([bytes.length, bytes.readInt16LE(2)], [6 * 8, 4]);
    assert.deepEqual([bytes.readUInt8(24), bytes.readInt16LE(26), bytes.readInt32LE(28)], [0x55, -4, 2]);
    assert.deepEqual([bytes.readUInt8(32), bytes.readInt16LE(34)], [0x05, 0]);
  });

  it('compares without a sign, and two registers', () => {
    const jumps = [jumpIfLess(R9, 22, 'end'), jumpUnlessLess(R1, 256, 'end'), jumpIfSame(R1, R7, 'end')];
    const program = hex(...jumps, jumpUnlessSame(R1, R7, 'end'), label('end'), exit());
    assert.equal(program, 'a5090300160000003501020000010000' + '1d710100000000005d71000000000000' + '9500000000000000');
  });

  it('refuses a label that is missing, or there twice', () => {
    assert.throws(() => assemble([jump('nowhere'), exit()]), /no label nowhere/);
    assert.throws(() => assemble([label('here'), label('here'), exit()]), /label here is there twice/);
  });

  it('writes the program of the TAP byte for byte', () => {
    const expected = [
      'bf16000000000000', // r6 = r1
      'b702000008000000', // r2 = 8
      'bfa3000000000000', // r3 = r10
      '07030000f8ffffff', // r3 += -8
      'b704000004000000', // r4 = 4
      '850000001a000000', // call skb_load_bytes
      '5500060000000000', // if r0 != 0 goto +6
      '61a1f8ff00000000', // r1 = *(u32 *)(r10 - 8)
      'b702000000000000', // r2 = 0
      'b703000000000000', // r3 = 0
      'b704000000000000', // r4 = 0
      '8500000098000000', // call redirect_neigh
      '9500000000000000', // exit
      'b700000002000000', // r0 = TCX_DROP
      '9500000000000000', // exit
    ];
    assert.deepEqual(hex(...toWire).match(/.{16}/g), expected);
  });

  it('keys a listener by its address, IPv4 as mapped, and its port, as on the wire', () => {
    const prefix = '00000000000000000000ffff';
    assert.equal(listenerKey({ ip: '192.0.2.1', port: 4789 }).toString('hex'), `${prefix}c0000201000012b5`);
    assert.equal(
      listenerKey({ ip: 'fd00::1:2', port: 8472 }).toString('hex'),
      'fd000000000000000000000000010002' + '00002118',
    );
  });
});

describe('the verifier of this kernel', { skip: needsRoot() }, () => {
  const map = () => new BpfMap('test', { keySize: 20, valueSize: 4, entries: 4 });

  it('accepts both programs', () => {
    leavesNoDescriptor(() => {
      const listeners = map();
      const fds = [loadTcxProgram('to_wire', assemble(toWire))];
      fds.push(loadTcxProgram('from_wire', assemble(fromWire(listeners.fd))), listeners.fd);
      for (const fd of fds) assert.equal(closeFd(fd), 0);
    });
  });

  it('refuses a wrong one, and its words are in the error', () => {
    leavesNoDescriptor(() => {
      assert.throws(() => loadTcxProgram('wrong', assemble([exit()])), {
        errnoName: 'EACCES',
        message: /^load BPF program wrong, which the verifier refuses: .*R0 !read_ok.*: Permission denied \(EACCES\)$/,
      });
      assert.throws(
        () => loadTcxProgram('beyond', assemble([load('u32', R0, FP, -600), exit()])),
        /verifier refuses: .*invalid .*stack.*\(EACCES\)/,
      );
    });
  });

  it('is asked again when a signal interrupts it', async () => {
    let caught = 0;
    const count = () => void caught++;
    process.on('SIGUSR2', count);
    // So long that the verifier is at work most of the time; so few signals that the next attempt is left alone.
    const long = assemble([...Array.from({ length: 20_000 }, () => set(R0, 0)), exit()]);
    const sending = `for i in $(seq 15); do sleep 0.2; kill -USR2 ${process.pid}; done`;
    const sender = spawn('sh', ['-c', sending], { stdio: 'ignore' });
    try {
      let hasEnded = false;
      const end = once(sender, 'exit').then(() => {
        hasEnded = true;
      });
      while (!hasEnded) {
        assert.equal(closeFd(loadTcxProgram('long', long)), 0);
        await setImmediate();
      }
      await end;
      assert.ok(caught > 0);
    } finally {
      sender.kill();
      process.off('SIGUSR2', count);
    }
  });

  it('and an array is read by element, and from its start by one call', () => {
    const array = new BpfMap('array', { keySize: 4, valueSize: 8, entries: 3, type: 'array' });
    const key = (n: number) => Buffer.from([n, 0, 0, 0]);
    array.put(key(1), Buffer.from('0102030405060708', 'hex'));
    assert.equal(array.get(key(1)).toString('hex'), '0102030405060708');
    for (const count of [2, 3]) {
      assert.equal(
        array.first(count).toString('hex'),
        `00000000000000000102030405060708${'0'.repeat(16 * (count - 2))}`,
      );
    }
    assert.throws(() => array.get(key(3)), { errnoName: 'ENOENT' });
    closeFd(array.fd);
  });

  it('and its maps say what they do not take', () => {
    const listeners = map();
    const key = listenerKey({ ip: '192.0.2.1', port: 4789 });
    assert.throws(() => listeners.delete(key), { errnoName: 'ENOENT' });
    assert.throws(() => listeners.put(key, Buffer.alloc(8)), /a value of 4/);
    for (let port = 1; port <= 4; port++) listeners.put(listenerKey({ ip: '192.0.2.1', port }), Buffer.alloc(4));
    assert.throws(() => listeners.put(key, Buffer.alloc(4)), { errnoName: 'E2BIG' });
    closeFd(listeners.fd);
  });
});
