/**
 * Frames of the Service Volume Protocol, version 1: a header of 16 bytes, then the payload. Big-endian.
 *
 *    0        2        4                 8                 12                16
 *   ┌────────┬────────┬─────────────────┬─────────────────┬─────────────────┐
 *   │version │   op   │  payload bytes  │       id        │     CRC-32      │ payload …
 *   └────────┴────────┴─────────────────┴─────────────────┴─────────────────┘
 *
 * The CRC (IEEE 802.3, as zlib's) covers header and payload, with its own four bytes zero. The id is the asker's; the
 * answer carries the same.
 */
import { crc32 } from 'node:zlib';

export const VERSION = 1;

const OP = 2;
const SIZE = OP + 2;
const ID = SIZE + 4;
const CRC = ID + 4;
export const HEADER_LEN = CRC + 4;

/** Operations; each answer is its request plus one. BULK (7, 8) has no defined format, SHOOTDOWN (13) no receiver. */
export const Op = {
  ping: 1,
  pong: 2,
  vl2Request: 3,
  vl2Answer: 4,
  vl3Request: 5,
  vl3Answer: 6,
  logRequest: 9,
  logAnswer: 10,
  logRemove: 11,
  logRemoved: 12,
} as const;

/** Bytes of the payloads that a client may receive: least and most. A log answer is bounded by what is asked for. */
const PAYLOAD_SIZES: ReadonlyMap<number, readonly [least: number, most: number]> = new Map([
  [Op.pong, [0, 0]],
  [Op.vl2Answer, [20, 20]],
  [Op.vl3Answer, [28, 28]],
  [Op.logAnswer, [4, 128 * 1024]],
  [Op.logRemoved, [4, 4]],
]);

/** The other side does not speak the protocol: nothing after this can be believed, so the connection is closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export interface Frame {
  readonly op: number;
  /** 0..2^32-1. */
  readonly id: number;
  readonly payload: Buffer;
}

export interface Header {
  readonly op: number;
  readonly size: number;
  readonly id: number;
}

/** The bytes of a frame. */
export function encodeFrame({ op, id, payload }: Frame): Buffer {
  const bytes = Buffer.alloc(HEADER_LEN + payload.length);
  bytes.writeUInt16BE(VERSION, 0);
  bytes.writeUInt16BE(op, OP);
  bytes.writeUInt32BE(payload.length, SIZE);
  bytes.writeUInt32BE(id, ID);
  payload.copy(bytes, HEADER_LEN);
  bytes.writeUInt32BE(crc32(bytes), CRC); // its own bytes are still zero
  return bytes;
}

/** Reads the header of an answer; a ProtocolError when no client may get such a one, before any payload is awaited. */
export function readHeader(header: Buffer): Header {
  const version = header.readUInt16BE(0);
  const op = header.readUInt16BE(OP);
  const size = header.readUInt32BE(SIZE);
  if (version !== VERSION) throw new ProtocolError(`protocol version ${version}, expected ${VERSION}`);
  const sizes = PAYLOAD_SIZES.get(op);
  if (sizes === undefined) throw new ProtocolError(`operation ${op} is no answer to a client`);
  const [least, most] = sizes;
  if (size < least || size > most) {
    const expected = least === most ? `${least}` : `${least} to ${most}`;
    throw new ProtocolError(`operation ${op} with ${size} bytes of payload, expected ${expected}`);
  }
  return { op, size, id: header.readUInt32BE(ID) };
}

/** Throws a ProtocolError unless the CRC of the whole frame is right. */
export function checkCrc(header: Buffer, payload: Buffer): void {
  const given = header.readUInt32BE(CRC);
  const zeroed = Buffer.from(header);
  zeroed.writeUInt32BE(0, CRC);
  if (crc32(payload, crc32(zeroed)) !== given) throw new ProtocolError('wrong CRC');
}
