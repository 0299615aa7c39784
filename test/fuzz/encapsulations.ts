/** Datagrams of the encapsulations beside VXLAN, and sockets for them. */
import { ENCAPSULATIONS } from '../../src/encapsulations.js';
import type { Core } from '../support/core.js';
import { datagram } from '../support/frames.js';
import type { Random } from '../support/random.js';
import { concat } from '../support/super-frames.js';

export const OTHERS = ['geneve', 'vxlan-gpe'] as const;
type Other = (typeof OTHERS)[number];

export function socketOf(core: Core, encap: Other, ip: string): number {
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
  return datagram(random.oneIn(4) ? random.below(8) : vni, frame, rest).subarray(0, 9224);
}

/** Without `encap` in VXLAN. Mostly right, often with options, at times cut off or with a bit of its header changed. */
export function wrapIn(random: Random, encap: Other | undefined, vni: number, frame: Uint8Array): Uint8Array {
  if (encap === undefined) return wrapInVxlan(random, vni, frame);
  const isGeneve = encap === 'geneve';
  const options = isGeneve && random.oneIn(3) ? optionsOf(random) : [];
  const first = isGeneve ? [options.length / 4, 0, 0x65, 0x58] : [0x0c, 0, 0, 3];
  const header = Uint8Array.from([...first, 0, 0, vni, 0, ...options]);
  if (random.oneIn(4)) header[random.below(header.length)]! ^= 1 << random.below(8);
  const whole = concat(header, frame);
  return whole.subarray(0, random.oneIn(50) ? random.below(header.length + 20) : 9224);
}

/** Geneve options whose lengths are right; a quarter of them is critical. */
function optionsOf(random: Random): number[] {
  return Array.from({ length: 1 + random.below(4) }, () => {
    const words = random.below(6);
    return [1, 2, random.oneIn(4) ? 0x80 : 0, words, ...Array<number>(words * 4).fill(0xa5)];
  }).flat();
}
