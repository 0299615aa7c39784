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
