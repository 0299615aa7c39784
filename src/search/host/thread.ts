/**
 * The thread of one plugin instance as the host sees it: started, watched, ended. It ends by itself when the plugin
 * exits or throws outside of a question, and is ended when it loops or takes more memory than it may.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Silence } from '../../silence.js';
import { isParcel, type Message, type PluginLocation, type Said } from './messages.js';
import { wordsOf } from './words.js';

/** What the host hands to the thread. */
export interface ThreadStart {
  readonly location: PluginLocation;
  /** Two 32-bit words: PULSE_BEATS, PULSE_MIB. */
  readonly pulse: SharedArrayBuffer;
  /** Heap and buffers that the thread may use. */
  readonly memoryMiB: number;
}

export const PULSE_BEATS = 0;
/** Heap and buffers of the thread. */
export const PULSE_MIB = 1;
export const PULSE_EVERY_MS = 500;
/** A thread that misses a beat does not say what it uses: it may be eating memory. */
const UNHEARD_MS = PULSE_EVERY_MS + 200;
/** By so much more the process may grow meanwhile: garbage, and what others do. */
const UNHEARD_MIB = 256;
/**
 * V8 ends the process, not the thread, when one allocation does not fit below its limit: a Map's table that doubles, a
 * long text that is split. So that limit is this much above ours, which is looked after here.
 */
const HEAP_ROOM_MIB = 1024;
/** A thread without a sign of life for this long loops. */
export const SILENCE_MAX_MS = 5000;
/** Until the first one: Node starts the thread. */
const FIRST_SILENCE_MAX_MS = 30_000;
/** A thread inside a system call ends when that returns, which may be never: nobody waits for it longer than this. */
const CLOSE_MAX_MS = 1000;

/** Both ways to an instance's side. */
export interface Channel {
  send(message: Message): void;
  /** To be called about ten times a second, with milliseconds of a monotonic clock. */
  watch(nowMs: number): void;
  /** Ends it, whatever it does. Resolves when it has ended; the listener hears nothing more. */
  close(): Promise<void>;
}

export interface ChannelListener {
  said(parcel: readonly Said[]): void;
  /** The other side has ended without being told to; `reason` completes "the plugin …". */
  ended(reason: string): void;
}

export type OpenChannel = (listener: ChannelListener) => Channel;

/** The channel of a new thread. `memoryMiB` bounds its heap and its buffers together. */
export function threadAt(location: PluginLocation, memoryMiB: number): OpenChannel {
  return (listener) => new PluginThread(location, memoryMiB, listener);
}

class PluginThread implements Channel {
  readonly #worker: Worker;
  readonly #listener: ChannelListener;
  readonly #memoryMiB: number;
  readonly #pulse = new Int32Array(new SharedArrayBuffer(8));
  #beats = 0;
  readonly #silence = new Silence();
  /** Memory of the process when the last beat was seen. */
  #aliveResidentMiB = 0;
  /** Why it ends, once it does. */
  #reason: string | null = null;
  #hasEnded = false;
  #isClosed = false;

  constructor(location: PluginLocation, memoryMiB: number, listener: ChannelListener) {
    this.#listener = listener;
    this.#memoryMiB = memoryMiB;
    const workerData: ThreadStart = { location, memoryMiB, pulse: this.#pulse.buffer as SharedArrayBuffer };
    this.#worker = new Worker(new URL('./entry.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: memoryMiB + HEAP_ROOM_MIB },
      stdout: true,
      stderr: true,
    });
    // The thread logs what it prints (prints.ts). What finds its way around that is not to reach the daemon's output.
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) stream.resume();
    this.#worker.on('message', (parcel: unknown) => this.#take(parcel));
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? this.#outOfMemory() : `threw ${wordsOf(error)}`;
    });
    this.#worker.on('exit', (code) => this.#ended(this.#reason ?? `ended its thread with exit code ${code}`));
  }

  send(message: Message): void {
    this.#worker.postMessage(message);
  }

  watch(nowMs: number): void {
    if (this.#hasEnded) return;
    const beats = Atomics.load(this.#pulse, PULSE_BEATS);
    const silenceMs = this.#silence.look(beats !== this.#beats, nowMs);
    if (silenceMs === 0) this.#aliveResidentMiB = residentMiB(nowMs);
    this.#beats = beats;
    if (silenceMs >= (beats === 0 ? FIRST_SILENCE_MAX_MS : SILENCE_MAX_MS)) {
      this.#kill(`kept its thread busy for ${Math.floor(silenceMs / 1000)} s`);
    } else if (this.#eatsMemory(nowMs, silenceMs)) this.#kill(this.#outOfMemory());
  }

  #eatsMemory(nowMs: number, silenceMs: number): boolean {
    if (Atomics.load(this.#pulse, PULSE_MIB) > this.#memoryMiB) return true;
    if (silenceMs < UNHEARD_MS || this.#beats === 0) return false;
    return residentMiB(nowMs) - this.#aliveResidentMiB > this.#memoryMiB + UNHEARD_MIB;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.race([this.#worker.terminate(), sleep(CLOSE_MAX_MS, undefined, { ref: false })]);
  }

  #take(parcel: unknown): void {
    if (this.#isClosed || this.#hasEnded) return;
    if (!isParcel(parcel)) {
      this.#kill("posted to its thread's port, which is the host's");
      return;
    }
    // Not before others had their turn: Node takes what comes meanwhile in the same one, up to a thousand parcels.
    setImmediate(() => this.#worker.postMessage({ kind: 'taken' } satisfies Message));
    this.#listener.said(parcel);
  }

  /** It counts as ended from now on, though its thread may still be on its way. */
  #kill(reason: string): void {
    void this.#worker.terminate();
    this.#ended(reason);
  }

  #ended(reason: string): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#listener.ended(reason);
  }

  #outOfMemory(): string {
    return `needed more than ${this.#memoryMiB} MiB of memory`;
  }
}

const resident = { atMs: Number.NaN, mib: 0 };

/** Memory of the process; read once for all threads that are watched at the same time. */
function residentMiB(nowMs: number): number {
  if (resident.atMs !== nowMs) {
    resident.atMs = nowMs;
    resident.mib = process.memoryUsage.rss() / 2 ** 20;
  }
  return resident.mib;
}
