/**
 * An assembler for the few eBPF instructions that the programs of this room need (RFC 9669). A program is a list of
 * instructions and labels; jumps name a label. One instruction is `struct bpf_insn`:
 *
 *   0      1              2               4              7
 *  | code | dst | src<<4 | offset (s16)  | imm (s32)    |     host byte order
 */

/** r0: what a call or the program answers. r1 to r5: arguments, which a call destroys. r6 to r9 survive calls. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
export const R0 = 0;
export const R1 = 1;
export const R2 = 2;
export const R3 = 3;
export const R4 = 4;
export const R5 = 5;
export const R6 = 6;
export const R7 = 7;
export const R8 = 8;
export const R9 = 9;
/** The end of the stack of 512 bytes, which is used downward from here. */
export const FP = 10;

/** Bytes that a load or a store moves: 1, 2, 4 or 8. */
export type Width = 'u8' | 'u16' | 'u32' | 'u64';

export interface Instruction {
  readonly code: number;
  readonly dst: Register;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
  /** The label whose distance becomes the offset. */
  readonly to?: string;
}

/** A place that jumps can name. */
export interface Label {
  readonly label: string;
}

export type Line = Instruction | Label;

export const INSTRUCTION_SIZE = 8;
const BPF_PSEUDO_MAP_FD = 1;
const WIDTHS: Readonly<Record<Width, number>> = { u32: 0x00, u16: 0x08, u8: 0x10, u64: 0x18 };
const LDX = 0x61;
const ST = 0x62;
const STX = 0x63;

const instruction = (code: number, dst: Register, src: number, offset: number, imm: number): Instruction => ({
  code,
  dst,
  src,
  offset,
  imm,
});

export const label = (name: string): Label => ({ label: name });
/** `dst` = `src`. */
export const copy = (dst: Register, src: Register): Instruction => instruction(0xbf, dst, src, 0, 0);
/** `dst` = a number, its sign kept. */
export const set = (dst: Register, imm: number): Instruction => instruction(0xb7, dst, 0, 0, imm);
export const add = (dst: Register, imm: number): Instruction => instruction(0x07, dst, 0, 0, imm);
export const and = (dst: Register, imm: number): Instruction => instruction(0x57, dst, 0, 0, imm);
/** `dst` = `dst` + `src`. */
export const addRegister = (dst: Register, src: Register): Instruction => instruction(0x0f, dst, src, 0, 0);
/** `dst` = `dst` xor `src`. */
export const xor = (dst: Register, src: Register): Instruction => instruction(0xaf, dst, src, 0, 0);
export const multiply = (dst: Register, imm: number): Instruction => instruction(0x27, dst, 0, 0, imm);
/** `dst` = `dst` * `src`. */
export const multiplyBy = (dst: Register, src: Register): Instruction => instruction(0x2f, dst, src, 0, 0);
/** Zeroes come in from above. */
export const shiftRight = (dst: Register, bits: number): Instruction => instruction(0x77, dst, 0, 0, bits);
/** `dst` = `dst` / `src`, unsigned. */
export const divideBy = (dst: Register, src: Register): Instruction => instruction(0x3f, dst, src, 0, 0);
/** `dst` = what stands at `base` + `offset`, its upper bits zero. */
export const load = (width: Width, dst: Register, base: Register, offset: number): Instruction =>
  instruction(LDX | WIDTHS[width], dst, base, offset, 0);
/** Stores a number at `base` + `offset`. */
export const store = (width: Width, base: Register, offset: number, imm: number): Instruction =>
  instruction(ST | WIDTHS[width], base, 0, offset, imm);
/** Stores a register at `base` + `offset`. */
export const storeRegister = (width: Width, base: Register, offset: number, src: Register): Instruction =>
  instruction(STX | WIDTHS[width], base, src, offset, 0);
/** Adds a register to the u64 at `base` + `offset`, whatever other processors do there. */
export const atomicAdd = (base: Register, offset: number, src: Register): Instruction =>
  instruction(0xdb, base, src, offset, 0);
export const jump = (to: string): Instruction => ({ ...instruction(0x05, 0, 0, 0, 0), to });
export const jumpIfEqual = (dst: Register, imm: number, to: string): Instruction => ({
  ...instruction(0x15, dst, 0, 0, imm),
  to,
});
export const jumpUnlessEqual = (dst: Register, imm: number, to: string): Instruction => ({
  ...instruction(0x55, dst, 0, 0, imm),
  to,
});
/** Unsigned. */
export const jumpIfLess = (dst: Register, imm: number, to: string): Instruction => ({
  ...instruction(0xa5, dst, 0, 0, imm),
  to,
});
/** Unsigned. */
export const jumpUnlessLess = (dst: Register, imm: number, to: string): Instruction => ({
  ...instruction(0x35, dst, 0, 0, imm),
  to,
});
/** Unsigned: if `dst` > `src`. */
export const jumpIfMore = (dst: Register, src: Register, to: string): Instruction => ({
  ...instruction(0x2d, dst, src, 0, 0),
  to,
});
export const jumpIfSame = (dst: Register, src: Register, to: string): Instruction => ({
  ...instruction(0x1d, dst, src, 0, 0),
  to,
});
export const jumpUnlessSame = (dst: Register, src: Register, to: string): Instruction => ({
  ...instruction(0x5d, dst, src, 0, 0),
  to,
});
/** Calls a function of the kernel by its number in linux/bpf.h: arguments in r1 to r5, the answer in r0. */
export const call = (helper: number): Instruction => instruction(0x85, 0, 0, 0, helper);
export const exit = (): Instruction => instruction(0x95, 0, 0, 0, 0);
/** `dst` = the map of this descriptor. The one instruction of two places. */
export const loadMap = (dst: Register, fd: number): Instruction[] => [
  instruction(0x18, dst, BPF_PSEUDO_MAP_FD, 0, fd),
  instruction(0x00, 0, 0, 0, 0),
];

/** The program as the kernel takes it. Throws on a label that is missing or there twice: the program is wrong. */
export function assemble(lines: readonly Line[]): Buffer {
  const { instructions, places } = locate(lines);
  const bytes = Buffer.alloc(instructions.length * INSTRUCTION_SIZE);
  for (const [index, { code, dst, src, offset, imm, to }] of instructions.entries()) {
    const at = index * INSTRUCTION_SIZE;
    bytes.writeUInt8(code, at);
    bytes.writeUInt8(dst | (src << 4), at + 1);
    bytes.writeInt16LE(to === undefined ? offset : distance(places, to, index), at + 2);
    bytes.writeInt32LE(imm | 0, at + 4);
  }
  return bytes;
}

function locate(lines: readonly Line[]): { instructions: Instruction[]; places: Map<string, number> } {
  const instructions: Instruction[] = [];
  const places = new Map<string, number>();
  for (const line of lines) {
    if (!('label' in line)) {
      instructions.push(line);
      continue;
    }
    if (places.has(line.label)) throw new Error(`label ${line.label} is there twice`);
    places.set(line.label, instructions.length);
  }
  return { instructions, places };
}

/** A jump counts instructions from the one behind it. */
function distance(places: ReadonlyMap<string, number>, to: string, from: number): number {
  const place = places.get(to);
  if (place === undefined) throw new Error(`no label ${to}`);
  return place - from - 1;
}
