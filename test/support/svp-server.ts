/**
 * A Service Volume Protocol server for tests: real TCP, tables in memory, an invalidation log per underlay address.
 * It shares no code with the plugin, so that what both had misread would show; what it sends is a test's to spoil. Like
 * the real one (portolan) it answers lookups from a cache, and a client that resets its connection is its end.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';

export interface Request {
  readonly op: number;
  readonly id: number;
  readonly payload: Buffer;
}

export interface Mapping {
  readonly ip: string;
  readonly port?: number;
  /** Overlay addresses, canonical. */
  readonly owns?: readonly string[];
}

export interface LogEntry {
  readonly uuid: string;
  readonly vni: number;
  readonly mac?: string;
  readonly ip?: string;
  readonly vlan?: number;
}

/** What becomes of an answer; the default sends it. */
export type Behaviour = (answer: Buffer, socket: Socket, request: Request) => void;

export const OPS = { PING: 1, VL2: 3, VL3: 5, LOG: 9, LOG_RM: 11 } as const;

const FOUND = 0;
const FATAL = 1;
const MISSING = 2;

export class SvpServer {
  /** Every request, oldest first. */
  readonly requests: Request[] = [];
  readonly sockets = new Set<Socket>();
  /** Records by underlay address as 16 bytes in hex, oldest first. */
  readonly logs = new Map<string, LogEntry[]>();
  /** UUIDs of every record that a client acknowledged, also those that were gone. */
  readonly acknowledged: string[] = [];
  /** Answers every question with this status. */
  failWith: number | null = null;
  /** How long it goes on answering what it has answered; 0: it looks each time. */
  cacheMs = 10_000;
  nowMs = () => performance.now();
  /** What it died of. */
  died: Error | null = null;
  behave: Behaviour = (answer, socket) => void socket.write(answer);
  #tables = new Map<string, Mapping>();
  readonly #cache = new Map<string, { readonly answer: Buffer; readonly atMs: number }>();
  #server: Server = createServer();

  /** Sets or, with null, removes where a MAC is and which addresses it owns. */
  set(vni: number, mac: string, mapping: Mapping | null): this {
    if (mapping === null) this.#tables.delete(`${vni} ${mac}`);
    else this.#tables.set(`${vni} ${mac}`, mapping);
    return this;
  }

  record(underlayIp: string, ...entries: LogEntry[]): void {
    const key = sixteen(underlayIp).toString('hex');
    this.logs.set(key, [...(this.logs.get(key) ?? []), ...entries]);
  }

  logOf(underlayIp: string): string[] {
    return (this.logs.get(sixteen(underlayIp).toString('hex')) ?? []).map(({ uuid }) => uuid);
  }

  /** `open`: makes the server listen, perhaps inside a namespace. Answers the port. */
  async listen(open: (server: Server) => void = (server) => server.listen(freePort(), '127.0.0.1')): Promise<number> {
    this.#server = createServer((socket) => this.#serve(socket));
    const listening = new Promise((resolve, reject) => {
      this.#server.once('listening', resolve);
      this.#server.once('error', reject);
    });
    open(this.#server);
    await listening;
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Requests of one operation. */
  asked(op: number): Request[] {
    return this.requests.filter((request) => request.op === op);
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', (error) => this.#die(error));
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 16 && pending.length >= 16 + pending.readUInt32BE(4)) {
        const length = 16 + pending.readUInt32BE(4);
        this.#handle(pending.subarray(0, length), socket);
        pending = pending.subarray(length);
      }
    });
  }

  /** An error that nobody listens for ends a process of Node. */
  #die(error: Error): void {
    this.died ??= error;
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  #handle(bytes: Buffer, socket: Socket): void {
    const given = bytes.readUInt32BE(12);
    if (bytes.readUInt16BE(0) !== 1 || sealed(Buffer.from(bytes)).readUInt32BE(12) !== given) {
      this.#die(new Error('a client sent nonsense'));
      return;
    }
    const request = { op: bytes.readUInt16BE(2), id: bytes.readUInt32BE(8), payload: Buffer.from(bytes.subarray(16)) };
    this.requests.push(request);
    this.behave(envelope(request.op + 1, request.id, this.#answer(request)), socket, request);
  }

  #answer({ op, payload }: Request): Buffer {
    if (op === OPS.PING) return Buffer.alloc(0);
    if (op === OPS.VL2) return this.#cached(op, payload, () => this.#vl2(payload));
    if (op === OPS.VL3) return this.#cached(op, payload, () => this.#vl3(payload));
    return op === OPS.LOG ? this.#log(payload) : this.#logRemove(payload);
  }

  /** What it has found. */
  #cached(op: number, question: Buffer, look: () => Buffer): Buffer {
    const key = `${op} ${question.toString('hex')}`;
    const known = this.#cache.get(key);
    if (known !== undefined && this.nowMs() - known.atMs < this.cacheMs && this.failWith === null) return known.answer;
    const answer = look();
    const isFound = answer.readUIntBE(0, op === OPS.VL2 ? 2 : 4) === FOUND;
    if (isFound) this.#cache.set(key, { answer, atMs: this.nowMs() });
    return answer;
  }

  #vl2(payload: Buffer): Buffer {
    const found = this.#tables.get(`${payload.readUInt32BE(8)} ${macText(payload.subarray(0, 6))}`);
    const status = this.failWith ?? (found === undefined ? MISSING : FOUND);
    const head = numbers([status, 2], [found?.port ?? (found ? 4789 : 0), 2]);
    return Buffer.concat([head, found === undefined ? Buffer.alloc(16) : sixteen(found.ip)]);
  }

  #vl3(payload: Buffer): Buffer {
    const [address, type, vni] = [payload.subarray(0, 16), payload.readUInt32BE(16), payload.readUInt32BE(20)];
    const isMapped = address.toString('hex').startsWith('00000000000000000000ffff');
    if (type !== (isMapped ? 1 : 2)) return Buffer.concat([numbers([3, 4]), Buffer.alloc(24)]);
    for (const [key, mapping] of this.#tables) {
      const [ofVni, mac] = key.split(' ') as [string, string];
      if (Number(ofVni) !== vni || !mapping.owns?.some((ip) => sixteen(ip).equals(address))) continue;
      const head = numbers([this.failWith ?? FOUND, 4]);
      return Buffer.concat([head, macBytes(mac), numbers([mapping.port ?? 4789, 2]), sixteen(mapping.ip)]);
    }
    return Buffer.concat([numbers([this.failWith ?? MISSING, 4]), Buffer.alloc(24)]);
  }

  /** As many records, oldest first, as fit the client's budget. */
  #log(payload: Buffer): Buffer {
    if (this.failWith !== null) return numbers([this.failWith, 4]);
    let room = payload.readUInt32BE(0);
    const parts = [numbers([FOUND, 4])];
    for (const entry of this.logs.get(payload.toString('hex', 4, 20)) ?? []) {
      const bytes = recordBytes(entry);
      if (bytes.length > room) break;
      room -= bytes.length;
      parts.push(bytes);
    }
    return Buffer.concat(parts);
  }

  #logRemove(payload: Buffer): Buffer {
    const count = payload.readUInt32BE(0);
    if (payload.length !== 4 + 16 * count) return numbers([FATAL, 4]);
    let missing = 0;
    for (let n = 0; n < count; n++) {
      const uuid = payload.toString('hex', 4 + 16 * n, 20 + 16 * n);
      this.acknowledged.push(uuid);
      if (!this.#remove(uuid)) missing++;
    }
    return numbers([missing === count ? MISSING : FOUND, 4]);
  }

  #remove(uuid: string): boolean {
    for (const [address, entries] of this.logs) {
      const left = entries.filter((entry) => entry.uuid !== uuid);
      if (left.length === entries.length) continue;
      this.logs.set(address, left);
      return true;
    }
    return false;
  }
}

/** A UUID of 32 hexadecimal digits. */
export function uuid(n: number): string {
  return n.toString(16).padStart(32, '0');
}

/** A whole message with a right CRC. */
export function envelope(op: number, id: number, payload: Buffer): Buffer {
  return sealed(Buffer.concat([numbers([1, 2], [op, 2], [payload.length, 4], [id, 4], [0, 4]), payload]));
}

/** Puts the right CRC into a message that was changed. */
export function sealed(message: Buffer): Buffer {
  message.fill(0, 12, 16);
  let crc = 0xffffffff;
  for (const byte of message) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  for (let n = 0; n < 4; n++) message[12 + n] = (~crc >>> (24 - 8 * n)) & 0xff;
  return message;
}

export function recordBytes(entry: LogEntry): Buffer {
  const uuidBytes = Buffer.from(entry.uuid, 'hex');
  if (entry.mac !== undefined) {
    return Buffer.concat([numbers([1, 4]), uuidBytes, macBytes(entry.mac), numbers([0, 2], [entry.vni, 4])]);
  }
  const tail = numbers([0, 2], [entry.vlan ?? 0, 2], [entry.vni, 4]);
  return Buffer.concat([numbers([2, 4]), uuidBytes, sixteen(entry.ip as string), tail]);
}

/** Unsigned numbers of so many bytes each, most significant first. */
function numbers(...fields: readonly (readonly [value: number, bytes: number])[]): Buffer {
  const hex = fields.map(([value, bytes]) => value.toString(16).padStart(2 * bytes, '0'));
  return Buffer.from(hex.join(''), 'hex');
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

function macText(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** 16 bytes of an address in text; IPv4 becomes ::ffff:a.b.c.d. */
export function sixteen(ip: string): Buffer {
  if (!ip.includes(':')) {
    return Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...ip.split('.').map(Number)]);
  }
  const [before, after] = ip.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const left = before as string[];
  const right = after ?? [];
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return numbers(...groups.map((group) => [Number.parseInt(group, 16), 2] as const));
}
