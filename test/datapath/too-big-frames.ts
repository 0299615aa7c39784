// Frames that do not fit their path, and the answers that RFC 1191 and RFC 4443 want, built the slow way.

import type { PathMtu } from '../../src/datapath/types.js';
import { slowChecksum, withBytes } from '../support/bytes.js';
import { type Build, Core, type Output, OVERLAY } from '../support/core.js';
import { payloadOf } from '../support/flows.js';
import { ACK, buildFrame, type Flow, headerLengthOf, l3Of, UDP } from '../support/super-frames.js';

export const A = '02:00:00:00:00:0a';
export const B = '02:00:00:00:00:0b';
export const FAR = '02:00:00:00:00:0c';
export const ENDPOINT = { ip: '10.0.0.2', port: 4789 };
export const ENDPOINT6 = { ip: '2001:db8::2', port: 4789 };
export const MTU = 1400;
/** Bytes of an inner packet that fits. */
export const INNER = MTU - 50;
export const macs = (to: string, from: string): Uint8Array => Buffer.from((to + from).replaceAll(':', ''), 'hex');
export const ipv4 = (...hosts: string[]): Uint8Array =>
  Uint8Array.from(hosts.flatMap((host) => host.split('.').map(Number)));

export const FLOW4: Flow = {
  version: 4,
  protocol: UDP,
  macs: macs(FAR, A),
  tags: [],
  addresses: ipv4('198.51.100.1', '198.51.100.2'),
  ports: [1000, 2000],
  ttl: 64,
  tos: 0,
  flowLabel: 0,
  df: true,
  id: 7,
  ipOptions: new Uint8Array(),
  seq: 1,
  ack: 2,
  window: 3,
  flags: ACK,
  tcpOptions: new Uint8Array(),
};
export const FLOW6: Flow = {
  ...FLOW4,
  version: 6,
  addresses: Buffer.from('20010db800000000000000000000000120010db8000000000000000000000002', 'hex'),
};

/** What a router said of the path; null: nothing is known. */
export const known = (mtu: number | null): PathMtu | null => (mtu === null ? null : { mtu, isLowered: true });

/** A frame of the flow whose IP packet has so many bytes. */
export const packetOf = (flow: Flow, length: number): Uint8Array =>
  buildFrame(flow, payloadOf(length - (headerLengthOf(flow) - l3Of(flow)), 1));

export function setUp(build: Build, mtu: number | null = MTU, config: Parameters<Core['overlay']>[0] = {}) {
  const core = new Core(build);
  const overlay = core.overlay(config);
  const vnic = core.vnic(overlay, A);
  core.remote(overlay, FAR, ENDPOINT);
  core.endpoints.setPathMtu(core.endpoints.intern(ENDPOINT, OVERLAY.socket), known(mtu));
  return { core, overlay, vnic };
}

export const answersOf = (outputs: readonly Output[]): Buffer[] =>
  outputs.flatMap((output) => ('vnic' in output ? [output.frame] : []));
export const sentOf = (outputs: readonly Output[]): Buffer[] =>
  outputs.flatMap((output) => ('to' in output ? [output.datagram] : []));

/** The answer of RFC 1191 and RFC 4443 to a frame, field by field. */
export function expectedAnswer(to: Uint8Array, flow: Flow, mtu: number): Buffer {
  const l3 = l3Of(flow);
  const packet = Buffer.from(to.subarray(l3));
  const header = Buffer.concat([to.subarray(6, 12), to.subarray(0, 6), to.subarray(12, l3)]);
  const isIpv4 = flow.version === 4;
  const quoted = packet.subarray(0, isIpv4 ? 576 - 28 : 1280 - 48);
  const message = Buffer.concat([Buffer.alloc(8), quoted]);
  message.writeUInt16BE(isIpv4 ? 0x0304 : 0x0200, 0);
  message.writeUInt32BE(mtu, 4);
  const swapped = Buffer.concat([flow.addresses, flow.addresses]).subarray(isIpv4 ? 4 : 16, isIpv4 ? 12 : 48);
  if (isIpv4) {
    message.writeUInt16BE(slowChecksum(message), 2);
    const ip = Buffer.concat([Buffer.from('4500000000004000400100 00'.replace(' ', ''), 'hex'), swapped]);
    ip.writeUInt16BE(20 + message.length, 2);
    ip.writeUInt16BE(slowChecksum(ip), 10);
    return Buffer.concat([header, ip, message]);
  }
  const pseudo = Buffer.concat([swapped, Buffer.from([0, 0, message.length >> 8, message.length & 255, 0, 0, 0, 58])]);
  message.writeUInt16BE(slowChecksum(Buffer.concat([pseudo, message])), 2);
  const ip = Buffer.concat([Buffer.from('6000000000003a40', 'hex'), swapped]);
  ip.writeUInt16BE(message.length, 4);
  return Buffer.concat([header, ip, message]);
}

/** With the IPv4 checksum made right again. */
export function ipv4Fixed(sent: Uint8Array): Uint8Array {
  const header = withBytes(sent.subarray(14, 34), 10, 0, 0);
  const sum = slowChecksum(header);
  return withBytes(sent, 24, sum >> 8, sum & 255);
}
