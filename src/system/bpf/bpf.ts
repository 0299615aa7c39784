/**
 * bpf(2): programs, maps and links, each a descriptor. All of them end with their last descriptor, and so with this
 * process, however it ends: nothing is pinned.
 */
import { check, EAGAIN, ENOENT, systemError } from '../errno.js';
import { lastErrno, close as libcClose, pointerTo, syscallBpf } from '../libc.js';
import { INSTRUCTION_SIZE } from './instructions.js';

/** The number of the call, which architectures do not share; undefined where we do not know it. */
const SYS_BPF = ({ x64: 321, arm64: 280 } as Readonly<Record<string, number>>)[process.arch];

const BPF_MAP_CREATE = 0;
const BPF_MAP_LOOKUP_ELEM = 1;
const BPF_MAP_UPDATE_ELEM = 2;
const BPF_MAP_DELETE_ELEM = 3;
const BPF_PROG_LOAD = 5;
const BPF_MAP_LOOKUP_BATCH = 24; // since Linux 5.6
const BPF_LINK_CREATE = 28;

const BPF_MAP_TYPE_HASH = 1;
const BPF_MAP_TYPE_ARRAY = 2;
const BPF_F_NO_PREALLOC = 1;
const BPF_PROG_TYPE_SOCKET_FILTER = 1;
const BPF_PROG_TYPE_SCHED_CLS = 3;
const BPF_TCX_INGRESS = 46; // since Linux 6.6

// union bpf_attr, the members that are used of it. The kernel takes those that are not sent for zero.
//  BPF_PROG_LOAD        0              4             8        16        24          28         32
//                      | program type | insn count  | insns  | license | log level | log size | log buffer |
//                      40               44      48     64               68                      71
//                      | kern version | flags | name  | offload device | expected attach type |
//  BPF_MAP_CREATE       0          4          8            12            16      20          24          28
//                      | map type | key size | value size | max entries | flags | inner fd  | numa node | name |
//  BPF_MAP_*_ELEM       0        8     16       24
//                      | map fd | key | value  | flags |     key, value: pointers
//  BPF_MAP_LOOKUP_BATCH  0          8           16     24       32      36       40              48
//                       | in batch | out batch | keys | values | count | map fd | element flags | flags |
//  BPF_LINK_CREATE      0              4                8             12      15
//                      | program fd   | target ifindex | attach type | flags |
const PROG_LOAD_SIZE = 72;
const MAP_CREATE_SIZE = 44;
const ELEMENT_SIZE = 32;
const BATCH_SIZE = 56;
const LINK_CREATE_SIZE = 32;
const NAME_MAX = 15;

const LOAD_ATTEMPTS = 5;
/** The last line of the verifier's words is the one that says why. */
const LOG_SIZE = 64 << 10;
/** Any licence will do that the helpers called do not object to; none of ours is for GPL programs alone. */
const LICENSE = Buffer.from('MIT\0');

/**
 * Has the kernel verify a program for tcx and answers its descriptor. What the verifier says when it refuses is part
 * of the error. `name`: at most 15 letters, for `bpftool prog`.
 */
export function loadTcxProgram(name: string, program: Buffer): number {
  return loadProgram(name, program, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS);
}

/** The same of a program for what a socket receives. */
export function loadSocketProgram(name: string, program: Buffer): number {
  return loadProgram(name, program, BPF_PROG_TYPE_SOCKET_FILTER, 0);
}

function loadProgram(name: string, program: Buffer, type: number, attachType: number): number {
  const attributes = Buffer.alloc(PROG_LOAD_SIZE);
  attributes.writeUInt32LE(type, 0);
  attributes.writeUInt32LE(program.length / INSTRUCTION_SIZE, 4);
  attributes.writeBigUInt64LE(BigInt(pointerTo(program)), 8);
  attributes.writeBigUInt64LE(BigInt(pointerTo(LICENSE)), 16);
  attributes.write(name, 48, NAME_MAX);
  attributes.writeUInt32LE(attachType, 68);
  const fd = load(attributes);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  const log = verifierLog(attributes);
  throw systemError(`load BPF program ${name}${log === '' ? '' : `, which the verifier refuses: ${log}`}`, errno);
}

/**
 * The verifier gives up with EAGAIN when it sees that the thread has a signal pending, or work of an io_uring. That is
 * attended to on the way out of the call, so the next one is as likely to go through as any: libbpf tries as often.
 */
function load(attributes: Buffer): number {
  let fd = -1;
  for (let attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
    fd = bpf(BPF_PROG_LOAD, attributes);
    if (fd >= 0 || lastErrno() !== EAGAIN) break;
  }
  return fd;
}

/** Loads once more, to hear why not: with a log, a program that is right would be slower to load. */
function verifierLog(attributes: Buffer): string {
  const log = Buffer.alloc(LOG_SIZE);
  attributes.writeUInt32LE(1, 24);
  attributes.writeUInt32LE(log.length, 28);
  attributes.writeBigUInt64LE(BigInt(pointerTo(log)), 32);
  const fd = load(attributes);
  if (fd >= 0) libcClose(fd); // the refusal was of a moment
  const text = log.toString('latin1', 0, Math.max(0, log.indexOf(0)));
  return text
    .split('\n')
    .filter((line) => line !== '' && !/^(processed \d+ insns|verification time)/.test(line))
    .join('; ');
}

/** Runs a program on what comes in by an interface, after those that are there: as long as the answer is open. */
export function attachTcxIngress(program: number, ifindex: number): number {
  const attributes = Buffer.alloc(LINK_CREATE_SIZE);
  attributes.writeUInt32LE(program, 0);
  attributes.writeUInt32LE(ifindex, 4);
  attributes.writeUInt32LE(BPF_TCX_INGRESS, 8);
  return check(`attach a BPF program to interface ${ifindex}`, bpf(BPF_LINK_CREATE, attributes));
}

export interface BpfMapOptions {
  /** Bytes; those of an array are 4, a number below `entries` in host byte order. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly entries: number;
  /** `hash`: memory is taken by what is in it. `whole-hash`, `array`: all of it at once, so that no put is refused. */
  readonly type?: 'hash' | 'whole-hash' | 'array';
}

/** A table that programs read, and may write. */
export class BpfMap {
  /** For the creator to close. */
  readonly fd: number;
  readonly #keySize: number;
  readonly #valueSize: number;

  /** `name`: at most 15 letters, for `bpftool map`. */
  constructor(name: string, { keySize, valueSize, entries, type = 'hash' }: BpfMapOptions) {
    this.#keySize = keySize;
    this.#valueSize = valueSize;
    const attributes = Buffer.alloc(MAP_CREATE_SIZE);
    const kind = type === 'array' ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_HASH;
    const flags = type === 'hash' ? BPF_F_NO_PREALLOC : 0;
    for (const [index, word] of [kind, keySize, valueSize, entries, flags].entries()) {
      attributes.writeUInt32LE(word, index * 4);
    }
    attributes.write(name, 28, NAME_MAX);
    this.fd = check(`create BPF map ${name}`, bpf(BPF_MAP_CREATE, attributes));
  }

  /** Adds or replaces. */
  put(key: Buffer, value: Buffer): void {
    check('write to a BPF map', this.#element(BPF_MAP_UPDATE_ELEM, key, value));
  }

  /** It throws when the key is not there. */
  delete(key: Buffer): void {
    check('delete from a BPF map', this.#element(BPF_MAP_DELETE_ELEM, key, null));
  }

  /** The value at a key. It throws when the key is not there. */
  get(key: Buffer): Buffer {
    const value = Buffer.alloc(this.#valueSize);
    check('read a BPF map', this.#element(BPF_MAP_LOOKUP_ELEM, key, value));
    return value;
  }

  /** The values of the first `count` elements of an array, one behind the other; by one call. */
  first(count: number): Buffer {
    const values = Buffer.alloc(count * this.#valueSize);
    const keys = Buffer.alloc(count * this.#keySize);
    const out = Buffer.alloc(this.#keySize);
    const attributes = Buffer.alloc(BATCH_SIZE);
    attributes.writeBigUInt64LE(BigInt(pointerTo(out)), 8);
    attributes.writeBigUInt64LE(BigInt(pointerTo(keys)), 16);
    attributes.writeBigUInt64LE(BigInt(pointerTo(values)), 24);
    attributes.writeUInt32LE(count, 32);
    attributes.writeUInt32LE(this.fd, 36);
    const isEnd = bpf(BPF_MAP_LOOKUP_BATCH, attributes) < 0 && lastErrno() === ENOENT;
    if (!isEnd && attributes.readUInt32LE(32) !== count) check('read a BPF map', -1);
    return values;
  }

  #element(command: number, key: Buffer, value: Buffer | null): number {
    if (key.length !== this.#keySize || (value !== null && value.length !== this.#valueSize)) {
      throw new RangeError(`a key of ${this.#keySize} bytes and a value of ${this.#valueSize} are wanted`);
    }
    const attributes = Buffer.alloc(ELEMENT_SIZE);
    attributes.writeUInt32LE(this.fd, 0);
    attributes.writeBigUInt64LE(BigInt(pointerTo(key)), 8);
    if (value !== null) attributes.writeBigUInt64LE(BigInt(pointerTo(value)), 16);
    return bpf(command, attributes);
  }
}

function bpf(command: number, attributes: Buffer): number {
  if (SYS_BPF === undefined) throw new Error(`the number of bpf(2) on ${process.arch} is not known`);
  return syscallBpf(SYS_BPF, command, attributes, attributes.length);
}
