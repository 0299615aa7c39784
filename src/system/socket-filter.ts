/**
 * Filters on what a socket receives: classic BPF, run by the kernel before a datagram is queued. An instruction is
 * `struct sock_filter { u16 code; u8 jt, jf; u32 k }`, a jump counts instructions to skip.
 */
import { ipBytes } from '../address.js';
import { check } from './errno.js';
import { pointerTo, setsockopt } from './libc.js';

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const INSTRUCTION_SIZE = 8;

const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS, big-endian
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K: how many bytes of the datagram stay
const DROP: Instruction = [RETURN, 0, 0, 0];
const KEEP: Instruction = [RETURN, 0, 0, 0xffff_ffff];

/** Offsets from here on count from the IP header (SKF_NET_OFF, -0x100000 as u32). */
const IP_HEADER = 0xfff0_0000;
const IPV4_SOURCE = 12;
const IPV6_SOURCE = 8;

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

/** From now on the socket receives only what the filter keeps; it replaces an earlier one. */
export function attachFilter(fd: number, instructions: readonly Instruction[]): void {
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
  check('attach a filter to a socket', setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length));
}
