// Makes a Wasm module count the instructions that it executes. Exact and the same on every machine, where a time is
// neither: a bound on it fails when code grows, and never because the machine was busy.
//
// Every stretch of instructions that always run together (up to a branch, or to where one may lead) begins by adding
// its length to a global of the module, exported as `executed`. Not counted is what mostly makes no machine
// instruction: local.get, local.set, local.tee, constants, block, loop, end, nop, drop. A call of memory.copy counts as
// one, whatever it copies.

const CODE = 10;
const EXPORT = 7;
const GLOBAL = 6;
const NAME = Buffer.from('executed');

const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const BR = 0x0c;
const BR_IF = 0x0d;
const BR_TABLE = 0x0e;
const RETURN = 0x0f;
const CALL = 0x10;
const CALL_INDIRECT = 0x11;
const LOCAL_GET = 0x20;
const GLOBAL_GET = 0x23;
const GLOBAL_SET = 0x24;
const I64_CONST = 0x42;
const I64_ADD = 0x7c;

/** After these another stretch begins. */
const ENDS_STRETCH = new Set([0x00, LOOP, IF, ELSE, END, BR, BR_IF, BR_TABLE, RETURN]);
const IS_FREE = new Set([0x01, BLOCK, LOOP, ELSE, END, 0x1a, LOCAL_GET, 0x21, 0x22, 0x41, I64_CONST, 0x43, 0x44]);

/** Reads a Wasm binary from `at` on. */
class Reader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.bytes[this.at++]!;
  }

  /** LEB128, signed ones too if only their length matters. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  skip(numbers: number, bytes = 0): void {
    for (let left = numbers; left > 0; left--) this.number();
    this.at += bytes;
  }

  /** The operands of an instruction. */
  operands(code: number): void {
    if (code === BR_TABLE) this.skip(this.number() + 1);
    else if (code === CALL_INDIRECT) this.skip(2);
    else if (code >= BLOCK && code <= IF) this.skip(1);
    else if (code === BR || code === BR_IF || code === CALL) this.skip(1);
    else if (code === 0x1c) this.skip(this.number());
    else if (code >= LOCAL_GET && code <= 0x26) this.skip(1);
    else if (code >= 0x28 && code <= 0x3e) this.skip(2);
    else if (code >= 0x3f && code <= I64_CONST) this.skip(1);
    else if (code === 0x43) this.skip(0, 4);
    else if (code === 0x44) this.skip(0, 8);
    else if (code === 0xfc) this.#bulk(this.number());
    else if (code === 0xfd) this.#simd(this.number());
    else if (code === 0xfe) this.skip(this.number() === 3 ? 1 : 2);
    else if (code > 0xc4) throw new Error(`unknown instruction 0x${code.toString(16)}`);
  }

  #bulk(code: number): void {
    if (code === 8 || code === 10 || code === 12 || code === 14) this.skip(2);
    else if (code > 8) this.skip(1);
  }

  #simd(code: number): void {
    if (code <= 11 || code === 92 || code === 93) this.skip(2);
    else if (code === 12 || code === 13) this.skip(0, 16);
    else if (code >= 21 && code <= 34) this.skip(0, 1);
    else if (code >= 84 && code <= 91) this.skip(2, 1);
  }
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Of a number that is not negative. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}

/** The same module, but one that has an exported i64 global `executed`. */
export function countExecuted(wasm: Buffer): Buffer {
  const reader = new Reader(wasm, 8);
  const parts = [wasm.subarray(0, 8)];
  let counter = -1;
  while (reader.at < wasm.length) {
    const id = reader.byte();
    const size = reader.number();
    let body = wasm.subarray(reader.at, reader.at + size);
    reader.at += size;
    if (id === GLOBAL) {
      counter = new Reader(body).number();
      body = withOneMore(body, [0x7e, 1, I64_CONST, 0, END]);
    }
    if (id === EXPORT) body = withOneMore(body, [NAME.length, ...NAME, 3, ...unsigned(counter)]);
    if (id === CODE) body = countCode(body, counter);
    parts.push(Buffer.from([id, ...unsigned(body.length)]), body);
  }
  if (counter < 0) throw new Error('the module has no section of globals');
  return Buffer.concat(parts);
}

/** A section of so many entries, and another one at its end. */
function withOneMore(section: Buffer, entry: readonly number[]): Buffer {
  const reader = new Reader(section);
  const count = unsigned(reader.number() + 1);
  return Buffer.concat([Buffer.from(count), section.subarray(reader.at), Buffer.from(entry)]);
}

function countCode(section: Buffer, counter: number): Buffer {
  const reader = new Reader(section);
  const functions = reader.number();
  const parts = [section.subarray(0, reader.at)];
  for (let left = functions; left > 0; left--) {
    const size = reader.number();
    const body = countFunction(section.subarray(reader.at, reader.at + size), counter);
    reader.at += size;
    parts.push(Buffer.from(unsigned(body.length)), body);
  }
  return Buffer.concat(parts);
}

function countFunction(body: Buffer, counter: number): Buffer {
  const reader = new Reader(body);
  for (let left = reader.number(); left > 0; left--) reader.skip(1, 1); // its locals
  const parts = [body.subarray(0, reader.at)];
  let start = reader.at;
  let length = 0;
  while (reader.at < body.length) {
    const code = reader.byte();
    reader.operands(code);
    if (!IS_FREE.has(code)) length++;
    if (!ENDS_STRETCH.has(code) && reader.at < body.length) continue;
    if (length > 0) parts.push(addition(counter, length));
    parts.push(body.subarray(start, reader.at));
    start = reader.at;
    length = 0;
  }
  return Buffer.concat(parts);
}

function addition(counter: number, length: number): Buffer {
  const global = unsigned(counter);
  return Buffer.from([GLOBAL_GET, ...global, I64_CONST, ...signed(length), I64_ADD, GLOBAL_SET, ...global]);
}
