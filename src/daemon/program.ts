/**
 * The daemon's own program, and what V8 has compiled of it: without that most of a start is compilation, and frames
 * wait meanwhile (decision 39).
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import * as errors from '../errors.js';
import { distrust } from '../ownership.js';
import type * as Main from './main.js';
import { readBytes, replaceFile } from './state/files.js';

/** A file of the state directory. */
const KEPT = 'compiled';
/** Bytes. Ten times what there is; more is no file of ours. */
const KEPT_BYTES_MAX = 1 << 25;
/** Words of a file before the code: a checksum of what follows, and 1 when it is {@link Program.isWhole}. */
const CHECKSUM_BYTES = 4;
const HEADER_BYTES = 8;

/** `packaging/bundle.mjs` makes it: a function of what Node gives to a CommonJS module, and its own address. */
const SCRIPT = new URL('../bundle/daemon.cjs', import.meta.url).href;
/** The command line knows its errors by their classes, so there is one module of them. */
const SHARED: Readonly<Record<string, unknown>> = { 'vxlane:errors': errors };

type Body = (exports: object, require: (name: string) => unknown, module: { exports: object }, url: string) => void;

export class Program {
  readonly #path: string;
  /** Of the source, and of Node's version. */
  readonly #checksumBefore: number;
  readonly #script: Script;
  /** The code of an earlier start was there. */
  readonly isKept: boolean;
  /** That start had VNICs: there is no more to compile than it had compiled. */
  readonly isWhole: boolean;

  /** Reads the program, and what `stateDir` has of it, which nobody else may write to. */
  constructor(stateDir: string) {
    this.#path = join(stateDir, KEPT);
    const source = readFileSync(fileURLToPath(SCRIPT));
    this.#checksumBefore = crc32(source, crc32(`${process.version} ${process.arch}`));
    const kept = this.#read(stateDir);
    const cachedData = kept?.subarray(HEADER_BYTES);
    // All but comments of licences is ASCII, and what is read as Latin-1 is copied, not decoded.
    this.#script = new Script(source.toString('latin1'), {
      filename: SCRIPT,
      ...(cachedData && { cachedData }),
    });
    this.isKept = kept !== null && this.#script.cachedDataRejected === false;
    this.isWhole = this.isKept && kept!.readUInt32LE(CHECKSUM_BYTES) === 1;
    // Else what ran once, and a long time ago in terms of collections, is compiled no more when it is to be kept.
    if (!this.isWhole) setFlagsFromString('--no-flush-bytecode');
  }

  /** Once. */
  run(): typeof Main {
    const module = { exports: {} };
    const requireOthers = createRequire(SCRIPT);
    const body = this.#script.runInThisContext() as Body;
    body(module.exports, (name) => SHARED[name] ?? requireOthers(name), module, SCRIPT);
    return module.exports as typeof Main;
  }

  /**
   * For the next start, unless it is there: what V8 has compiled until now, when the daemon is ready. `hasVnics`: it
   * has been through all that a start is about. Rejects when it cannot be written.
   */
  async keep(hasVnics: boolean): Promise<void> {
    setFlagsFromString('--flush-bytecode'); // code is taken by a V8 with the same flags alone
    if (this.isWhole || (this.isKept && !hasVnics)) return;
    const code = this.#script.createCachedData();
    const body = Buffer.concat([word(hasVnics ? 1 : 0), code]);
    await replaceFile(this.#path, Buffer.concat([this.#checksum(body), body]));
  }

  /** All of the file; null: there is none for this program and this Node, or it is not as it was written. */
  #read(stateDir: string): Buffer | null {
    try {
      if (distrust(statSync(stateDir)) !== null) return null;
      const bytes = readBytes(this.#path, KEPT_BYTES_MAX);
      if (!Buffer.isBuffer(bytes)) return null;
      const checksum = this.#checksum(bytes.subarray(CHECKSUM_BYTES));
      return checksum.equals(bytes.subarray(0, CHECKSUM_BYTES)) ? bytes : null;
    } catch {
      return null; // it is kept anew when the daemon is ready, which says why not
    }
  }

  /** V8 looks at its version and at the length of the source, and believes everything else. */
  #checksum(body: Uint8Array): Buffer {
    return word(crc32(body, this.#checksumBefore));
  }
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
