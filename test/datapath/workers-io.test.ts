// The threads with a real TAP and real sockets: what a worker holds at the kernel outlives its trap, and is let go
// before anybody is told so.

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Inject, OVERLAYS_BASE, OVL_FIRST_VNIC, OVL_SIZE } from '../../assembly/layout.js';
import { Datapath } from '../../src/datapath/datapath.js';
import { Workers } from '../../src/datapath/workers.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { openUnderlay, type Underlay } from '../../src/system/udp.js';
import { Core, OVERLAY } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP } from '../support/tap.js';
import { PLAIN_UDP } from '../support/udp.js';
import '../support/each-engine.js';
import { until } from '../support/until.js';

const A = '02:00:00:00:00:0a';
const FAR = '02:00:00:00:00:0c';
const PORT = 14790;
const TEN = 10;
const module = new WebAssembly.Module(readFileSync(new URL('../../../build/release.wasm', import.meta.url)));

describe('a worker with a TAP and a socket', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  let underlay: Underlay;
  let tap: Tap;
  let peer: Socket;
  let datagrams = 0;
  let dropped: { worker_restarted?: number } = {};

  before(async () => {
    underlay = openUnderlay({ listen: { ip: '127.0.0.1', port: PORT }, ...PLAIN_UDP });
    tap = openTap({ name: 'tap0', mac: A, mtu: 1400, netns: netns.name, persist: false, ...PLAIN_TAP });
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.tap0.disable_ipv6=1');
    netns.exec('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'tap0');
    netns.exec('ip', 'neigh', 'add', '10.9.0.2', 'lladdr', FAR, 'dev', 'tap0', 'nud', 'permanent');
    peer = createSocket('udp4', () => datagrams++).bind(0, '127.0.0.1');
    await once(peer, 'listening');
  });
  after(() => {
    peer.close();
    tap.close();
    underlay.close();
    netns.delete();
  });

  /** TEN frames out of the TAP and TEN into it; they must come through. */
  const exchange = async (core: Core): Promise<void> => {
    const { delivered } = core.counters.totals();
    datagrams = 0;
    const sender = `const s = require('node:dgram').createSocket('udp4'); let left = ${TEN};
      for (let n = 0; n < ${TEN}; n++) s.send('x', 9, '10.9.0.2', () => --left || s.close());`;
    netns.exec(process.execPath, '-e', sender);
    for (let n = 0; n < TEN; n++) peer.send(datagram(OVERLAY.vni, frame(A, FAR)), PORT, '127.0.0.1');
    await until(() => datagrams === TEN && core.counters.totals().delivered! - delivered! === TEN);
  };

  it('that traps is replaced; TAP and socket work as before, and the books balance', async () => {
    const core = new Core('release', 64, underlay.listeners[0]!);
    const overlay = core.overlay();
    const vnic = core.tables.addVnic({ overlay, fds: [tap.fd], mac: A, allowAnyMac: false });
    core.put(overlay, A, { kind: 'local', vnic }, true);
    core.remote(overlay, FAR, { ip: '127.0.0.1', port: peer.address().port });
    const firstVnic = (OVERLAYS_BASE + overlay * OVL_SIZE + OVL_FIRST_VNIC) >> 2;
    const start = { memory: core.memory, module, busyPollUs: 0, engine: ENGINE };
    const onRestart = () => {
      core.views.u32[firstVnic] = vnic;
    };
    const workers = new Workers(1, core.views, start, {
      onRestart,
      onStuck: () => assert.fail(),
      onNotice: () => assert.fail(),
    });
    try {
      for (let round = 1; round <= 2; round++) {
        await exchange(core);
        core.views.u32[firstVnic] = 0x0300_0000; // out of bounds, for the next broadcast
        peer.send(datagram(OVERLAY.vni, frame(BROADCAST, FAR)), PORT, '127.0.0.1');
        await until(() => workers.restarts === round);
        await exchange(core);
      }
      await workers.quiesce();
      dropped = core.counters.drops();
      core.checkBooks();
    } finally {
      await workers.stop();
    }
  });

  it('that trapped twice lost two datagrams', () => {
    assert.equal(dropped.worker_restarted, 2);
  });

  it('sends every datagram by itself once UDP_SEGMENT was refused, and says so once', async () => {
    const zero = openUnderlay({ listen: { ip: '127.0.0.1', port: PORT + 2 }, ...PLAIN_UDP, checksum: 'zero' });
    const refusing = zero.sources[0]![0]!.withoutChecksum; // a socket without checksums: EINVAL
    const core = new Core('release', 64, refusing);
    const overlay = core.overlay({ segment: true });
    const vnic = core.tables.addVnic({ overlay, fds: [], mac: A, allowAnyMac: false });
    core.remote(overlay, FAR, { ip: '127.0.0.1', port: peer.address().port });
    const notices: object[] = [];
    const events = {
      onRestart: () => assert.fail(),
      onStuck: () => assert.fail(),
      onNotice: (_: number, notice: object) => notices.push(notice),
    };
    const workers = new Workers(1, core.views, { memory: core.memory, module, busyPollUs: 0, engine: ENGINE }, events);
    try {
      datagrams = 0;
      for (let round = 1; round <= 3; round++) {
        for (let n = 0; n < TEN; n++) core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
        workers.wake();
        await until(() => datagrams === round * TEN);
      }
      await workers.quiesce();
      await until(() => notices.length > 0);
      assert.deepEqual(notices, [{ kind: 'gso-refused', socket: OVERLAY.socket, errno: constants.errno.EINVAL }]);
      assert.deepEqual(core.counters.drops(), {});
      assert.equal(core.counters.totals().encapOut, 3 * TEN);
      core.checkBooks();
    } finally {
      await workers.stop();
      zero.close();
    }
  });

  it('delivers by every worker to a TAP that has one queue', async () => {
    const workers = 2;
    netns.exec('ip', 'tuntap', 'add', 'tap2', 'mode', 'tap'); // without multi_queue, as somebody else may have made it
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.tap2.disable_ipv6=1'); // it is to send nothing by itself
    const single = openTap({
      name: 'tap2',
      mac: A,
      mtu: 1400,
      netns: netns.name,
      persist: true,
      ...PLAIN_TAP,
      queues: 2,
    });
    assert.equal(single.fds.length, 1);
    const udp = openUnderlay({ listen: { ip: '127.0.0.1', port: PORT + 1 }, ...PLAIN_UDP, workers });
    const log = { info() {}, warn() {}, error: (message: string) => assert.fail(message) };
    const datapath = await Datapath.start({ fdbSize: 64, workers, busyPollUs: 0, engine: ENGINE, log });
    // The kernel gives a flow to a worker by its ports: 32 of them do not all meet the same.
    const senders = Array.from({ length: 32 }, () => createSocket('udp4').bind(0, '127.0.0.1'));
    try {
      const overlay = datapath.addOverlay({ ...OVERLAY, socket: datapath.addSocket(udp) });
      datapath.addVnic({ overlay, fds: single.fds, mac: A, allowAnyMac: false });
      await Promise.all(senders.map((sender) => once(sender, 'listening')));
      for (const sender of senders) sender.send(datagram(OVERLAY.vni, frame(A, FAR)), PORT + 1, '127.0.0.1');
      await until(() => datapath.totals().decapIn === senders.length);
      await until(() => datapath.totals().delivered! + datapath.totals().dropped! === senders.length);
      assert.deepEqual(datapath.drops(), {});
      const seen = netns.exec('cat', '/sys/class/net/tap2/statistics/rx_packets');
      assert.equal(Number(seen), senders.length);
    } finally {
      for (const sender of senders) sender.close();
      await datapath.close();
      single.remove();
      udp.close();
    }
  });

  it('lets go of a VNIC and a socket before removeVnic and removeSocket resolve', async () => {
    const log = { info() {}, warn() {}, error: (message: string) => assert.fail(message) };
    const datapath = await Datapath.start({ fdbSize: 64, workers: 2, busyPollUs: 0, engine: ENGINE, log });
    try {
      for (let round = 0; round < 5; round++) {
        const udp = openUnderlay({ listen: { ip: '127.0.0.1', port: PORT + 1 }, ...PLAIN_UDP, workers: 2 });
        const options = { name: 'tap1', mac: FAR, mtu: 1400, netns: netns.name, persist: false } as const;
        const gone = openTap({ ...options, ...PLAIN_TAP, queues: 2 });
        const socket = datapath.addSocket(udp);
        const overlay = datapath.addOverlay({ ...OVERLAY, socket });
        const vnic = datapath.addVnic({ overlay, fds: gone.fds, mac: FAR, allowAnyMac: false });
        peer.send(datagram(OVERLAY.vni, frame(FAR, A)), PORT + 1, '127.0.0.1');
        await until(() => datapath.vnicCounters(vnic).rx.frames === 1);
        await datapath.removeVnic(vnic);
        gone.close();
        // A request that still held the TAP would keep its interface for ever.
        await until(() => netns.link('tap1') === undefined);
        await datapath.removeOverlay(overlay);
        await datapath.removeSocket(socket);
        udp.close();
        // And one that held a socket would keep its port.
        openUnderlay({ listen: { ip: '127.0.0.1', port: PORT + 1 }, ...PLAIN_UDP }).close();
      }
    } finally {
      await datapath.close();
    }
  });

  it('has other sockets in the place of one, and the ones before can be closed', async () => {
    const log = { info() {}, warn() {}, error: (message: string) => assert.fail(message) };
    const datapath = await Datapath.start({ fdbSize: 64, workers: 2, busyPollUs: 0, engine: ENGINE, log });
    const at = (port: number) => {
      const { listeners, close } = openUnderlay({ listen: { ip: '127.0.0.1', port }, ...PLAIN_UDP, workers: 2 });
      return { listeners, sources: listeners.map((fd) => [{ withChecksum: fd, withoutChecksum: fd }]), close };
    };
    const sources: number[] = [];
    const far = createSocket('udp4', (_, { port }) => sources.push(port)).bind(0, '127.0.0.1');
    await once(far, 'listening');
    let udp = at(PORT + 1);
    try {
      const socket = datapath.addSocket(udp);
      const overlay = datapath.addOverlay({ ...OVERLAY, socket });
      const vnic = datapath.addVnic({ overlay, fds: [tap.fd], mac: A, allowAnyMac: false });
      const endpoint = { ip: '127.0.0.1', port: far.address().port };
      datapath.fdbPut(overlay, FAR, { kind: 'remote', endpoint });
      for (const [round, port] of [PORT + 1, PORT + 2, PORT + 1].entries()) {
        if (round > 0) {
          const before = udp;
          udp = at(port);
          await datapath.replaceSocket(socket, udp);
          before.close();
        }
        peer.send(datagram(OVERLAY.vni, frame(A, FAR)), port, '127.0.0.1');
        await until(() => datapath.vnicCounters(vnic).rx.frames === round + 1);
        assert.ok(datapath.encap(vnic, frame(FAR, A)));
        await until(() => sources.length === round + 1);
      }
      assert.deepEqual(sources, [PORT + 1, PORT + 2, PORT + 1]);
      assert.deepEqual(datapath.drops(), {});
    } finally {
      far.close();
      await datapath.close();
      udp.close();
    }
  });
});
