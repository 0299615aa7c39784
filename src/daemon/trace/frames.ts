/** Frames for a trace, made of what is asked for. */
import { ipBytes, ipFamily } from '../../address.js';
import { checksum } from '../../proxy/bytes.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const EXPERIMENTAL = 0x88b5; // of IEEE 802, for local use
const LEAST = 60; // bytes, without FCS

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

function ethernet(destination: string, source: string, etherType: number, payload: Uint8Array): Buffer {
  const type = Buffer.from([etherType >> 8, etherType & 0xff]);
  const frame = Buffer.concat([macBytes(destination), macBytes(source), type, payload]);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, LEAST - frame.length))]);
}

/** A frame of no protocol. */
export function frameTo(destination: string, source: string): Buffer {
  return ethernet(destination, source, EXPERIMENTAL, new Uint8Array(0));
}

/** An ARP probe (RFC 5227): a request of whoever has no address yet. */
export function arpProbe(source: string, ip: string): Buffer {
  const head = [0, 1, 8, 0, 6, 4, 0, 1];
  const asked = [...head, ...macBytes(source), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...ipBytes(ip)];
  return ethernet(BROADCAST, source, 0x0806, Uint8Array.from(asked));
}

/** A neighbour solicitation of whoever has no address yet (RFC 4862 section 5.4). */
export function solicitation(source: string, ip: string): Buffer {
  const target = ipBytes(ip);
  const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13));
  const message = Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0, ...target);
  const destination = `33:33:ff:${Buffer.from(target.subarray(13)).toString('hex').match(/../g)!.join(':')}`;
  return ethernet(destination, source, 0x86dd, ipv6(new Uint8Array(16), group, message, 255));
}

/** An echo request. `from`: of the same family. */
export function echo(source: string, from: string, destination: string, to: string): Buffer {
  const isIpv4 = ipFamily(to) === 4;
  const message = Uint8Array.of(isIpv4 ? 8 : 128, 0, 0, 0, 0, 1, 0, 1, ...Array(56).fill(0));
  if (!isIpv4) return ethernet(destination, source, 0x86dd, ipv6(ipBytes(from), ipBytes(to), message, 64));
  put16(message, 2, checksum(message));
  return ethernet(destination, source, 0x0800, ipv4(ipBytes(from), ipBytes(to), 1, message));
}

/** What a client that has no lease asks of everybody (RFC 2131). */
export function discover(source: string): Buffer {
  const message = Buffer.alloc(244);
  message.set([1, 1, 6]);
  message.set(macBytes(source), 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], 236);
  const udp = Buffer.alloc(8);
  udp.set([0, 68, 0, 67]);
  put16(udp, 4, udp.length + message.length);
  const all = Uint8Array.of(255, 255, 255, 255);
  return ethernet(BROADCAST, source, 0x0800, ipv4(new Uint8Array(4), all, 17, Buffer.concat([udp, message])));
}

function ipv4(from: Uint8Array, to: Uint8Array, protocol: number, payload: Uint8Array): Buffer {
  const header = Uint8Array.of(0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, ...from, ...to);
  put16(header, 2, header.length + payload.length);
  put16(header, 10, checksum(header));
  return Buffer.concat([header, payload]);
}

/** `message`: of ICMPv6, whose checksum is made. */
function ipv6(from: Uint8Array, to: Uint8Array, message: Uint8Array, hopLimit: number): Buffer {
  const pseudo = Uint8Array.of(...from, ...to, 0, 0, 0, message.length, 0, 0, 0, 58);
  put16(message, 2, checksum(Buffer.concat([pseudo, message])));
  const header = Uint8Array.of(0x60, 0, 0, 0, 0, message.length, 58, hopLimit, ...from, ...to);
  return Buffer.concat([header, message]);
}

function put16(to: Uint8Array, at: number, value: number): void {
  to[at] = value >> 8;
  to[at + 1] = value & 0xff;
}
