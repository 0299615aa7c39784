/** A host whose network interface is a TAP that the test holds, with an underlay TAP, and datagrams for it. */
import assert from 'node:assert/strict';
import { ipBytes } from '../../src/address.js';
import { withNetns } from '../../src/system/netns.js';
import { closeFd, ppoll, readv, writev } from '../../src/system/syscalls.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { bindTogether, newTunnelSocket } from '../../src/system/udp-socket.js';
import { openUnderlayTap, type UnderlayTap } from '../../src/system/underlay-tap.js';
import { TestNetns } from '../support/netns.js';
import { concat, type Flow, UDP } from '../support/super-frames.js';
import { PLAIN_TAP } from '../support/tap.js';
import { receiveOne } from './messages.js';
import { POLLIN, Shared } from './shared.js';

export const NIC_MAC = '02:00:00:00:00:01';
export const PEER_MAC = '02:00:00:00:00:02';
export const OURS = { 4: '192.0.2.1', 6: 'fd00::1' } as const;
export const PEER = { 4: '192.0.2.2', 6: 'fd00::2' } as const;
export const PORT = 4789;
export const VNET = 10;
export const TUNNEL_VNET = 24;
const ROOM = 4096;
const ETH_P_IPV6 = 0x86dd;
const IPV6_NEXT_HEADER = 14 + 6;
const FRAGMENT = 44;
const OURS_OVER_IPV6: readonly number[] = [UDP, FRAGMENT];
export const WAIT_MS = 5000;
export const PAYLOAD = Buffer.from('a datagram for a listener');

export const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

/** A datagram from the peer to us. */
export function flow(version: 4 | 6, changes: Partial<Flow> = {}): Flow {
  return {
    version,
    protocol: UDP,
    macs: concat(macBytes(NIC_MAC), macBytes(PEER_MAC)),
    tags: [],
    addresses: concat(ipBytes(PEER[version]), ipBytes(OURS[version])),
    ports: [50_000, PORT],
    ttl: 64,
    tos: 0,
    flowLabel: 0,
    df: false,
    id: 7,
    ipOptions: new Uint8Array(),
    seq: 0,
    ack: 0,
    window: 0,
    flags: 0,
    tcpOptions: new Uint8Array(),
    ...changes,
  };
}

/** The MACs of a frame that is to leave by an interface: the TAP's own, and the interface's index. */
export function toInterface(tapMac: string, ifindex: number): Uint8Array {
  return concat(macBytes(tapMac), [0, 0], new Uint8Array(Uint32Array.of(ifindex).buffer));
}

/** Frames by one descriptor of a TAP, behind virtio_net_hdrs of `header` bytes, together at most `room`. */
export class Frames {
  readonly #shared: Shared;
  readonly #fd: number;
  readonly #header: number;
  readonly #room: number;
  readonly #slot: number;
  readonly #iovec: number;

  constructor(fd: number, header: number, room = ROOM) {
    this.#shared = new Shared(Math.ceil(room / 65536) + 1);
    this.#fd = fd;
    this.#header = header;
    this.#room = room;
    this.#slot = this.#shared.take(room);
    this.#iovec = this.#shared.iovec(this.#slot, room);
  }

  write(frame: Uint8Array, vnet: Uint8Array = new Uint8Array(this.#header)): void {
    assert.equal(this.tryWrite(frame, vnet), vnet.length + frame.length);
  }

  /** Answers what `writev` does. */
  tryWrite(frame: Uint8Array, vnet: Uint8Array = new Uint8Array(this.#header)): number {
    const bytes = concat(vnet, frame);
    this.#shared.bytes.set(bytes, this.#slot);
    this.#shared.view.setBigUint64(this.#iovec + 8, BigInt(bytes.length), true);
    const answer = writev(this.#fd, this.#shared.at(this.#iovec), 1);
    this.#shared.view.setBigUint64(this.#iovec + 8, BigInt(this.#room), true);
    return answer;
  }

  /** The next one, null when there is none. What the kernel says over IPv6 of its own accord is passed over. */
  read(): Buffer | null {
    return this.readBoth()?.frame ?? null;
  }

  /** The next one with what stands before it. */
  readBoth(): { vnet: Buffer; frame: Buffer } | null {
    for (;;) {
      const length = readv(this.#fd, this.#shared.at(this.#iovec), 1);
      if (length < 0) return null;
      const vnet = this.#shared.copy(this.#slot, this.#header);
      const frame = this.#shared.copy(this.#slot + this.#header, length - this.#header);
      if (frame.readUInt16BE(12) !== ETH_P_IPV6 || OURS_OVER_IPV6.includes(frame[IPV6_NEXT_HEADER]!))
        return { vnet, frame };
    }
  }

  /** The next one, which has to come. */
  await(): Buffer {
    const shared = new Shared();
    ppoll(shared.at(shared.pollfd(this.#fd, POLLIN)), 1, shared.at(shared.timespec(WAIT_MS)));
    const frame = this.read();
    assert.ok(frame !== null, 'no frame came');
    return frame;
  }
}

/** The host: nic0 with an address of each family and a neighbour, sockets that listen, and an underlay TAP. */
export class UnderlayHost {
  readonly netns = new TestNetns();
  readonly nic: Tap;
  /** What goes over the wire of nic0. */
  readonly wire: Frames;
  readonly tap: UnderlayTap;
  /** What goes over the underlay TAP. */
  readonly ours: Frames;
  /** The listeners. */
  readonly socket: Readonly<Record<4 | 6, number>>;
  readonly #sockets: number[] = [];

  constructor() {
    this.netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1', 'net.ipv6.conf.default.accept_dad=0');
    this.nic = this.newNic('nic0', NIC_MAC);
    this.wire = new Frames(this.nic.fd, VNET);
    for (const ip of [`${OURS[4]}/24`, `${OURS[6]}/64`]) this.netns.exec('ip', 'addr', 'add', ip, 'dev', 'nic0');
    for (const ip of [PEER[4], PEER[6]]) {
      this.netns.exec('ip', 'neigh', 'add', ip, 'lladdr', PEER_MAC, 'dev', 'nic0');
    }
    this.tap = this.inside(() => openUnderlayTap(1));
    this.ours = new Frames(this.tap.fds[0]!, TUNNEL_VNET);
    this.inside(() => this.tap.attach(this.ifindex('nic0')));
    for (const ip of [OURS[4], OURS[6]]) this.tap.listen({ ip, port: PORT }, 1);
    this.socket = { 4: this.listen(OURS[4], PORT), 6: this.listen(OURS[6], PORT) };
  }

  inside<T>(action: () => T): T {
    return withNetns(this.netns.name, action);
  }

  ifindex(name: string): number {
    return this.netns.link(name).ifindex;
  }

  /** A device that the test holds, in the place of a network interface. */
  newNic(name: string, mac: string): Tap {
    return openTap({ ...PLAIN_TAP, name, mac, mtu: 1500, netns: this.netns.name, persist: false });
  }

  /** A socket, which receives what the stack gets. */
  listen(ip: string, port: number): number {
    const fd = this.inside(() => newTunnelSocket({ ip, port }));
    this.#sockets.push(fd);
    assert.equal(
      this.inside(() => bindTogether([fd], { ip, port })),
      0,
    );
    return fd;
  }

  /** The stack has a datagram of {@link PAYLOAD} for a socket. */
  stackHas(fd: number): void {
    assert.deepEqual((receiveOne(fd, WAIT_MS) as { payload: Buffer }).payload, PAYLOAD);
  }

  stackHasNothing(fd: number, waitMs = 0): void {
    assert.equal(typeof receiveOne(fd, waitMs), 'number', 'an errno');
  }

  /** Forgets what has come by the wire and by the TAP. */
  drain(): void {
    while (this.wire.read() !== null);
    while (this.ours.read() !== null);
  }

  close(): void {
    this.tap.close();
    this.nic.close();
    for (const fd of this.#sockets) closeFd(fd);
    this.netns.delete();
  }
}
