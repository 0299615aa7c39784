// Four flows with nothing special about them, and their frames, for the tests of coalescing.

import { payloadOf } from '../support/flows.js';
import type { Entry, Written } from '../support/list.js';
import { ACK, buildFrame, type Flow, TCP, UDP } from '../support/super-frames.js';

export const SIZE = 100;
export const tcp4: Flow = {
  version: 4,
  protocol: TCP,
  macs: Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2),
  tags: [],
  addresses: Uint8Array.of(10, 0, 0, 1, 10, 0, 0, 2),
  ports: [40000, 5201],
  ttl: 64,
  tos: 0,
  flowLabel: 7,
  df: true,
  id: 0xffff,
  ipOptions: new Uint8Array(),
  seq: 0xffff_ffc0,
  ack: 77,
  window: 500,
  flags: ACK,
  tcpOptions: new Uint8Array(12).fill(1),
};
export const tcp6: Flow = { ...tcp4, version: 6, addresses: new Uint8Array(32).fill(0xfd) };
export const udp4: Flow = { ...tcp4, protocol: UDP };
export const udp6: Flow = { ...tcp6, protocol: UDP };
export const every: readonly [name: string, flow: Flow][] = [
  ['TCP over IPv4', tcp4],
  ['TCP over IPv6', tcp6],
  ['UDP over IPv4', udp4],
  ['UDP over IPv6', udp6],
];

/** Frame `index` of a flow whose frames carry SIZE bytes; `changes` are what is special about it. */
export function nth(flow: Flow, index: number, changes: Partial<Flow> = {}, length = SIZE): Uint8Array {
  const own = { ...flow, id: (flow.id + index) & 0xffff, seq: (flow.seq + index * SIZE) >>> 0, ...changes };
  return buildFrame(own, payloadOf(length, index + 1));
}

export const to = (vnic: number, ...frames: Uint8Array[]): Entry[] => frames.map((frame) => ({ vnic, frame }));
/** Which entries left together. */
export const groups = (written: readonly Written[]): (readonly number[])[] => written.map(({ entries }) => entries);
