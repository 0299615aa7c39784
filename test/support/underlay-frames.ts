/** What an underlay TAP brings: datagrams of the underlay over IPv4, behind the header that the kernel gives them. */
import { ipBytes } from '../../src/address.js';
import { buildFrame, concat, type Flow, headerLengthOf, UDP, vnetOf } from './super-frames.js';

/** Bytes of the outer headers: Ethernet, IPv4, UDP. */
export const OUTER = 14 + 20 + 8;
/** Of a {@link Flow}: what is not looked at. */
export const PLAIN = { tags: [], ttl: 64, tos: 0, flowLabel: 0, df: true, id: 0, ipOptions: new Uint8Array() };
export const NO_TCP = { seq: 0, ack: 0, window: 0, flags: 0, tcpOptions: new Uint8Array() };

/** A datagram of the underlay, outer headers and all. */
export function outer(
  from: string,
  to: string,
  macs: Uint8Array,
  ports: [number, number],
  payload: Uint8Array,
): Uint8Array {
  const addresses = concat(ipBytes(from), ipBytes(to));
  return buildFrame({ ...PLAIN, version: 4, protocol: UDP, macs, addresses, ports, ...NO_TCP }, payload);
}

/** Without its outer checksum. */
export function unsummed(frame: Uint8Array): Uint8Array {
  frame.set([0, 0], OUTER - 2);
  return frame;
}

/** The header that the kernel gives a super-frame inside a tunnel over IPv4. */
export function tunnelVnet(inner: Flow, segment: number): Uint8Array {
  const before = OUTER + 8;
  const vnet = Buffer.concat([vnetOf(inner, segment), Buffer.alloc(14)]);
  vnet[1]! |= 0x20;
  vnet.writeUInt16LE(before + headerLengthOf(inner), 2);
  vnet.writeUInt16LE(before + vnet.readUInt16LE(6), 6);
  vnet.writeUInt16LE(OUTER - 8, 20);
  vnet.writeUInt16LE(before + 14, 22);
  return vnet;
}
