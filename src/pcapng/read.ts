/** Reads what write.ts writes, as it comes: of other files it reads what they have in common with that. */
import {
  DIRECTION_BITS,
  type Direction,
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  INTERFACE_STATISTICS,
  OPT_COMMENT,
  OPT_END,
} from './format.js';

const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const EPB_FLAGS = 2;
const ISB_IFDROP = 5;
const DIRECTION_MASK = 3;
/** No block of ours is longer: a super-frame, its comment, and to spare. */
const BLOCK_MAX = 1 << 20;

export interface Packet {
  readonly kind: 'packet';
  /** Of its interface, as the next two. */
  readonly name: string;
  readonly description: string;
  readonly linkType: number;
  readonly timeNs: bigint;
  readonly bytes: Buffer;
  readonly length: number;
  readonly direction: Direction;
  readonly comment: string;
}

export interface Statistics {
  readonly kind: 'statistics';
  readonly dropped: number;
}

interface Interface {
  readonly name: string;
  readonly description: string;
  readonly linkType: number;
}

export class PcapngReader {
  readonly #interfaces: Interface[] = [];
  #rest: Buffer = Buffer.alloc(0);

  /** The packets and statistics that are whole by now. Throws when the bytes are no pcapng. */
  *read(bytes: Uint8Array): Generator<Packet | Statistics, void> {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 8) {
      const length = this.#rest.readUInt32LE(4);
      if (length < 12 || length > BLOCK_MAX || length % 4 !== 0) throw new Error(`a pcapng block of ${length} bytes`);
      if (this.#rest.length < length) return;
      const block = this.#rest.subarray(0, length - 4);
      this.#rest = this.#rest.subarray(length);
      const read = this.#block(block.readUInt32LE(0), block.subarray(8));
      if (read !== null) yield read;
    }
  }

  #block(type: number, body: Buffer): Packet | Statistics | null {
    if (type === INTERFACE_DESCRIPTION) {
      const options = optionsOf(body, 8);
      const [name = '', description = ''] = [IF_NAME, IF_DESCRIPTION].map((each) => options.get(each)?.toString());
      this.#interfaces.push({ name, description, linkType: body.readUInt16LE(0) });
    }
    if (type === INTERFACE_STATISTICS) {
      return { kind: 'statistics', dropped: Number(optionsOf(body, 12).get(ISB_IFDROP)?.readBigUInt64LE() ?? 0n) };
    }
    return type === ENHANCED_PACKET ? this.#packet(body) : null;
  }

  #packet(body: Buffer): Packet {
    const captured = body.readUInt32LE(12);
    const options = optionsOf(body, 20 + captured + (-captured & 3));
    const bits = (options.get(EPB_FLAGS)?.readUInt32LE() ?? 0) & DIRECTION_MASK;
    const directions = Object.keys(DIRECTION_BITS) as Direction[];
    return {
      kind: 'packet',
      ...(this.#interfaces[body.readUInt32LE(0)] ?? { name: '', description: '', linkType: 0 }),
      timeNs: (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8)),
      bytes: body.subarray(20, 20 + captured),
      length: body.readUInt32LE(16),
      direction: directions.find((each) => DIRECTION_BITS[each] === bits) ?? 'unknown',
      comment: options.get(OPT_COMMENT)?.toString() ?? '',
    };
  }
}

/** By code, those from `start` on. */
function optionsOf(body: Buffer, start: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = start; at + 4 <= body.length; ) {
    const code = body.readUInt16LE(at);
    const length = body.readUInt16LE(at + 2);
    if (code === OPT_END) break;
    found.set(code, body.subarray(at + 4, at + 4 + length));
    at += 4 + length + (-length & 3);
  }
  return found;
}
