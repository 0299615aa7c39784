/** The frames of a batch: of IPv4 by their EtherType, and nearly all of a flow of UDP of their own. */
import type { Views } from '../src/datapath/memory.js';

const ETHERNET_HLEN = 14; // bytes
const IPV4_HLEN = 20; // bytes
/** Last byte of the source MAC: the first VNIC's, and one that is behind the underlay. */
const OWN = 0;
const REMOTE = 0xff;

/** A frame of the first VNIC, of that flow; its destination is left as it is. */
export function shapeOwn(views: Views, frame: number, frameLen: number, flow: number): void {
  sourceOf(views, frame, OWN);
  views.u8.set(udpHeaders(frameLen, flow), frame + ETHERNET_HLEN);
}

/** A frame in a datagram, of that flow; null: of none, as it is neither TCP nor UDP. */
export function shapeInner(views: Views, frame: number, frameLen: number, flow: number | null): void {
  sourceOf(views, frame, REMOTE);
  if (flow !== null) views.u8.set(udpHeaders(frameLen, flow), frame + ETHERNET_HLEN);
}

function sourceOf({ u8 }: Views, frame: number, last: number): void {
  u8.set([0x02, 0, 0, 0, 0, last, 0x08, 0x00], frame + 6);
}

/**
 * IPv4 and UDP headers, from the last of the addresses that the VNIC may use (batches.ts), and a port of the flow's
 * own. The checksum of UDP is that of a payload of zeros.
 */
function udpHeaders(frameLen: number, flow: number): number[] {
  const total = frameLen - ETHERNET_HLEN;
  const be16 = (value: number) => [(value >> 8) & 0xff, value & 0xff];
  const addresses = [10, 0, 0, 3, 10, 0, 0, 9];
  const ipv4 = [0x45, 0, ...be16(total), 0, 0, 0x40, 0, 64, 17, 0, 0, ...addresses];
  const len = be16(total - IPV4_HLEN);
  const udp = [...be16(0xc000 + flow), 0, 53, ...len];
  return [...ipv4, ...udp, ...be16(checksum(Buffer.from([...addresses, 0, 17, ...len, ...udp])))];
}

/** The Internet checksum (RFC 1071) of a few whole words. */
function checksum(words: Buffer): number {
  let sum = 0;
  for (let at = 0; at < words.length; at += 2) sum += words.readUInt16BE(at);
  return ~((sum & 0xffff) + (sum >> 16));
}
