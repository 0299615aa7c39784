// The slow twin of a receiver: cuts a super-frame, given as bytes and a vnet header, into the frames it stands for.

import { slowChecksum } from './bytes.js';
import { CWR, concat, FIN, GSO_ECN, PSH, pseudoHeader, readVnet, TCP, UDP } from './super-frames.js';

/** Throws when the headers of the super-frame are not those of one; its checksum field is checked as well. */
export function splitSuperFrame(bytes: Uint8Array, vnetHeader: Uint8Array): Uint8Array[] {
  const vnet = readVnet(vnetHeader);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const l4 = vnet.csumStart;
  const tcp = vnet.csumOffset === 16;
  let l3 = 12;
  while ([0x8100, 0x88a8].includes(view.getUint16(l3))) l3 += 4;
  l3 += 2;
  const version4 = view.getUint16(l3 - 2) === 0x0800;
  const headers = l4 + (tcp ? (bytes[l4 + 12]! >> 4) * 4 : 8);
  const type = tcp ? (version4 ? 1 : 4) : 5;
  const length = version4 ? view.getUint16(l3 + 2) : view.getUint16(l3 + 4) + 40;
  const addresses = bytes.slice(l3 + (version4 ? 12 : 8), l4);
  const protocol = tcp ? TCP : UDP;
  const pseudo = (len: number): Uint8Array => pseudoHeader(addresses, protocol, len);
  const field = view.getUint16(l4 + vnet.csumOffset);
  const right =
    vnet.flags === 1 &&
    (vnet.gsoType & ~GSO_ECN) === type &&
    vnet.hdrLen === headers &&
    length === bytes.length - l3 &&
    (!version4 || slowChecksum(bytes.slice(l3, l4)) === 0) &&
    (tcp || view.getUint16(l4 + 4) === bytes.length - l4) &&
    field === (slowChecksum(pseudo(bytes.length - l4)) ^ 0xffff);
  if (!right) throw new Error(`not a super-frame: ${JSON.stringify(vnet)} ${Buffer.from(bytes).toString('hex')}`);
  const count = Math.ceil((bytes.length - headers) / vnet.gsoSize);
  return Array.from({ length: count }, (_, index) => {
    const from = headers + index * vnet.gsoSize;
    const segment = concat(bytes.slice(0, headers), bytes.slice(from, from + vnet.gsoSize));
    const out = new DataView(segment.buffer);
    if (version4) {
      out.setUint16(l3 + 2, segment.length - l3);
      out.setUint16(l3 + 4, (view.getUint16(l3 + 4) + index) & 0xffff);
      out.setUint16(l3 + 10, 0);
      out.setUint16(l3 + 10, slowChecksum(segment.slice(l3, l4)));
    } else {
      out.setUint16(l3 + 4, segment.length - l3 - 40);
    }
    if (tcp) {
      out.setUint32(l4 + 4, (view.getUint32(l4 + 4) + index * vnet.gsoSize) >>> 0);
      if (index < count - 1) segment[l4 + 13]! &= ~(FIN | PSH);
      if (index > 0) segment[l4 + 13]! &= ~CWR;
    } else {
      out.setUint16(l4 + 4, segment.length - l4);
    }
    out.setUint16(l4 + vnet.csumOffset, 0);
    const made = slowChecksum(concat(pseudo(segment.length - l4), segment.slice(l4)));
    out.setUint16(l4 + vnet.csumOffset, made === 0 && !tcp ? 0xffff : made);
    return segment;
  });
}
