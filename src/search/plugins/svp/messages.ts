/**
 * What a client asks and how the answers read: one function a question. Layouts are in bytes, in order, big-endian;
 * an IPv4 address is written as a mapped IPv6 address (::ffff:a.b.c.d).
 */
import { ipFamily, macFromNumber, macToNumber } from '../../../address.js';
import type { Endpoint } from '../../api.js';
import { addressBytes, addressText } from './addresses.js';
import { Op } from './frame.js';
import { type LogRecord, readRecords, UUID_LEN } from './records.js';

/** A question in the words of the protocol, and how its answer reads. */
export interface Question<T> {
  /** What is asked, for the operator: `lookup of de:ad:be:ef:00:01`. */
  readonly words: string;
  readonly op: number;
  readonly payload: Buffer;
  readonly answerOp: number;
  /** Throws a {@link Refused} when the server says it cannot, a ProtocolError when the payload makes no sense. */
  decode(payload: Buffer): T;
}

/** The server answered that it cannot answer. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

export interface Vl3Answer {
  readonly mac: string;
  readonly target: Endpoint;
}

const OK = 0;
const NOT_FOUND = 2;
const STATUS_WORDS = ['ok', 'fatal error', 'not found', 'bad address type', 'bad bulk type'];

const VL3_TYPE_IPV4 = 1;
const VL3_TYPE_IPV6 = 2;

/** Is anybody there? Without payload. */
export function ping(): Question<null> {
  return { words: 'ping', op: Op.ping, payload: Buffer.alloc(0), answerOp: Op.pong, decode: () => null };
}

/** On which host is a MAC? mac 6, pad 2, vnetid 4. The answer: status 2, port 2, address 16. null: not found. */
export function vl2(mac: string, vni: number): Question<Endpoint | null> {
  const payload = Buffer.alloc(12);
  payload.writeUIntBE(macToNumber(mac), 0, 6);
  payload.writeUInt32BE(vni, 8);
  const decode = (answer: Buffer): Endpoint | null => {
    if (!isFound(answer.readUInt16BE(0))) return null;
    return endpoint(answer.readUInt16BE(2), answer.subarray(4, 20));
  };
  return { words: `lookup of ${mac}`, op: Op.vl2Request, payload, answerOp: Op.vl2Answer, decode };
}

/**
 * Which MAC has an IP address, and on which host is it? address 16, type 4, vnetid 4. The answer: status 4, mac 6,
 * port 2, address 16. null: not found.
 */
export function vl3(ip: string, vni: number): Question<Vl3Answer | null> {
  const payload = Buffer.alloc(24);
  addressBytes(ip).copy(payload, 0);
  payload.writeUInt32BE(ipFamily(ip) === 4 ? VL3_TYPE_IPV4 : VL3_TYPE_IPV6, 16);
  payload.writeUInt32BE(vni, 20);
  const decode = (answer: Buffer): Vl3Answer | null => {
    if (!isFound(answer.readUInt32BE(0))) return null;
    const mac = macFromNumber(answer.readUIntBE(4, 6));
    return Object.freeze({ mac, target: endpoint(answer.readUInt16BE(10), answer.subarray(12, 28)) });
  };
  return { words: `lookup of ${ip}`, op: Op.vl3Request, payload, answerOp: Op.vl3Answer, decode };
}

/** What has become invalid for this host? budget 4 (bytes of records), address 16. The answer: status 4, records. */
export function logRequest(budget: number, underlayIp: string): Question<LogRecord[]> {
  const payload = Buffer.alloc(20);
  payload.writeUInt32BE(budget, 0);
  addressBytes(underlayIp).copy(payload, 4);
  const decode = (answer: Buffer) => (isFound(answer.readUInt32BE(0)) ? readRecords(answer.subarray(4)) : []);
  return { words: 'invalidation log', op: Op.logRequest, payload, answerOp: Op.logAnswer, decode };
}

/** These records are dealt with: count 4, UUIDs of 16. The answer: status 4. Records that are gone are no failure. */
export function logRemove(uuids: readonly string[]): Question<null> {
  const payload = Buffer.alloc(4 + uuids.length * UUID_LEN);
  payload.writeUInt32BE(uuids.length, 0);
  for (const [index, uuid] of uuids.entries()) payload.write(uuid, 4 + index * UUID_LEN, 'hex');
  const decode = (answer: Buffer) => {
    isFound(answer.readUInt32BE(0));
    return null;
  };
  return { words: 'invalidation log removal', op: Op.logRemove, payload, answerOp: Op.logRemoved, decode };
}

/** False: not found. Throws a Refused for whatever else is not OK. */
function isFound(status: number): boolean {
  if (status === OK) return true;
  if (status === NOT_FOUND) return false;
  throw new Refused(`${STATUS_WORDS[status] ?? 'unknown status'} (status ${status})`);
}

function endpoint(port: number, address: Buffer): Endpoint {
  return Object.freeze({ ip: addressText(address), port });
}
