/** A classic pcap file, big-endian, link type Ethernet. */
export function pcap(frames: readonly Uint8Array[]): Buffer {
  const words = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer).swap32();
  const header = words(0xa1b2c3d4, 0x00020004, 0, 0, 65535, 1);
  return Buffer.concat([header, ...frames.flatMap((frame, i) => [words(i, 0, frame.length, frame.length), frame])]);
}
