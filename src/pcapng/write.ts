/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian: a section header, a description of each interface
 * before its first packet, packets, and statistics at the end.
 */
import {
  DIRECTION_BITS,
  type Direction,
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  INTERFACE_STATISTICS,
  OPT_COMMENT,
  OPT_END,
  SECTION_HEADER,
} from './format.js';

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const UNKNOWN_LENGTH = -1n;
const SHB_OS = 3;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_TSRESOL = 9;
const NANOSECONDS = 9; // a power of ten
const EPB_FLAGS = 2;
const EPB_DROPCOUNT = 4;
const ISB_ENDTIME = 3;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;

/** Begins a file. `writer`: the program, with its version. */
export function sectionHeader(writer: string, os: string): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  fixed.writeUInt16LE(1, 4); // version 1.0
  fixed.writeBigInt64LE(UNKNOWN_LENGTH, 8);
  return block(SECTION_HEADER, [fixed, options([SHB_OS, text(os)], [SHB_USERAPPL, text(writer)])]);
}

export interface InterfaceDescription {
  /** LINKTYPE_*, see format.ts. */
  readonly linkType: number;
  readonly name: string;
  readonly description: string;
  /** Bytes of a packet that are kept at most. */
  readonly snapLength: number;
}

/** Interfaces are numbered from 0, in the order of their descriptions. Times are nanoseconds. */
export function interfaceDescription({ linkType, name, description, snapLength }: InterfaceDescription): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(linkType, 0);
  fixed.writeUInt32LE(snapLength, 4);
  const resolution = Buffer.from([NANOSECONDS]);
  const named = options([IF_NAME, text(name)], [IF_DESCRIPTION, text(description)], [IF_TSRESOL, resolution]);
  return block(INTERFACE_DESCRIPTION, [fixed, named]);
}

export interface PacketToWrite {
  readonly interface: number;
  /** Since 1970. */
  readonly timeNs: bigint;
  /** What is kept of it, in pieces; they are copied. */
  readonly pieces: readonly Uint8Array[];
  /** Bytes that it had. */
  readonly length: number;
  readonly direction: Direction;
  readonly comment: string;
  /** Packets of this interface that are missing before this one. */
  readonly missing: number;
}

export function enhancedPacket(packet: PacketToWrite): Buffer {
  const { timeNs, pieces, length, missing } = packet;
  const captured = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const fixed = Buffer.alloc(20);
  fixed.writeUInt32LE(packet.interface, 0);
  writeTime(fixed, 4, timeNs);
  fixed.writeUInt32LE(captured, 12);
  fixed.writeUInt32LE(length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(DIRECTION_BITS[packet.direction], 0);
  const said: Option[] = [
    [OPT_COMMENT, text(packet.comment)],
    [EPB_FLAGS, flags],
  ];
  if (missing > 0) said.push([EPB_DROPCOUNT, u64(missing)]);
  return block(ENHANCED_PACKET, [fixed, ...pieces, Buffer.alloc(-captured & 3), options(...said)]);
}

export interface InterfaceStatistics {
  readonly interface: number;
  readonly timeNs: bigint;
  readonly received: number;
  readonly dropped: number;
  readonly comment: string;
}

/** What is true at that time, since the beginning. */
export function interfaceStatistics(statistics: InterfaceStatistics): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt32LE(statistics.interface, 0);
  writeTime(fixed, 4, statistics.timeNs);
  const ended = Buffer.alloc(8);
  writeTime(ended, 0, statistics.timeNs);
  const said: Option[] = [
    [ISB_ENDTIME, ended],
    [ISB_IFRECV, u64(statistics.received)],
    [ISB_IFDROP, u64(statistics.dropped)],
  ];
  if (statistics.comment !== '') said.unshift([OPT_COMMENT, text(statistics.comment)]);
  return block(INTERFACE_STATISTICS, [fixed, options(...said)]);
}

type Option = readonly [code: number, value: Uint8Array];

function options(...all: readonly Option[]): Buffer {
  const parts = [...all, [OPT_END, new Uint8Array(0)] as const].flatMap(([code, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    return [head, value, Buffer.alloc(-value.length & 3)];
  });
  return Buffer.concat(parts);
}

/** Its parts are a multiple of 4 bytes together. */
function block(type: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 12);
  const ends = Buffer.alloc(12);
  ends.writeUInt32LE(type, 0);
  ends.writeUInt32LE(length, 4);
  ends.writeUInt32LE(length, 8);
  return Buffer.concat([ends.subarray(0, 8), ...parts, ends.subarray(8)]);
}

function text(value: string): Buffer {
  return Buffer.from(value, 'utf8');
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** The high half comes first, whatever the byte order. */
function writeTime(to: Buffer, at: number, timeNs: bigint): void {
  to.writeUInt32LE(Number(timeNs >> 32n), at);
  to.writeUInt32LE(Number(timeNs & 0xffff_ffffn), at + 4);
}
