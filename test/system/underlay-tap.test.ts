/** The underlay TAP with the kernel's own stack behind it: a TAP that the test holds plays the network interface. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ipBytes } from '../../src/address.js';
import { needsRoot } from '../support/root.js';
import { buildFrame, concat, UDP } from '../support/super-frames.js';
import { receiveOne } from './messages.js';
import {
  Frames,
  flow,
  macBytes,
  NIC_MAC,
  OURS,
  PAYLOAD,
  PEER,
  PEER_MAC,
  PORT,
  TUNNEL_VNET,
  toInterface,
  UnderlayHost,
  VNET,
  WAIT_MS,
} from './underlay-host.js';

/** The kernel's `txqueuelen` of a TAP. */
const QUEUE_FRAMES = 1000;
/** More than a send buffer takes. */
const QUEUE_BYTES = 32 << 20;

describe('the underlay TAP', { skip: needsRoot() }, () => {
  let host: UnderlayHost;
  before(() => {
    host = new UnderlayHost();
  });
  beforeEach(() => host.drain());
  after(() => host?.close());

  it('is up, has no address, and is quiet', () => {
    const link = host.netns.link(host.tap.name);
    assert.match(host.tap.name, /^vxlane-u\d+$/);
    assert.equal(link.address, host.tap.mac);
    assert.equal(link.ifindex, host.tap.ifindex);
    assert.ok(link.flags.includes('UP'));
    assert.deepEqual(host.netns.json('addr', 'show', 'dev', host.tap.name)[0].addr_info, []);
    assert.equal(host.ours.read(), null);
  });

  for (const version of [4, 6] as const) {
    it(`has the datagrams for a listener, byte for byte, and its socket has none of them (IPv${version})`, () => {
      const frame = buildFrame(flow(version), PAYLOAD);
      host.wire.write(frame);
      assert.deepEqual(Uint8Array.from(host.ours.await()), frame);
      assert.equal(host.ours.read(), null);
      host.stackHasNothing(host.socket[version]);
    });

    it(`leaves other ports and other addresses to the stack (IPv${version})`, () => {
      const other = host.listen(OURS[version], PORT + 1);
      host.wire.write(buildFrame(flow(version, { ports: [50_000, PORT + 1] }), PAYLOAD));
      host.stackHas(other);
      const addresses = concat(ipBytes(PEER[version]), ipBytes(version === 4 ? '192.0.2.77' : 'fd00::77'));
      host.wire.write(buildFrame(flow(version, { addresses }), PAYLOAD));
      assert.equal(host.ours.read(), null);
    });

    it(`sends by the interface that the frame names, to the next hop that the kernel finds (IPv${version})`, () => {
      const macs = toInterface(host.tap.mac, host.ifindex('nic0'));
      const addresses = concat(ipBytes(OURS[version]), ipBytes(PEER[version]));
      const frame = buildFrame(flow(version, { macs, addresses }), PAYLOAD);
      host.ours.write(frame);
      const sent = host.wire.await();
      assert.deepEqual(Uint8Array.from(sent.subarray(12)), frame.slice(12), 'from the EtherType on');
      assert.equal(
        sent.subarray(0, 12).toString('hex'),
        macBytes(PEER_MAC).toString('hex') + macBytes(NIC_MAC).toString('hex'),
      );
    });
  }

  it('leaves IPv4 options, IPv6 extension headers, tagged frames and TCP to the stack', () => {
    const noOptions = Uint8Array.of(1, 1, 1, 0);
    host.wire.write(buildFrame(flow(4, { ipOptions: noOptions }), PAYLOAD));
    host.stackHas(host.socket[4]);
    host.wire.write(buildFrame(flow(6, { ipOptions: Uint8Array.of(UDP, 0, 1, 4, 0, 0, 0, 0) }), PAYLOAD));
    host.stackHas(host.socket[6]);
    host.wire.write(buildFrame(flow(4, { tags: [0x8100_0005] }), PAYLOAD));
    host.wire.write(buildFrame(flow(4, { protocol: 6 }), PAYLOAD));
    host.wire.write(buildFrame(flow(4, { macs: concat(macBytes(PEER_MAC), macBytes(PEER_MAC)) }), PAYLOAD));
    assert.equal(host.ours.read(), null);
  });

  it('leaves the fragments of a datagram to the stack, which makes it whole', () => {
    const whole = buildFrame(flow(4), Buffer.alloc(2000, 'x'));
    const fragment = (from: number, to: number, isLast: boolean): Uint8Array => {
      const bytes = concat(whole.subarray(0, 34), whole.subarray(34 + from, 34 + to));
      bytes[16] = (20 + to - from) >> 8;
      bytes[17] = (20 + to - from) & 0xff;
      bytes[20] = (isLast ? 0 : 0x20) | (from >> 11);
      bytes[21] = (from >> 3) & 0xff;
      bytes.set([0, 0], 24);
      let sum = 0;
      for (let at = 14; at < 34; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
      sum = (sum & 0xffff) + (sum >> 16);
      bytes.set([(~sum >> 8) & 0xff, ~sum & 0xff], 24);
      return bytes;
    };
    host.wire.write(fragment(0, 1024, false));
    host.wire.write(fragment(1024, 2008, true));
    assert.deepEqual((receiveOne(host.socket[4], WAIT_MS) as { payload: Buffer }).payload, Buffer.alloc(2000, 'x'));
    assert.equal(host.ours.read(), null);
  });

  it('asks for the MAC of a next hop that nobody knows yet, and sends then', () => {
    const addresses = concat(ipBytes(OURS[4]), ipBytes('192.0.2.3'));
    const macs = toInterface(host.tap.mac, host.ifindex('nic0'));
    host.ours.write(buildFrame(flow(4, { macs, addresses }), PAYLOAD));
    const request = host.wire.await();
    assert.equal(request.readUInt16BE(12), 0x0806);
    const reply = concat(macBytes(NIC_MAC), macBytes('02:00:00:00:00:03'), request.subarray(12, 20), [0, 2]);
    const owner = concat(macBytes('02:00:00:00:00:03'), ipBytes('192.0.2.3'));
    host.wire.write(concat(reply, owner, macBytes(NIC_MAC), ipBytes(OURS[4])));
    const sent = host.wire.await();
    assert.equal(sent.subarray(0, 6).toString('hex'), '020000000003');
    assert.equal(sent.readUInt16BE(12), 0x0800);
  });

  it('sends nothing by an interface that is not there, and by each of two the frames that name it', () => {
    const second = host.newNic('nic1', '02:00:00:00:01:01');
    const secondWire = new Frames(second.fd, VNET);
    host.netns.exec('ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'nic1');
    host.netns.exec('ip', 'neigh', 'add', '198.51.100.2', 'lladdr', '02:00:00:00:01:02', 'dev', 'nic1');
    host.netns.exec('ip', '-6', 'addr', 'flush', 'dev', 'nic1', 'scope', 'link');
    while (secondWire.read() !== null);
    const send = (ifindex: number, to: string) => {
      const macs = toInterface(host.tap.mac, ifindex);
      host.ours.write(buildFrame(flow(4, { macs, addresses: concat(ipBytes(OURS[4]), ipBytes(to)) }), PAYLOAD));
    };
    send(host.ifindex('nic1'), '198.51.100.2');
    assert.equal(secondWire.await().subarray(0, 6).toString('hex'), '020000000102');
    send(4_000_000, PEER[4]);
    send(host.ifindex('nic0'), PEER[4]);
    assert.ok(host.wire.await().length > 0);
    assert.deepEqual([host.wire.read(), secondWire.read()], [null, null]);
    second.close();
  });

  it('refuses what a busy interface has no room for, as a socket does, instead of piling it up there', () => {
    host.netns.exec('tc', 'qdisc', 'add', 'dev', 'nic0', 'root', 'tbf', 'rate', '8kbit', 'burst', '2k', 'limit', '1gb');
    try {
      const macs = toInterface(host.tap.mac, host.ifindex('nic0'));
      const addresses = concat(ipBytes(OURS[4]), ipBytes(PEER[4]));
      const frame = buildFrame(flow(4, { macs, addresses }), new Uint8Array(1400));
      const answers = Array.from({ length: QUEUE_BYTES / 1400 }, () => host.ours.tryWrite(frame));
      assert.equal(answers[0], TUNNEL_VNET + frame.length);
      assert.equal(answers.at(-1), -constants.errno.EAGAIN);
    } finally {
      host.netns.exec('tc', 'qdisc', 'del', 'dev', 'nic0', 'root');
    }
  });

  it('keeps a burst of a thousand datagrams; the kernel counts what is beyond', () => {
    const dropped = () => host.netns.json('-s', 'link', 'show', 'dev', host.tap.name)[0].stats64.tx.dropped;
    const before = dropped();
    const frame = buildFrame(flow(4), PAYLOAD);
    for (let n = 0; n < QUEUE_FRAMES + 10; n++) host.wire.write(frame);
    let kept = 0;
    while (host.ours.read() !== null) kept++;
    assert.equal(kept + dropped() - before, QUEUE_FRAMES + 10);
    assert.ok(kept > QUEUE_FRAMES * 0.9, String(kept));
    assert.ok(kept <= QUEUE_FRAMES, String(kept));
  });

  it('lets go of a listener, and of an interface, alone', () => {
    const datagram = buildFrame(flow(4), PAYLOAD);
    host.tap.unlisten({ ip: OURS[4], port: PORT });
    host.wire.write(datagram);
    host.stackHas(host.socket[4]);
    host.wire.write(buildFrame(flow(6), PAYLOAD));
    host.ours.await();
    host.tap.listen({ ip: OURS[4], port: PORT }, 1);
    host.wire.write(datagram);
    host.ours.await();
    host.inside(() => host.tap.detach(host.ifindex('nic0')));
    host.wire.write(datagram);
    host.stackHas(host.socket[4]);
    host.inside(() => host.tap.attach(host.ifindex('nic0')));
    host.wire.write(datagram);
    host.ours.await();
  });
});
