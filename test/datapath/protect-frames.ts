// Frames for link protection, built field by field: what hosts send, with fields of others in it, headers in between,
// cut off, overwritten, and with a checksum left to be made anywhere.

import fc from 'fast-check';

export const MAC = '02:00:00:00:00:0a';
export const OTHER_MAC = '02:00:00:00:00:0b';
export const FAR = '02:00:00:00:01:00';
export const ALLOWED = ['10.0.0.5/32', '10.1.0.0/16', 'fd00::5/128', 'fd01::/16'];

export const macBytes = (mac: string): number[] => mac.split(':').map((byte) => Number.parseInt(byte, 16));
export const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)];
const ip6 = (...words: number[]): number[] =>
  [...words.slice(0, -1), 0, 0, 0, 0, 0, 0, 0, 0]
    .slice(0, 7)
    .concat(words.at(-1) as number)
    .flatMap(be16);

const macs = fc.constantFrom(MAC, MAC, OTHER_MAC).map(macBytes);
const ip4s = fc.constantFrom(0, 0x0a00_0005, 0x0a00_0005, 0x0a01_0207, 0x0a00_0006, 0x0a02_0000).map(be32);
export const EUI64 = [0xfe80, 0, 0, 0, 0x0000, 0x00ff, 0xfe00, 0x000a].flatMap(be16);
const ip6s = fc.constantFrom(
  ip6(0, 0),
  EUI64,
  EUI64,
  ip6(0xfd00, 5),
  ip6(0xfd00, 5),
  ip6(0xfd01, 77),
  ip6(0xfd00, 6),
  ip6(0xfe80, 6),
);
const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max }).map((each) => [...each]);

const arps = fc
  .tuple(fc.constantFrom(1, 2), macs, ip4s, macs, ip4s)
  .map(([operation, sha, spa, tha, tpa]) => [0, 1, 8, 0, 6, 4, 0, operation, ...sha, ...spa, ...tha, ...tpa]);

const ID = {
  mac: macs.map((mac) => [1, ...mac]),
  duid: fc.oneof(
    macs.map((mac) => [0, 3, 0, 1, ...mac]),
    macs.map((mac) => [0, 1, 0, 1, 9, 9, 9, 9, ...mac]),
    macs.map((mac) => [0, 3, 0, 27, ...mac]),
    bytes(0, 3),
    bytes(10, 10).map((rest) => [0, 2, ...rest]),
  ),
};
const ids4 = fc.oneof(
  ID.mac,
  ID.duid.map((duid) => [255, 1, 2, 3, 4, ...duid]),
  bytes(0, 8),
);
const options4 = fc
  .array(
    fc.oneof(
      ids4.map((id) => [61, id.length, ...id]),
      fc.constantFrom([53, 1, 1], [0], [55, 2, 1, 3], [52, 1, 1], [12, 9, 1]),
      fc.constant([53, 1, 1]),
    ),
    { maxLength: 4 },
  )
  .map((list) => list.flat());
const dhcps = fc
  .tuple(fc.constantFrom(1, 1, 1, 2), macs, fc.constantFrom(0x63825363, 0x63825363, 0x63825363, 7), options4)
  .map(([op, chaddr, cookie, options]) => [
    ...[op, 1, 6, 0, ...new Array(24).fill(7), ...chaddr, ...new Array(202).fill(0)],
    ...[...be32(cookie), ...options, 255],
  ]);
const ids6 = ID.duid.map((duid) => [0, 1, ...be16(duid.length), ...duid]);
const dhcp6s = fc
  .tuple(
    fc.constantFrom(1, 3, 11, 1, 3, 2, 7, 10, 12, 13),
    fc.array(fc.oneof(ids6, fc.constantFrom([0, 6, 0, 2, 0, 23], [0, 8, 0, 2, 0, 0], [0, 8, 0, 9, 0])), {
      maxLength: 3,
    }),
  )
  .map(([type, options]) => [type, 1, 2, 3, ...options.flat()]);

const udp = (source: number, destination: number, payload: number[], claimed = 8 + payload.length) => [
  ...be16(source),
  ...be16(destination),
  ...be16(claimed),
  ...[0, 0],
  ...payload,
];
const mostly = <T>(usual: T, ...others: T[]) =>
  fc.constantFrom(...new Array(8).fill(usual), ...others) as fc.Arbitrary<T>;

const udp4 = fc.oneof(
  fc
    .tuple(dhcps, mostly(67, 68, 1067), mostly(0, 1, 400))
    .map(([message, to, more]) => udp(68, to, message, 8 + message.length + more)),
  fc.tuple(fc.constantFrom(53, 67, 68, 1067), bytes(0, 30)).map(([to, payload]) => udp(1000, to, payload)),
);
const udp6 = fc.oneof(
  fc
    .tuple(dhcp6s, mostly(547, 546, 1547), mostly(0, 1, 400))
    .map(([message, to, more]) => udp(546, to, message, 8 + message.length + more)),
  fc.tuple(fc.constantFrom(53, 546, 547), bytes(0, 30)).map(([to, payload]) => udp(1000, to, payload)),
);

const ipv4s = fc
  .tuple(
    ip4s,
    mostly(0, 0x4000, 0x2000, 0x0001, 0x2001, 0x1fff),
    mostly(5, 6, 4),
    mostly(0, 1, -4, 9),
    udp4,
    mostly(17, 6, 1),
  )
  .map(([source, fragment, words, more, payload, protocol]) => [
    ...[0x40 | words, 0, ...be16(words * 4 + payload.length + more), 0, 0, ...be16(fragment), 64, protocol, 0, 0],
    ...[...source, 10, 0, 0, 9, ...new Array(Math.max(0, words - 5) * 4).fill(1), ...payload],
  ]);

const lladdrs = fc.tuple(fc.constantFrom(1, 2, 5), macs).map(([type, mac]) => [type, 1, ...mac]);
const nds = fc
  .tuple(
    fc.constantFrom(133, 134, 135, 136, 135, 136, 137, 128),
    ip6s,
    fc.array(fc.oneof(lladdrs, fc.constantFrom([9, 0, 0, 0, 0, 0, 0, 0], [3, 2, 0, 0])), { maxLength: 2 }),
  )
  .map(([type, target, options]) => {
    const fixed = type === 133 ? [] : type === 134 ? new Array(8).fill(0) : target;
    return [type, 0, 0, 0, 0, 0, 0, 0, ...fixed, ...options.flat()];
  });

/** A kind of extension header, and its bytes behind "next header". */
const extensions: fc.Arbitrary<[kind: number, rest: number[]]>[] = [
  fc.constantFrom<[number, number[]]>(
    [0, [0, 1, 4, 0, 0, 0, 0]],
    [60, [0, 1, 4, 0, 0, 0, 0]],
    [43, [0, 4, 0, 0, 0, 0, 0]],
  ),
  bytes(15, 15).map((rest): [number, number[]] => [60, [1, ...rest.slice(1)]]),
  bytes(11, 11).map((rest): [number, number[]] => [51, [1, ...rest.slice(1)]]),
  fc.constantFrom(135, 139, 140).map((kind): [number, number[]] => [kind, [0, 0, 0, 0, 0, 0, 0]]),
  fc.constantFrom(0, 1, 8, 9).map((offset): [number, number[]] => [44, [0, 0, offset, 1, 1, 1, 1]]),
];
const uppers = fc.oneof(
  nds.map((message): [number, number[]] => [58, message]),
  udp6.map((message): [number, number[]] => [17, message]),
  fc.tuple(fc.constantFrom(6, 50, 59, 58, 17, 147, 148, 253), bytes(0, 9)),
);
const ipv6s = fc
  .tuple(ip6s, fc.array(fc.oneof(...extensions), { maxLength: 3 }), uppers, mostly(0, 1, -3, 9))
  .filter(([, chain]) => chain.length < 3 || chain[0]![0] !== 44)
  .map(([source, chain, [protocol, upper], more]) => {
    const kinds = [...chain.map(([kind]) => kind), protocol];
    const headers = chain.flatMap(([, rest], at) => [kinds[at + 1] as number, ...rest]);
    const payload = [...headers, ...upper];
    const length = Math.max(0, payload.length + more);
    return [0x60, 0, 0, 0, ...be16(length), kinds[0] as number, 255, ...source, ...ip6(0xfd00, 9), ...payload];
  });

const packets: fc.Arbitrary<[etherType: number, packet: number[]]> = fc.oneof(
  arps.map((packet): [number, number[]] => [0x0806, packet]),
  ipv4s.map((packet): [number, number[]] => [0x0800, packet]),
  ipv6s.map((packet): [number, number[]] => [0x86dd, packet]),
  fc.tuple(fc.constantFrom(0x88b5, 0x88cc, 0x0026, 0x0800, 0x86dd, 0x0806), bytes(0, 60)),
);

export interface Sent {
  readonly frame: Uint8Array;
  /** struct virtio_net_hdr */
  readonly vnet: Uint8Array;
}

/** One that is mostly whole. */
export const sents: fc.Arbitrary<Sent> = fc
  .record({
    packet: packets,
    tags: fc.array(fc.constantFrom([0x81, 0, 0, 5], [0x88, 0xa8, 0xe0, 0]), { maxLength: 2 }),
    cut: mostly(0, 1, 2, 5, 9, 30),
    padding: mostly(0, 6, 18),
    overwritten: fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 1 }),
    isOverwritten: mostly(false, true),
    made: mostly<[number, number] | null>(null, [0, 6], [34, 6], [54, 6], [54, 2], [14, 2], [38, 18], [62, 6], [34, 2]),
  })
  .map(({ packet: [etherType, packet], tags, cut, padding, overwritten, isOverwritten, made }) => {
    const whole = [...macBytes(FAR), ...macBytes(MAC), ...tags.flat(), ...be16(etherType), ...packet];
    const frame = Uint8Array.of(...whole.slice(0, Math.max(14, whole.length - cut)), ...new Array(padding).fill(0));
    for (const [at, value] of isOverwritten ? overwritten : []) if (at >= 12 && at < frame.length) frame[at] = value;
    const vnet = new Uint8Array(10);
    if (made !== null) vnet.set([1, 0, 0, 0, 0, 0, made[0] + tags.length * 4, 0, made[1], 0]);
    return { frame, vnet };
  });
