/** The underlay TAP beside others, in several queues, at its end, and where it cannot be had. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ipBytes } from '../../src/address.js';
import { attachTcxIngress, loadTcxProgram } from '../../src/system/bpf/bpf.js';
import {
  add,
  assemble,
  call,
  copy,
  exit,
  FP,
  jumpUnlessEqual,
  label,
  load,
  R0,
  R1,
  R2,
  R3,
  R4,
  set,
} from '../../src/system/bpf/instructions.js';
import { closeFd } from '../../src/system/syscalls.js';
import { openUnderlayTap, probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { needsRoot } from '../support/root.js';
import { buildFrame, concat } from '../support/super-frames.js';
import { until } from '../support/until.js';
import { leavesNoDescriptor } from './descriptors.js';
import { receiveOne } from './messages.js';
import {
  Frames,
  flow,
  OURS,
  PAYLOAD,
  PEER,
  PORT,
  TUNNEL_VNET,
  toInterface,
  UnderlayHost,
  WAIT_MS,
} from './underlay-host.js';

const UNDERLAY_TAP = new URL('../../src/system/underlay-tap.js', import.meta.url).href;

describe('the underlay TAP and others', { skip: needsRoot() }, () => {
  let host: UnderlayHost;
  before(() => {
    host = new UnderlayHost();
  });
  beforeEach(() => host.drain());
  after(() => host?.close());

  it('stands behind the programs that are there, and leaves those their work', () => {
    const nicIndex = host.ifindex('nic0');
    const dropping = (port: number): number =>
      loadTcxProgram(
        'drop_port',
        assemble([
          set(R2, 14 + 20),
          copy(R3, FP),
          add(R3, -8),
          set(R4, 4),
          call(26), // skb_load_bytes
          load('u16', R1, FP, -8),
          jumpUnlessEqual(R1, ((port & 0xff) << 8) | (port >> 8), 'next'),
          set(R0, 2), // TCX_DROP
          exit(),
          label('next'),
          set(R0, -1),
          exit(),
        ]),
      );
    host.inside(() => host.tap.detach(nicIndex));
    const first = dropping(1111);
    const last = dropping(2222);
    const links = [host.inside(() => attachTcxIngress(first, nicIndex))];
    host.inside(() => host.tap.attach(nicIndex));
    links.push(host.inside(() => attachTcxIngress(last, nicIndex)));
    const other = host.listen(OURS[4], PORT + 2);
    const send = (from: number, to: number) => host.wire.write(buildFrame(flow(4, { ports: [from, to] }), PAYLOAD));
    send(1111, PORT); // the first drops it
    send(2222, PORT); // ours has it before the last
    send(2222, PORT + 2); // the last drops it, passed on by ours
    send(3333, PORT + 2); // nobody drops it
    assert.equal(host.ours.await().readUInt16BE(34), 2222);
    assert.equal((receiveOne(other, WAIT_MS) as { port: number }).port, 3333);
    assert.deepEqual([host.ours.read(), typeof receiveOne(other)], [null, 'number']);
    for (const fd of [...links, first, last]) closeFd(fd);
  });

  it('divides what comes between its queues, each of which sends', () => {
    const two = host.inside(() => openUnderlayTap(2));
    host.inside(() => host.tap.detach(host.ifindex('nic0')));
    host.inside(() => two.attach(host.ifindex('nic0')));
    two.listen({ ip: OURS[4], port: PORT }, 1);
    const queues = two.fds.map((fd) => new Frames(fd, TUNNEL_VNET));
    const sources = Array.from({ length: 32 }, (_, index) => 50_000 + index);
    for (const port of sources) host.wire.write(buildFrame(flow(4, { ports: [port, PORT] }), PAYLOAD));
    const ports = queues.map((queue) => {
      const seen: number[] = [];
      for (let frame = queue.read(); frame !== null; frame = queue.read()) seen.push(frame.readUInt16BE(34));
      return seen;
    });
    assert.deepEqual(ports.flat().sort(), sources);
    assert.ok(
      ports.every((seen) => seen.length > 0),
      `${ports.map((seen) => seen.length)}`,
    );
    const macs = toInterface(two.mac, host.ifindex('nic0'));
    const addresses = concat(ipBytes(OURS[4]), ipBytes(PEER[4]));
    for (const queue of queues) {
      queue.write(buildFrame(flow(4, { macs, addresses }), PAYLOAD));
      assert.equal(host.wire.await().readUInt16BE(12), 0x0800);
    }
    two.close();
    host.inside(() => host.tap.attach(host.ifindex('nic0')));
  });

  it('leaves nothing behind: neither when it is closed nor when it cannot be had', () => {
    leavesNoDescriptor(() => {
      const another = host.inside(() => openUnderlayTap(1));
      host.inside(() => another.attach(host.ifindex('nic0')));
      assert.notEqual(another.name, host.tap.name);
      another.close();
      another.close();
      assert.equal(host.netns.link(another.name), undefined);
      assert.throws(() => host.tap.attach(4_000_000), { errnoName: 'ENODEV' });
    });
  });

  it('ends with its process, also by kill -9: the socket receives again', async () => {
    host.inside(() => host.tap.detach(host.ifindex('nic0')));
    const script = `
      const { openUnderlayTap } = await import(${JSON.stringify(UNDERLAY_TAP)});
      const tap = openUnderlayTap(1);
      tap.attach(${host.ifindex('nic0')});
      tap.listen({ ip: '${OURS[4]}', port: ${PORT} });
      console.log(tap.name);
      setInterval(() => {}, 1000);`;
    const argv = ['netns', 'exec', host.netns.name, process.execPath, '--input-type=module', '--eval', script];
    const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const name = await new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(`${text}`.trim())));
    const datagram = buildFrame(flow(4), PAYLOAD);
    host.wire.write(datagram);
    host.stackHasNothing(host.socket[4], 100); // the child has it
    child.kill('SIGKILL');
    await until(() => host.netns.link(name) === undefined);
    host.wire.write(datagram);
    host.stackHas(host.socket[4]);
    host.inside(() => host.tap.attach(host.ifindex('nic0')));
  });
});

/** What the probe says in a process that ran `script` first, started by `launcher`. */
function probeIn(launcher: readonly string[], script = ''): { ok: boolean; reason?: string } {
  const program = `${script}
    const { probeUnderlayTap } = await import(${JSON.stringify(UNDERLAY_TAP)});
    console.log(JSON.stringify(probeUnderlayTap()));`;
  const [command, ...args] = [...launcher, process.execPath, '--input-type=module', '--eval', program];
  const child = spawnSync(command!, args, { encoding: 'utf8', timeout: 20_000 });
  assert.equal(child.status, 0, child.stderr);
  return JSON.parse(child.stdout);
}

/** A seccomp filter for the calling thread: TUNSETOFFLOAD with 0x80 in its argument is not known. */
const WITHOUT_TUNNELS = `
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const prctl = libc.func('prctl', 'int', ['int', 'ulong', 'void *', 'ulong', 'ulong']);
  const instruction = (code, jt, jf, k) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(code, 0); bytes[2] = jt; bytes[3] = jf; bytes.writeUInt32LE(k, 4);
    return bytes;
  };
  const filter = Buffer.concat([
    instruction(0x20, 0, 0, 0),           // the number of the call
    instruction(0x15, 0, 5, process.arch === 'x64' ? 16 : 29), // ioctl?
    instruction(0x20, 0, 0, 24),          // its request
    instruction(0x15, 0, 3, 0x400454d0),  // TUNSETOFFLOAD?
    instruction(0x20, 0, 0, 32),          // its argument
    instruction(0x45, 0, 1, 0x80),        // UDP tunnels?
    instruction(0x06, 0, 0, 0x50000 | 22),
    instruction(0x06, 0, 0, 0x7fff0000),
  ]);
  const program = Buffer.alloc(16);
  program.writeUInt16LE(8, 0);
  program.writeBigUInt64LE(koffi.address(filter), 8);
  if (prctl(38, 1, null, 0, 0) !== 0 || prctl(22, 2, program, 0, 0) !== 0) throw new Error('no seccomp here');`;

describe('the probe of the underlay TAP', { skip: needsRoot() }, () => {
  it('finds it here, and leaves nothing', () => {
    leavesNoDescriptor(() => assert.deepEqual(probeUnderlayTap(), { ok: true }));
  });

  it('needs CAP_NET_ADMIN and CAP_BPF, nothing else, and says so', () => {
    const only = (...capabilities: string[]): string[] => {
      const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
      return ['setpriv', `--bounding-set=${set}`, `--inh-caps=${set}`];
    };
    assert.deepEqual(probeIn(only('net_admin', 'bpf')), { ok: true });
    const wants = /^an underlay TAP wants CAP_NET_ADMIN and CAP_BPF: /;
    assert.match(probeIn(only('bpf')).reason ?? '', wants);
    assert.match(probeIn(only('net_admin')).reason ?? '', wants);
  });

  it('says which release it takes when the kernel knows no tunnels', () => {
    const { ok, reason } = probeIn([], WITHOUT_TUNNELS);
    assert.equal(ok, false);
    assert.match(reason ?? '', /^Linux \S+ is too old for an underlay TAP: .*; 6\.17 or newer is needed$/);
  });
});
