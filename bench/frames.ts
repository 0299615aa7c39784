/** Frames for the cases, as captured from Linux (where the tests' golden frames come from, test/wire/frames.ts). */

const frame = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ''), 'hex'));

/** Who has 10.0.0.2? Tell 10.0.0.1. */
export const ARP_REQUEST = frame(`
  ffffffffffff02000000000a0806000108000604000102000000000a0a0000010000000000000a000002
`);

/** Who has fe80::ff:fe00:b? From fe80::ff:fe00:a, with a source link-layer option. */
export const NEIGHBOUR_SOLICITATION = frame(`
  3333ff00000b02000000000a86dd6000000000203afffe80000000000000000000fffe00000aff020000000000000000
  0001ff00000b87007c7300000000fe80000000000000000000fffe00000b010102000000000a
`);

/** A multicast listener report: IPv6 and multicast, but no proxy's business. */
export const LISTENER_REPORT = frame(`
  33330000001602000000000b86dd600000000024000100000000000000000000000000000000ff020000000000000000
  0000000000163a000502000001008f006f7f0000000104000000ff0200000000000000000001ff00000b
`);
