/** What tshark must say of every datagram on the underlay. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Capture, Packet } from './capture.js';

const STATUS = ['ip', 'udp', 'tcp', 'icmp', 'icmpv6'].map((layer) => `${layer}.checksum.status`);
/** The bytes of traffic.ts are noise. Where a port of the other side is some protocol's, tshark would look for that. */
const NOISE = ['tcp.port==7000', 'udp.port==7001'].flatMap((port) => ['-d', `${port},data`]);
/** Options of tshark: it takes checksums on trust otherwise. */
export const CHECKING = [...['ip', 'tcp', 'udp'].flatMap((layer) => ['-o', `${layer}.check_checksum:TRUE`]), ...NOISE];
export const FIELDS = [
  ...['frame.number', 'frame.len', 'vxlan.flags', 'vxlan.vni', '_ws.malformed', 'eth.type', 'ipv6.version'],
  ...['udp.srcport', 'udp.length', 'tcp.srcport', 'udp.checksum', ...STATUS],
];

const GOOD = '1';
const NOT_PRESENT = '3';
const ILLEGAL = '4'; // zero over IPv6: illegal but for tunnels (RFC 6935), and tshark knows of no tunnels

/** One frame under one VXLAN header, whole, with good checksums; the outer one may be zero, and is where it must be. */
export function datagramIsGood(packet: Packet, vni: string, outer: 'any' | 'zero' | 'real' = 'any'): void {
  const text = JSON.stringify(packet);
  assert.deepEqual(packet['_ws.malformed'], [], text);
  assert.deepEqual(packet['vxlan.vni'], [vni], text);
  assert.deepEqual(packet['vxlan.flags'], ['0x0800'], text);
  for (const status of STATUS) {
    for (const [index, verdict] of (packet[status] ?? []).entries()) {
      const mayBeZero = status === 'udp.checksum.status' && index === 0 && outer !== 'real';
      const isZero = verdict === NOT_PRESENT || (verdict === ILLEGAL && outer === 'zero');
      const isGood = verdict === GOOD || (mayBeZero && isZero);
      assert.ok(isGood, `${status} is ${verdict} in ${text}`);
    }
  }
  if (outer === 'zero') assert.equal(packet['udp.checksum']?.[0], '0x0000', text);
}

const PCAP_HLEN = 24;
const RECORD_HLEN = 16;

/** What we rely on tshark for: a wrong bit shows. In every frame, for the last may be one without a checksum. */
export async function flippedBitShows(capture: Capture, vni: string): Promise<void> {
  const bytes = readFileSync(capture.file);
  for (let at = PCAP_HLEN; at + RECORD_HLEN <= bytes.length; ) {
    const end = at + RECORD_HLEN + bytes.readUInt32LE(at + 8);
    bytes[end - 1] = (bytes[end - 1] as number) ^ 1;
    at = end;
  }
  writeFileSync(capture.file, bytes);
  const packets = await capture.dissect(FIELDS, '', ...CHECKING);
  assert.throws(() => {
    for (const packet of packets) datagramIsGood(packet, vni);
  }, /checksum\.status/);
}
