/** A frame, or a packet of the underlay, in a few words: addresses, protocols, and what is asked for. */
import { ipFromBytes, macFromNumber } from '../address.js';
import { ENCAPS, ENCAPSULATIONS, type Encap, hasPorts } from '../encapsulations.js';

const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TAGS = [0x8100, 0x88a8];
const ICMP = 1;
const TCP = 6;
const UDP = 17;
const GRE = 47;
const ICMPV6 = 58;
const GPE_PROTOCOL = 0x04;
const GPE_ETHERNET = 3;
/** Of NVGRE: a key and nothing else, version 0. */
const GRE_KEYED = 0x2000;
const TRANSPARENT_ETHERNET = 0x6558;
const ICMP_TYPES: Readonly<Record<number, string>> = {
  0: 'echo reply',
  3: 'destination unreachable',
  8: 'echo request',
  11: 'time exceeded',
};
const ICMPV6_TYPES: Readonly<Record<number, string>> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  128: 'echo request',
  129: 'echo reply',
  130: 'listener query',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbour solicitation for',
  136: 'neighbour advertisement of',
  143: 'listener report',
};
const TCP_FLAGS = ['F', 'S', 'R', 'P', '.', 'U'];

/** What is cut off is left out; of nonsense the text says how far it made sense. */
export function frameText(frame: Buffer): string {
  if (frame.length < 14) return 'too short for a frame';
  const macs = `${macAt(frame, 6)} > ${macAt(frame, 0)}`;
  let at = 12;
  let tags = '';
  while (TAGS.includes(read16(frame, at)) && frame.length >= at + 6) {
    tags += ` vlan ${read16(frame, at + 2) & 0xfff}`;
    at += 4;
  }
  const etherType = read16(frame, at);
  const packet = frame.subarray(at + 2);
  if (etherType === ARP) return `${macs}${tags} ${arpText(packet)}`;
  if (etherType === IPV4 || etherType === IPV6) return `${macs}${tags} ${packetText(packet)}`;
  return `${macs}${tags} EtherType 0x${hex16(etherType)}`;
}

/** Of IPv4 or IPv6. `encap`: it is a tunnel's, whatever its ports; without, the port of an encapsulation says so. */
export function packetText(packet: Buffer, encap: Encap | null = null): string {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4 && packet.length >= 20) {
    const upper = packet.subarray((packet[0]! & 15) * 4);
    const isLater = (read16(packet, 6) & 0x1fff) !== 0;
    const [from, to] = [ipFromBytes(packet.subarray(12, 16)), ipFromBytes(packet.subarray(16, 20))];
    return isLater ? `${from} > ${to} fragment` : upperText(packet[9]!, upper, from, to, encap);
  }
  if (version !== 6 || packet.length < 40) return 'no whole IP header';
  const [from, to] = [ipFromBytes(packet.subarray(8, 24)), ipFromBytes(packet.subarray(24, 40))];
  const isHopByHop = packet[6] === 0 && packet.length >= 48;
  const upper = packet.subarray(isHopByHop ? 48 + packet[41]! * 8 : 40);
  return upperText(isHopByHop ? packet[40]! : packet[6]!, upper, from, to, encap);
}

function upperText(protocol: number, upper: Buffer, from: string, to: string, encap: Encap | null): string {
  const between = (text: string) => `${from} > ${to} ${text}`;
  if (protocol === ICMP && upper.length >= 2) {
    return between(`ICMP ${ICMP_TYPES[upper[0]!] ?? `type ${upper[0]}`}${sequence(upper, [0, 8])}`);
  }
  if (protocol === ICMPV6 && upper.length >= 2) return between(`ICMPv6 ${icmpv6Text(upper)}`);
  if (protocol === GRE && read16(upper, 0) === GRE_KEYED && upper.length >= 8) return between(greText(upper));
  if (protocol !== TCP && protocol !== UDP) return between(`protocol ${protocol}`);
  if (upper.length < 8) return between(protocol === TCP ? 'TCP' : 'UDP');
  const ports = `${portOf(from, read16(upper, 0))} > ${portOf(to, read16(upper, 2))}`;
  if (protocol === TCP) return `${ports} TCP${tcpText(upper)}`;
  const tunnel = encap ?? ENCAPS.filter(hasPorts).find((each) => ENCAPSULATIONS[each].port === read16(upper, 2));
  if (tunnel === undefined || upper.length < 16) return `${ports} UDP`;
  return `${ports} VNI ${upper.readUIntBE(12, 3)}: ${innerText(tunnel, upper.subarray(8))}`;
}

function greText(upper: Buffer): string {
  const protocol = read16(upper, 2);
  const inner = protocol === TRANSPARENT_ETHERNET ? frameText(upper.subarray(8)) : `protocol 0x${hex16(protocol)}`;
  return `VNI ${upper.readUIntBE(4, 3)}: ${inner}`;
}

/** Behind the header of the encapsulation: eight bytes, and of Geneve its options. */
function innerText(encap: Encap, tunnel: Buffer): string {
  const isGeneve = encap === 'geneve';
  const hasProtocol = encap === 'vxlan-gpe' && (tunnel[0]! & GPE_PROTOCOL) !== 0;
  if (isGeneve && read16(tunnel, 2) !== TRANSPARENT_ETHERNET) return `protocol 0x${hex16(read16(tunnel, 2))}`;
  if (hasProtocol && tunnel[3] !== GPE_ETHERNET) return `protocol ${tunnel[3]}`;
  return frameText(tunnel.subarray(8 + (isGeneve ? (tunnel[0]! & 0x3f) * 4 : 0)));
}

function tcpText(upper: Buffer): string {
  if (upper.length < 20) return '';
  const flags = TCP_FLAGS.filter((_, bit) => (upper[13]! >> bit) & 1).join('');
  return ` [${flags}] seq ${upper.readUInt32BE(4)} ack ${upper.readUInt32BE(8)}`;
}

function icmpv6Text(upper: Buffer): string {
  const type = upper[0]!;
  const name = ICMPV6_TYPES[type] ?? `type ${type}`;
  if (type !== 135 && type !== 136) return `${name}${sequence(upper, [128, 129])}`;
  return upper.length < 24 ? name : `${name} ${ipFromBytes(upper.subarray(8, 24))}`;
}

/** Of an echo. */
function sequence(upper: Buffer, types: readonly number[]): string {
  return types.includes(upper[0]!) && upper.length >= 8 ? ` ${read16(upper, 6)}` : '';
}

function arpText(packet: Buffer): string {
  if (packet.length < 28) return 'ARP, cut off';
  const [sender, target] = [ipFromBytes(packet.subarray(14, 18)), ipFromBytes(packet.subarray(24, 28))];
  if (read16(packet, 6) === 1) return `ARP who has ${target}, tell ${sender}`;
  return `ARP ${sender} is at ${macAt(packet, 8)}`;
}

const read16 = (bytes: Buffer, at: number): number => (at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0);
const hex16 = (value: number): string => value.toString(16).padStart(4, '0');
const macAt = (bytes: Buffer, at: number): string => macFromNumber(bytes.readUIntBE(at, 6));
const portOf = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
