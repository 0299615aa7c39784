/**
 * Records of the invalidation log: what this host may remember and must not any more. Layouts in bytes, in order:
 *
 *   VL2 (32)   type 4 = 1, uuid 16, mac 6, pad 2, vnetid 4                 a MAC is elsewhere
 *   VL3 (44)   type 4 = 2, uuid 16, address 16, pad 2, vlan 2, vnetid 4    an IP address has another owner
 */
import { macFromNumber } from '../../../address.js';
import { addressText } from './addresses.js';
import { ProtocolError } from './frame.js';

export const UUID_LEN = 16;

interface RecordBase {
  /** 32 hexadecimal digits. */
  readonly uuid: string;
  readonly vni: number;
}

export interface Vl2Record extends RecordBase {
  readonly kind: 'vl2';
  readonly mac: string;
}

export interface Vl3Record extends RecordBase {
  readonly kind: 'vl3';
  readonly ip: string;
  /** 802.1Q VLAN id, 0: none. */
  readonly vlan: number;
}

export type LogRecord = Vl2Record | Vl3Record;

const VL2 = 1;
const VL3 = 2;
const LENGTHS: Readonly<Record<LogRecord['kind'], number>> = { vl2: 32, vl3: 44 };

/** Bytes of a record on the wire. */
export function recordLength(record: LogRecord): number {
  return LENGTHS[record.kind];
}

/** Reads records that fill `bytes`; a ProtocolError when they do not, or when one is of an unknown type. */
export function readRecords(bytes: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < bytes.length; at += recordLength(records.at(-1) as LogRecord)) {
    records.push(readRecord(bytes.subarray(at)));
  }
  return records;
}

function readRecord(bytes: Buffer): LogRecord {
  const type = bytes.length < 4 ? null : bytes.readUInt32BE(0);
  if (type !== null && type !== VL2 && type !== VL3) throw new ProtocolError(`log record of type ${type}`);
  const kind = type === VL2 ? 'vl2' : 'vl3';
  if (type === null || bytes.length < LENGTHS[kind]) throw new ProtocolError('a log record is cut short');
  const uuid = bytes.toString('hex', 4, 4 + UUID_LEN);
  if (kind === 'vl2') {
    return Object.freeze({ kind, uuid, mac: macFromNumber(bytes.readUIntBE(20, 6)), vni: bytes.readUInt32BE(28) });
  }
  const ip = addressText(bytes.subarray(20, 36));
  return Object.freeze({ kind, uuid, ip, vlan: bytes.readUInt16BE(38), vni: bytes.readUInt32BE(40) });
}
