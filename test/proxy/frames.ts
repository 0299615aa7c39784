/** Frames in and out of the proxies: hex beside frames, and tagged variants of captured ones. */

/** Bytes of hex text; white space is free. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

/** Hex of a frame. */
export function hex(frame: Uint8Array): string {
  return Buffer.from(frame).toString('hex');
}

/** The frame with an 802.1Q tag: priority 5, VLAN 7. */
export function tagged(frame: Uint8Array): Uint8Array {
  return Uint8Array.of(...frame.subarray(0, 12), 0x81, 0x00, 0xa0, 0x07, ...frame.subarray(12));
}

/** The frame within a larger array, so that reading or writing beside it shows. */
export function embedded(frame: Uint8Array): Uint8Array {
  const room = new Uint8Array(frame.length + 256).fill(0xa5);
  room.set(frame, 128);
  return room.subarray(128, 128 + frame.length);
}

/**
 * Duplicate address detection of fe80::ff:fe00:a by 02:00:00:00:00:0a, with a nonce option (RFC 3971). Captured from
 * Linux 6.18 and kept here, because the answers of the proxies stand in the tests byte by byte.
 */
export const NS_DAD = bytes(`
  3333ff00000a02000000000a86dd6000000000203aff00000000000000000000000000000000ff020000000000000000
  0001ff00000a870025f300000000fe80000000000000000000fffe00000a0e013843f06f2064
`);

/** radvd 2.19 of fe80::ff:fe00:a to all nodes: a prefix, its MAC, and nothing of the MTU. Captured from Linux 6.18. */
export const RA = bytes(`
  33330000000102000000000a86dd600986ce00383afffe80000000000000000000fffe00000aff020000000000000000
  00000000000186003e9f4000000c0000000000000000030440c000015180000038400000000020010db8000900000000
  000000000000010102000000000a
`);
