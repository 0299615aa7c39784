/** Early drop at real sockets of the loopback: which datagrams get to the queue, and what the datapath is told. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ipFamily } from '../../../src/address.js';
import { EarlyDrop } from '../../../src/daemon/underlay/early-drop.js';
import type { DropReason, IntakeObserver, OverlayConfig } from '../../../src/datapath/types.js';
import { BUDGET } from '../../../src/system/bpf/early-drop.js';
import { AF_INET, AF_INET6, bind, SOCK_DGRAM, sendto, setsockopt, socket } from '../../../src/system/libc.js';
import { sockaddrOf } from '../../../src/system/sockaddr.js';
import { closeFd } from '../../../src/system/syscalls.js';
import { openUnderlay, type Underlay } from '../../../src/system/udp.js';
import { receiveQueue } from '../../../src/system/udp-socket.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { PLAIN_UDP } from '../../support/udp.js';
import { leavesNoDescriptor } from '../../system/descriptors.js';
import { receiveOne } from '../../system/messages.js';

const PORT = freePort();
const SOCKET = 3;
const OVERLAY = 1;
const VNI = 42;
/** More than may pass of one sender while the sending lasts. */
const MANY = 4000;
const FRAME = Buffer.alloc(60, 1);
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

const OVERLAY_CONFIG: OverlayConfig = {
  ...{ vni: VNI, socket: SOCKET, mtu: 1450, vlan: 'pass', strictHeader: false, acceptPartial: true },
  ...{ point: null, flood: null, learn: false, lookup: false, proxyArp: false, proxyNdp: false, proxyDhcp: false },
  ...{ segment: false, coalesceTcp: false, coalesceUdp: false, sourceCheck: 'vtep' },
} as unknown as OverlayConfig;

function vxlan({ flags = 8, vni = VNI, reserved = 0 } = {}): Buffer {
  const header = Buffer.alloc(8);
  header[0] = flags;
  header.writeUInt32BE(vni * 256 + reserved, 4);
  return Buffer.concat([header, FRAME]);
}

describe('early drop', { skip: needsRoot() }, () => {
  const told = new Map<string, number>();
  const datapath = {
    workers: 1,
    fdbSize: 8,
    overlaysMax: 16,
    socketsMax: 4,
    intake: null as IntakeObserver | null,
    countEarlyDrops(overlay: number, reason: DropReason, datagrams: number, bytes: number) {
      told.set(`${overlay} ${reason}`, (told.get(`${overlay} ${reason}`) ?? 0) + datagrams);
      told.set('bytes', (told.get('bytes') ?? 0) + bytes);
    },
  };
  const warnings: string[] = [];
  const said: string[] = [];
  const log = { info: (text: string) => said.push(text), warn: (text: string) => warnings.push(text) } as never;
  let early: EarlyDrop;
  let underlay: Underlay | null = null;
  let nowMs = 0;

  beforeEach(() => {
    told.clear();
    warnings.length = 0;
    said.length = 0;
    early = EarlyDrop.open(datapath, log)!;
    assert.ok(early);
    early.start();
  });
  afterEach(() => {
    early.close();
    underlay?.close();
    underlay = null;
  });

  const listen = (ip: string, isTold = true): number => {
    underlay = openUnderlay({ listen: { ip, port: PORT }, ...PLAIN_UDP });
    if (isTold) early.listen(SOCKET, underlay.listeners, ipFamily(ip));
    return underlay.listeners[0]!;
  };

  /** How many of them were dropped early, as the datapath was told by now. */
  const dropped = (): number => {
    early.tick(++nowMs);
    return [...told].reduce((sum, [key, count]) => (key === 'bytes' ? sum : sum + count), 0);
  };

  /** Sends a datagram so many times from an address; answers how many were dropped early. */
  const send = (from: string, to: string, datagram: Buffer, count = MANY): number => {
    const before = dropped();
    const fd = socket(ipFamily(from) === 4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
    try {
      const source = sockaddrOf({ ip: from, port: 0 });
      assert.equal(bind(fd, source, source.length), 0);
      const target = sockaddrOf({ ip: to, port: PORT });
      for (let sent = 0; sent < count; sent++) {
        assert.equal(sendto(fd, datagram, datagram.length, 0, target, target.length), datagram.length);
      }
    } finally {
      closeFd(fd);
    }
    return dropped() - before;
  };

  /** Takes what is in the queue. */
  const queued = (fd: number): number => {
    let count = 0;
    while (typeof receiveOne(fd) === 'object') count++;
    return count;
  };

  for (const [ip, known, stranger] of [
    ['127.0.0.1', '127.0.0.2', '127.0.0.3'],
    ['::1', '::1', null],
  ] as const) {
    it(`${ip}: what breaks a rule is dropped, but for a few, and is counted by reason`, () => {
      const fd = listen(ip);
      early.putOverlay(OVERLAY, { ...OVERLAY_CONFIG, strictHeader: true });
      early.putVtep(OVERLAY, known);
      const kinds = {
        '0 truncated': vxlan().subarray(0, 21),
        '0 bad_vxlan_header': vxlan({ flags: 0xf7 }),
        '0 unknown_vni': vxlan({ vni: VNI ^ 0x80_0000 }),
        '1 reserved_bits': vxlan({ reserved: 1 }),
      };
      let bytes = 0;
      for (const [reason, datagram] of Object.entries(kinds)) {
        const count = send(known, ip, datagram);
        assert.equal(told.get(reason), count);
        assert.ok(count > 0, reason);
        if (reason === '0 truncated') assert.ok(count < MANY, 'some pass, for the datapath to name their sender');
        assert.equal(queued(fd), MANY - count, 'the others are in the queue');
        bytes += count * datagram.length;
      }
      assert.equal(told.get('bytes'), bytes);
      assert.equal(send(known, ip, vxlan(), 500), 0, 'a known VTEP loses nothing meanwhile');
      assert.equal(queued(fd), 500);
      if (stranger === null) return;
      const count = send(stranger, ip, vxlan());
      assert.equal(told.get('1 source_unknown'), count);
      assert.ok(count > 0);
      assert.equal(early.otherDrops(SOCKET, 0, receiveQueue(fd)!.drops), 0, 'the socket has lost nothing else');
    });
  }

  it('one sender leaves others their part, and all together have a bound', () => {
    const fd = listen('127.0.0.1');
    early.putOverlay(OVERLAY, OVERLAY_CONFIG);
    assert.ok(send('127.0.0.3', '127.0.0.1', vxlan()) > 0);
    assert.equal(send('127.0.0.4', '127.0.0.1', vxlan(), BUDGET.sender / 2), 0, 'another that nobody knows');
    queued(fd);
    const before = dropped();
    for (let host = 5; host < 45; host++) send(`127.0.0.${host}`, '127.0.0.1', vxlan(), BUDGET.sender);
    assert.ok(dropped() > before, 'many senders');
  });

  it('a VTEP becomes known, and is forgotten; the check is off; the overlay goes', () => {
    listen('127.0.0.1');
    early.putOverlay(OVERLAY, OVERLAY_CONFIG);
    const isDropped = () => send('127.0.0.3', '127.0.0.1', vxlan()) > 0;
    assert.ok(isDropped());
    early.putVtep(OVERLAY, '127.0.0.3');
    assert.ok(!isDropped());
    early.removeVtep(OVERLAY, '127.0.0.3');
    assert.ok(isDropped());
    early.putOverlay(OVERLAY, { ...OVERLAY_CONFIG, sourceCheck: 'off' });
    assert.ok(!isDropped());
    early.putOverlay(OVERLAY, OVERLAY_CONFIG);
    early.putVtep(OVERLAY, '127.0.0.3');
    early.removeOverlay(OVERLAY);
    assert.ok(isDropped());
    assert.ok(told.get('0 unknown_vni')! > 0);
    early.putOverlay(OVERLAY, OVERLAY_CONFIG);
    told.clear();
    assert.ok(isDropped(), 'it is not known to the next overlay of that index');
    assert.ok(told.get('1 source_unknown')! > 0);
  });

  it('a VNI of an overlay on another socket is unknown here', () => {
    listen('127.0.0.1');
    early.putOverlay(OVERLAY, { ...OVERLAY_CONFIG, socket: SOCKET + 1, sourceCheck: 'off' });
    assert.ok(send('127.0.0.3', '127.0.0.1', vxlan()) > 0);
    assert.ok(told.get('0 unknown_vni')! > 0);
  });

  it('where not every known VTEP has room, the datapath decides; once there is room, strangers are dropped', () => {
    listen('127.0.0.1');
    early.putOverlay(OVERLAY, OVERLAY_CONFIG);
    const room = datapath.fdbSize / 2 + 64;
    const ips = Array.from({ length: room + 1 }, (_, n) => `10.1.0.${n}`);
    for (const ip of ips) early.putVtep(OVERLAY, ip);
    assert.deepEqual(warnings, ['early drop knows not every VTEP']);
    assert.equal(send('127.0.0.3', '127.0.0.1', vxlan()), 0);
    early.removeVtep(OVERLAY, ips[0]!);
    nowMs += 10_000;
    early.tick(nowMs);
    assert.ok(send('127.0.0.3', '127.0.0.1', vxlan()) > 0);
    early.removeOverlay(OVERLAY);
  });

  for (const isSuccessor of [false, true]) {
    it(`it begins when it is told to${isSuccessor ? ', in the place of another daemon’s' : ''}`, () => {
      early.close();
      early = EarlyDrop.open(datapath, log)!;
      early.putOverlay(OVERLAY, OVERLAY_CONFIG);
      const fd = listen('127.0.0.1');
      const lost = () => early.otherDrops(SOCKET, 0, receiveQueue(fd)!.drops);
      assert.equal(send('127.0.0.3', '127.0.0.1', vxlan()), 0);
      assert.equal(lost(), 0);
      assert.equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Buffer.alloc(4), 4), 0);
      assert.equal(send('127.0.0.3', '127.0.0.1', vxlan()), 0);
      assert.equal(lost(), MANY, 'the queue had no room');
      early.start(isSuccessor);
      const before = isSuccessor ? 0 : MANY;
      assert.equal(lost(), before);
      const dropped = send('127.0.0.3', '127.0.0.1', vxlan());
      assert.ok(dropped > 0);
      assert.equal(lost(), before + MANY - dropped);
    });
  }

  it('where the kernel refuses the program, that is said once, and no socket has one', () => {
    early.close();
    early = EarlyDrop.open(datapath, log)!;
    Object.assign(early.tables, { vteps: -1 });
    listen('127.0.0.1');
    early.listen(SOCKET - 1, underlay!.listeners, 4);
    early.start();
    early.listen(SOCKET, underlay!.listeners, 4);
    assert.deepEqual(warnings, []);
    assert.deepEqual(said, ['no early drop: what strangers send waits in the queues of known VTEPs']);
    assert.equal(send('127.0.0.3', '127.0.0.1', vxlan()), 0);
  });

  it('leaves no descriptor', () => {
    leavesNoDescriptor(() => EarlyDrop.open({ ...datapath }, log)!.close());
  });
});
