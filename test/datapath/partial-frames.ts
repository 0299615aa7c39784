// For the tests of what a kernel on this machine hands over as it is inside it: a slow twin that finishes and cuts what
// a VNIC would be given, as a bridge behind it would.

import assert from 'node:assert/strict';
import { slowChecksum } from '../support/bytes.js';
import { type Build, Core, type Output } from '../support/core.js';
import { splitSuperFrame } from '../support/split.js';
import { type Flow, headerLengthOf, l3Of, readVnet, TCP, UDP } from '../support/super-frames.js';

export const MAC = '02:00:00:00:00:01';
export const OTHER = '02:00:00:00:00:02';
export const HERE = [2, 0, 0, 0, 0, 1];
export const VNI = 23;
export const MTU = 1450;
export const IP_LENGTH_MAX = 65_535 - 50;

export const tcp4: Flow = {
  version: 4,
  protocol: TCP,
  macs: Uint8Array.from([...HERE, 2, 0, 0, 0, 0, 9]),
  tags: [],
  addresses: Uint8Array.of(10, 0, 0, 2, 10, 0, 0, 1),
  ports: [40000, 5201],
  ttl: 64,
  tos: 0,
  flowLabel: 0,
  df: true,
  id: 7,
  ipOptions: new Uint8Array(),
  seq: 1,
  ack: 1,
  window: 500,
  flags: 0x10,
  tcpOptions: new Uint8Array(12).fill(1),
};
export const udp4: Flow = { ...tcp4, protocol: UDP };
export const udp6: Flow = { ...udp4, version: 6, addresses: new Uint8Array(32).fill(0xfd) };

export function setUp(build: Build, config: Parameters<Core['overlay']>[0] = {}) {
  const core = new Core(build);
  const overlay = core.overlay({ coalesceTcp: true, coalesceUdp: true, mtu: MTU, acceptPartial: true, ...config });
  return { core, overlay, vnic: core.vnic(overlay, MAC) };
}

export const forUs = (flow: Flow): Flow => ({ ...flow, macs: Uint8Array.from([...HERE, ...flow.macs.slice(6)]) });
export const sizeOf = (flow: Flow): number => MTU - (headerLengthOf(flow) - l3Of(flow));
export const hex = (frames: readonly Uint8Array[]): string[] => frames.map((one) => Buffer.from(one).toString('hex'));
export const isSuper = (output: Output): boolean => 'vnet' in output && readVnet(output.vnet!).gsoType !== 0;

/** The slow twin of a receiver that sends a frame on: skb_checksum_help of the kernel. */
export function finished(frame: Uint8Array, header: Uint8Array): Uint8Array {
  const { flags, csumStart, csumOffset } = readVnet(header);
  assert.equal(flags, 1);
  const made = slowChecksum(frame.slice(csumStart));
  const out = frame.slice();
  const field = csumOffset === 6 && made === 0 ? 0xffff : made;
  out.set([field >> 8, field & 0xff], csumStart + csumOffset);
  return out;
}

/** The frames that VNICs were given, as they would leave a bridge behind them. */
export function framesOf(outputs: readonly Output[]): string[] {
  return outputs.flatMap((output) => {
    assert.ok('frame' in output);
    const { frame, vnet } = output;
    if (vnet === undefined) return hex([frame]);
    return hex(isSuper(output) ? splitSuperFrame(frame, vnet) : [finished(frame, vnet)]);
  });
}
