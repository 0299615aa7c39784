// Flooding and learning with real sockets: what the kernel says of a datagram's source, a listener that receives for
// another socket, and copies of a super-frame that do not fit one send by far.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { FLOOD_MAX } from '../../assembly/layout.js';
import { ipBytes } from '../../src/address.js';
import { Datapath } from '../../src/datapath/datapath.js';
import type { LearnUpcall, OverlayConfig, UpcallRecord } from '../../src/datapath/types.js';
import { setsockopt } from '../../src/system/libc.js';
import { withNetns } from '../../src/system/netns.js';
import { openTap } from '../../src/system/tap.js';
import { openUnderlay, type Underlay } from '../../src/system/udp.js';
import { OVERLAY } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_UDP } from '../support/udp.js';
import { sendOne } from '../system/messages.js';
import '../support/each-engine.js';
import { until } from '../support/until.js';

const FAR = '02:00:00:00:00:0c';
const PORT = 4789;
const GROUP = '239.1.1.1';
const WORKERS = 2;
const IPPROTO_IP = 0;
const IP_ADD_MEMBERSHIP = 35;

describe('a datapath with sockets in a namespace', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  const learned: LearnUpcall[] = [];
  let datapath: Datapath;
  let opened: Underlay[];

  before(async () => {
    for (const ip of ['fd00::1', 'fd00::2', 'fd00::3']) netns.exec('ip', 'addr', 'add', `${ip}/128`, 'dev', 'lo');
    // The kernel does not take them into use at once, not even here.
    await until(() => netns.exec('ip', '-6', 'addr', 'show', 'tentative') === '');
    netns.exec('ip', 'link', 'set', 'lo', 'multicast', 'on');
    netns.exec('ip', 'route', 'add', '239.0.0.0/8', 'dev', 'lo');
  });
  after(() => netns.delete());

  beforeEach(async () => {
    opened = [];
    learned.length = 0;
    const log = { info() {}, warn() {}, error: (message: string) => assert.fail(message) };
    datapath = await Datapath.start({ fdbSize: 64, workers: WORKERS, busyPollUs: 0, engine: ENGINE, log });
    datapath.onUpcall = (record: UpcallRecord) => {
      if (record.kind === 'learn') learned.push(record);
    };
  });
  afterEach(async () => {
    await datapath.close();
    for (const underlay of opened) underlay.close();
  });

  const open = (ip: string, workers = 1, port = PORT): Underlay => {
    const underlay = withNetns(netns.name, () => openUnderlay({ listen: { ip, port }, ...PLAIN_UDP, workers }));
    opened.push(underlay);
    return underlay;
  };
  const overlayOn = (socket: number, config: Partial<OverlayConfig> = {}): number =>
    datapath.addOverlay({ ...OVERLAY, learn: true, ...config, socket });
  const fromFar = (vni: number): Buffer => datagram(vni, frame(BROADCAST, FAR));

  it('learns the address a datagram came from, of both families in turn', async () => {
    const [here4, here6] = [open('127.0.0.1', WORKERS), open('fd00::1', WORKERS)];
    const overlay4 = overlayOn(datapath.addSocket(here4), { vni: 1 });
    const overlay6 = overlayOn(datapath.addSocket(here6), { vni: 2 });
    const senders4 = ['127.0.0.2', '127.0.0.3'].map((ip) => ({ ip, fd: open(ip).listeners[0]! }));
    const senders6 = ['fd00::2', 'fd00::3'].map((ip) => ({ ip, fd: open(ip).listeners[0]! }));
    const expected: LearnUpcall[] = [];
    for (let round = 0; round < 2; round++) {
      expected.push({ kind: 'learn', overlay: overlay4, mac: FAR, ip: senders4[round]!.ip });
      assert.equal(sendOne(senders4[round]!.fd, '127.0.0.1', PORT, fromFar(1)), 1);
      await until(() => learned.length === expected.length);
      expected.push({ kind: 'learn', overlay: overlay6, mac: FAR, ip: senders6[round]!.ip });
      assert.equal(sendOne(senders6[round]!.fd, 'fd00::1', PORT, fromFar(2)), 1);
      await until(() => learned.length === expected.length);
    }
    assert.deepEqual(learned, expected);
    assert.deepEqual(datapath.drops(), { no_local_port: 4 });
  });

  it('stamps an entry that is right, also by datagrams that the kernel joined', async () => {
    const here = open('127.0.0.1', WORKERS);
    assert.ok(here.setGro(true));
    const overlay = overlayOn(datapath.addSocket(here));
    const sender = open('127.0.0.2').listeners[0]!;
    const endpoint = { ip: '127.0.0.2', port: 8472 };
    datapath.fdbPut(overlay, FAR, { kind: 'remote', endpoint }, { isLearned: true });
    assert.equal(datapath.fdbHeardAtMs(overlay, FAR), null);
    const one = fromFar(OVERLAY.vni);
    assert.equal(sendOne(sender, '127.0.0.1', PORT, Buffer.concat([one, one, one]), one.length), 1);
    await until(() => datapath.totals().decapIn === 3);
    const heardAtMs = datapath.fdbHeardAtMs(overlay, FAR)!;
    assert.ok(heardAtMs <= datapath.nowMs() && heardAtMs > datapath.nowMs() - 5000, String(heardAtMs));
    const { isLearned, usedAtMs, ...entry } = datapath.fdbGet(overlay, FAR)!;
    assert.deepEqual([isLearned, usedAtMs, entry.heardAtMs], [true, null, heardAtMs]);
    assert.deepEqual(learned, []);
  });

  it("takes what comes to a group's listener, which one worker alone has, once and as its socket's", async () => {
    const socket = datapath.addSocket(open('127.0.0.1', WORKERS));
    const overlay = overlayOn(socket);
    const group = open(GROUP).listeners[0]!;
    const mreq = Uint8Array.from([...ipBytes(GROUP), ...ipBytes('127.0.0.1')]); // struct ip_mreq
    assert.equal(setsockopt(group, IPPROTO_IP, IP_ADD_MEMBERSHIP, mreq, mreq.length), 0);
    const listeners = [-1, group];
    const member = datapath.addSocket({ listeners, sources: [], receivesFor: socket });
    const sender = open('127.0.0.2').listeners[0]!;
    assert.equal(sendOne(sender, GROUP, PORT, fromFar(OVERLAY.vni)), 1);
    await until(() => learned.length === 1);
    assert.deepEqual(learned, [{ kind: 'learn', overlay, mac: FAR, ip: '127.0.0.2' }]);
    assert.equal(datapath.totals().decapIn, 1);
    assert.deepEqual(datapath.drops(), { no_local_port: 1 });
    await datapath.removeSocket(member);
    assert.equal(sendOne(sender, '127.0.0.1', PORT, fromFar(OVERLAY.vni)), 1);
    await until(() => datapath.totals().decapIn === 2);
  });

  it(`sends a super-frame to ${FLOOD_MAX} endpoints, piece by piece, and then takes the next`, async () => {
    const underlay = open('127.0.0.1', WORKERS);
    const sources = underlay.sources.map((ports) =>
      ports.map(({ withChecksum }) => ({ withChecksum, withoutChecksum: withChecksum })),
    );
    const socket = datapath.addSocket({ listeners: underlay.listeners, sources });
    const endpoints = Array.from({ length: FLOOD_MAX }, (_, n) => ({ ip: `127.1.${n >> 8}.${n & 0xff}`, port: 9 }));
    const overlay = overlayOn(socket, { flood: { endpoints, unknown: true }, lookup: false, segment: underlay.gso });
    const options = { name: 'tap0', mac: '02:00:00:00:00:0a', mtu: 1400, netns: netns.name, persist: false } as const;
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1'); // before it is up: else it solicits neighbours
    const tap = openTap({ ...options, queues: WORKERS, offload: 'auto' });
    netns.exec('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'tap0');
    netns.exec('ip', 'neigh', 'add', '10.9.0.2', 'lladdr', FAR, 'dev', 'tap0', 'nud', 'permanent');
    const vnic = datapath.addVnic({ overlay, fds: tap.fds, mac: options.mac, allowAnyMac: false });
    const inside = open('10.9.0.1').listeners[0]!;
    const [segments, size] = [45, 1300];
    // The kernel may send a frame of its own accord; one that asks for a neighbour is not flooded but handed up.
    const flooded = () => datapath.totals().encapIn! - datapath.totals().upcalled!;
    for (let round = 1; round <= 2; round++) {
      assert.equal(sendOne(inside, '10.9.0.2', 9, Buffer.alloc(segments * size, round), size), 1);
      await until(() => flooded() >= round * segments);
      await until(() => datapath.totals().encapOut === flooded() * FLOOD_MAX);
    }
    assert.equal(datapath.totals().copies, flooded() * (FLOOD_MAX - 1));
    assert.deepEqual(datapath.drops(), {});
    assert.deepEqual(new Set(datapath.endpointCounters().map(({ encap }) => encap.frames)), new Set([flooded()]));
    await datapath.removeVnic(vnic);
    tap.close();
  });
});
