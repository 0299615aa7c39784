/** A captured packet as a line for people, or as an object for programs. */
import { isEncap } from '../encapsulations.js';
import { LINKTYPE_ETHERNET } from '../pcapng/format.js';
import type { Packet } from '../pcapng/read.js';
import type { Context } from './command.js';
import { frameText, packetText } from './frame-text.js';

/** What the daemon describes as an underlay socket ends with the encapsulation. */
function textOf({ description, linkType, bytes }: Packet): string {
  if (linkType === LINKTYPE_ETHERNET) return frameText(bytes);
  const encap = description.split(', ').at(-1)!;
  return packetText(bytes, isEncap(encap) ? encap : null);
}

export function lineOf(packet: Packet, { paint }: Context): string {
  const { name, direction, length, comment } = packet;
  const arrow = { in: 'in ', out: 'out', unknown: '-  ' }[direction];
  const tint = / dropped: /.test(comment) ? 'bad' : 'faint';
  const fate = paint(tint, `(${comment})`);
  return `${clockOf(packet.timeNs)} ${name} ${arrow} ${textOf(packet)}, ${length} bytes ${fate}\n`;
}

/** Local time, with microseconds. */
function clockOf(timeNs: bigint): string {
  const date = new Date(Number(timeNs / 1_000_000n));
  const two = (value: number) => String(value).padStart(2, '0');
  const micro = String((timeNs / 1000n) % 1_000_000n).padStart(6, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${micro}`;
}

export function jsonOf(packet: Packet): string {
  const { name, direction, length, comment, timeNs } = packet;
  const time = new Date(Number(timeNs / 1_000_000n)).toISOString();
  return `${JSON.stringify({ time, interface: name, direction, length, text: textOf(packet), comment })}\n`;
}
