/** Datagrams of the encapsulations beside VXLAN, and sockets for them. */
import { ENCAPSULATIONS } from '../../src/encapsulations.js';
import type { Core } from '../support/core.js';
import { datagram } from '../support/frames.js';
import type { Random } from '../support/random.js';
import { concat } from '../support/super-frames.js';

/** Those that have a socket of their own. */
export const OTHERS = ['vxlan-gpe', 'geneve', 'nvgre'] as const;
/** Of headers: those of encapsulations, and VXLAN's with a group policy id. */
export const KINDS = ['vxlan', 'vxlan-gbp', ...OTHERS] as const;
export type Kind = (typeof KINDS)[number];

/** Of the overlay that has one. */
export const POLICY_GROUP = 7;
export const POLICY_VNI = 3;

/** Where its datagrams arrive. */
export function portOf(kind: Kind): number {
  return ENCAPSULATIONS[kind === 'vxlan-gbp' ? 'vxlan' : kind].port;
}

export function socketOf(core: Core, encap: (typeof OTHERS)[number], ip: string): number {
  const sources = [[{ withChecksum: 3, withoutChecksum: 3 }]];
  const names = { listen: { ip, port: ENCAPSULATIONS[encap].port }, ports: [50_002] };
  const rest = { checksum: 'fragmentable', acceptZeroChecksum6: false } as const;
  return core.tables.addSocket({ encap, listeners: [4], sources, names: { ...names, ...rest } });
}

export function overlaysOn(core: Core, socket: number): number[] {
  const some = { socket, segment: true, coalesceTcp: true, coalesceUdp: true };
  const strict = { strictHeader: true, sourceCheck: 'vtep' } as const;
  return [
    core.overlay({ vni: 1, ...some, learn: true, acceptPartial: true }),
    core.overlay({ vni: 2, ...some, ...strict }),
  ];
}

function wrapInVxlan(random: Random, vni: number, frame: Uint8Array): Uint8Array {
  if (random.oneIn(50)) return frame;
  const flags = random.oneIn(10) ? random.below(256) : 8;
  const rest = { flags, reserved: random.oneIn(20) ? 1 : 0 };
  return datagram(random.oneIn(4) ? random.below(8) : vni, frame, rest);
}

/**
 * In a datagram of the kind, of at most so many bytes: mostly right, often with options, at times cut off or with a bit
 * of its header wrong.
 */
export function wrapIn(random: Random, kind: Kind, vni: number, frame: Uint8Array, most: number): Uint8Array {
  if (kind === 'vxlan') return wrapInVxlan(random, vni, frame).subarray(0, most);
  const header = Uint8Array.from(headerOf(random, kind, vni));
  if (random.oneIn(4)) header[random.below(header.length)]! ^= 1 << random.below(8);
  const before = kind === 'nvgre' ? ipHeaderBefore(random, header.length + frame.length) : [];
  const whole = concat(before, header, frame);
  return whole.subarray(0, random.oneIn(50) ? random.below(before.length + header.length + 20) : most);
}

/** Of `length` bytes: of IPv4, with options at times, as a raw socket has it; or none, as over IPv6. */
function ipHeaderBefore(random: Random, length: number): number[] {
  if (random.oneIn(5)) return [];
  const words = 5 + (random.oneIn(4) ? random.below(11) : 0);
  const total = words * 4 + length;
  const header = [0x40 | words, 0, total >> 8, total & 0xff, ...Array<number>(words * 4 - 4).fill(0)];
  if (random.oneIn(20)) header[random.below(4)] = random.below(256);
  return header;
}

function headerOf(random: Random, kind: Exclude<Kind, 'vxlan'>, vni: number): number[] {
  if (kind === 'vxlan-gpe') return [0x0c, 0, 0, 3, 0, 0, vni, 0];
  if (kind === 'nvgre') return [0x20, 0, 0x65, 0x58, 0, 0, vni, random.below(256)];
  if (kind === 'vxlan-gbp') {
    const id = random.oneIn(4) ? random.below(256) : POLICY_GROUP;
    return [0x88, random.pick([0, 0, 0x08, 0x40]), 0, id, 0, 0, random.oneIn(4) ? vni : POLICY_VNI, 0];
  }
  const options = random.oneIn(3) ? optionsOf(random) : [];
  return [options.length / 4, 0, 0x65, 0x58, 0, 0, vni, 0, ...options];
}

/** Geneve options: a quarter of them is critical, and an eighth is not as long as it says. */
function optionsOf(random: Random): number[] {
  return Array.from({ length: 1 + random.below(4) }, () => {
    const words = random.below(6);
    const said = random.oneIn(8) ? random.below(32) : words;
    return [1, 2, random.oneIn(4) ? 0x80 : 0, said, ...Array<number>(words * 4).fill(0xa5)];
  }).flat();
}
