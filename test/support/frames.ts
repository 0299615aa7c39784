// Frames for the datapath's tests, built byte by byte (big-endian).

const bytesOf = (mac: string): number[] => mac.split(':').map((byte) => Number.parseInt(byte, 16));
const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** An Ethernet frame; `tags` are VLAN ids, outermost first. */
export function frame(
  destination: string,
  source: string,
  options: { tags?: readonly number[]; etherType?: number; payload?: Uint8Array } = {},
): Buffer {
  const tags = (options.tags ?? []).flatMap((vlan) => [0x81, 0x00, ...be16(vlan)]);
  const header = [...bytesOf(destination), ...bytesOf(source), ...tags, ...be16(options.etherType ?? 0x88b5)];
  return Buffer.concat([Buffer.from(header), options.payload ?? Buffer.alloc(46, 0x5a)]);
}

/** The VXLAN header (RFC 7348 section 5) and a frame: one datagram. */
export function datagram(vni: number, inner: Uint8Array, options: { flags?: number; reserved?: number } = {}): Buffer {
  const header = Buffer.from([
    options.flags ?? 0x08,
    0,
    0,
    0,
    vni >> 16,
    (vni >> 8) & 0xff,
    vni & 0xff,
    options.reserved ?? 0,
  ]);
  return Buffer.concat([header, inner]);
}

/** An ARP request (operation 1) or reply (2) for Ethernet and IPv4. */
export function arp(operation: number, sha: string, spa: string, tpa: string): Buffer {
  const ip = (text: string): number[] => text.split('.').map(Number);
  return Buffer.from([0, 1, 8, 0, 6, 4, 0, operation, ...bytesOf(sha), ...ip(spa), 0, 0, 0, 0, 0, 0, ...ip(tpa)]);
}
