/**
 * Filters on what a socket receives: classic BPF, run by the kernel before a datagram is queued. An instruction is
 * `struct sock_filter { u16 code; u8 jt, jf; u32 k }`, a jump counts instructions to skip.
 */
import { ipBytes } from '../address.js';
import { check, ENOENT } from './errno.js';
import { lastErrno, pointerTo, setsockopt } from './libc.js';

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_BPF = 50; // since Linux 3.19
const SO_ATTACH_REUSEPORT_CBPF = 51; // since Linux 4.5
const INSTRUCTION_SIZE = 8;

const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS, big-endian
const LOAD_HALF = 0x28; // BPF_LD | BPF_H | BPF_ABS, big-endian
const LOAD_WORD_AT_INDEX = 0x40; // BPF_LD | BPF_W | BPF_IND
const LOAD_HEADER_LENGTH = 0xb1; // BPF_LDX | BPF_B | BPF_MSH: of an IPv4 header, from its first byte
const LENGTH = 0x80; // BPF_LD | BPF_W | BPF_LEN
const TO_INDEX: Instruction = [0x07, 0, 0, 0]; // BPF_MISC | BPF_TAX
const ADD_INDEX: Instruction = [0x0c, 0, 0, 0]; // BPF_ALU | BPF_ADD | BPF_X
const MULTIPLY = 0x24; // BPF_ALU | BPF_MUL | BPF_K
const SHIFT_RIGHT = 0x74; // BPF_ALU | BPF_RSH | BPF_K
const MODULO = 0x94; // BPF_ALU | BPF_MOD | BPF_K
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_GREATER_EQUAL = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K: how many bytes of the datagram stay
const RETURN_RESULT: Instruction = [0x16, 0, 0, 0]; // BPF_RET | BPF_A
const DROP: Instruction = [RETURN, 0, 0, 0];
const KEEP: Instruction = [RETURN, 0, 0, 0xffff_ffff];

/** Offsets from here on count from the IP header (SKF_NET_OFF, -0x100000 as u32). */
const IP_HEADER = 0xfff0_0000;
const IPV4_SOURCE = 12;
const IPV6_SOURCE = 8;
/** Of UDP, where nothing is between it and the IP header. */
const IPV4_PORT = 20;
const IPV6_PORT = 40;
/** Of a raw socket's datagram, which over IPv4 begins with the IP header: bytes of that header at most, ... */
const IPV4_OPTIONS = 60;
/** ... where the key is behind it, and bytes of a header that has one. */
const GRE_KEY = 4;
const GRE_KEYED = 8;
/** 2^32 over the golden ratio: what is close together is spread. */
const SPREAD = 0x9e37_79b1;

/** Drops everything. */
export const NOTHING: readonly Instruction[] = [DROP];

/** Drops what this (canonical) address has sent. */
export function notFrom(ip: string): readonly Instruction[] {
  const bytes = Buffer.from(ipBytes(ip));
  const words = bytes.length / 4;
  const source = IP_HEADER + (words === 1 ? IPV4_SOURCE : IPV6_SOURCE);
  const program: Instruction[] = [];
  for (let word = 0; word < words; word++) {
    // the first word that differs jumps over the rest of the comparison and over DROP
    const left = 2 * (words - 1 - word) + 1;
    program.push([LOAD_WORD, 0, 0, source + 4 * word], [JUMP_EQUAL, 0, left, bytes.readUInt32BE(4 * word)]);
  }
  return [...program, DROP, KEEP];
}

/**
 * Of the sockets that share a port, the number of the one that receives a datagram: one of the first `count`, in the
 * order in which they were bound, by what the datagram's source address and port are.
 */
function amongFirst(count: number, family: 4 | 6): readonly Instruction[] {
  return [
    [LOAD_WORD, 0, 0, IP_HEADER + (family === 4 ? IPV4_SOURCE : IPV6_SOURCE + 12)],
    TO_INDEX,
    [LOAD_HALF, 0, 0, IP_HEADER + (family === 4 ? IPV4_PORT : IPV6_PORT)],
    ADD_INDEX,
    [MULTIPLY, 0, 0, SPREAD],
    [SHIFT_RIGHT, 0, 0, 16],
    [MODULO, 0, 0, count],
    RETURN_RESULT,
  ];
}

/**
 * Of `count` raw sockets of GRE at one address, what number `index` keeps: by the datagram's source address and its
 * key, which ends with the flow (RFC 7637 section 3.2). What has no whole header is for the first.
 */
export function shareOfGre(index: number, count: number, family: 4 | 6): readonly Instruction[] {
  const isIpv4 = family === 4;
  const withoutKey = index === 0 ? KEEP : DROP;
  return [
    [LENGTH, 0, 0, 0],
    [JUMP_GREATER_EQUAL, 1, 0, isIpv4 ? IPV4_OPTIONS + GRE_KEYED : GRE_KEYED],
    withoutKey,
    ...(isIpv4 ? ([[LOAD_HEADER_LENGTH, 0, 0, 0]] as const) : []),
    [isIpv4 ? LOAD_WORD_AT_INDEX : LOAD_WORD, 0, 0, GRE_KEY],
    TO_INDEX,
    [LOAD_WORD, 0, 0, IP_HEADER + (isIpv4 ? IPV4_SOURCE : IPV6_SOURCE + 12)],
    ADD_INDEX,
    [MULTIPLY, 0, 0, SPREAD],
    [SHIFT_RIGHT, 0, 0, 16],
    [MODULO, 0, 0, count],
    [JUMP_EQUAL, 1, 0, index],
    DROP,
    KEEP,
  ];
}

/** From now on the first `count` of those that share the port of `fd` (SO_REUSEPORT) divide what is received. */
export function receiveAmongFirst(fd: number, count: number, family: 4 | 6): void {
  attach(fd, SO_ATTACH_REUSEPORT_CBPF, amongFirst(count, family));
}

/** From now on the socket receives only what the filter keeps; it replaces an earlier one. */
export function attachFilter(fd: number, instructions: readonly Instruction[]): void {
  attach(fd, SO_ATTACH_FILTER, instructions);
}

/** The same with a program of eBPF, which the socket holds from now on. */
export function attachProgram(fd: number, program: number): void {
  check('attach a program to a socket', setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, int(program), 4));
}

/** It receives everything again. Harmless where there is no filter. */
export function detachFilter(fd: number): void {
  const answer = setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, int(0), 4);
  if (answer < 0 && lastErrno() !== ENOENT) check('take a filter from a socket', answer);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function attach(fd: number, option: number, instructions: readonly Instruction[]): void {
  const filter = Buffer.alloc(INSTRUCTION_SIZE * instructions.length);
  for (const [index, [code, jumpTrue, jumpFalse, k]] of instructions.entries()) {
    const at = INSTRUCTION_SIZE * index;
    filter.writeUInt16LE(code, at);
    filter.writeUInt8(jumpTrue, at + 2);
    filter.writeUInt8(jumpFalse, at + 3);
    filter.writeUInt32LE(k, at + 4);
  }
  const program = Buffer.alloc(16); // struct sock_fprog { u16 len; struct sock_filter *filter }
  program.writeUInt16LE(instructions.length, 0);
  program.writeBigUInt64LE(BigInt(pointerTo(filter)), 8);
  check('attach a filter to a socket', setsockopt(fd, SOL_SOCKET, option, program, program.length));
}
