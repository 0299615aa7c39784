/**
 * A thread of plugin instances as the host sees it: started, watched, ended. Each instance has a channel of its own.
 * The thread ends by itself when an instance exits or throws outside of a question, and is ended when it loops or takes
 * more memory than it may, or when the last instance leaves.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { Silence } from '../../silence.js';
import { BegunPluginThread } from './begin.js';
import type { Channel, ChannelListener } from './channel.js';
import { InstanceChannel } from './instance-channel.js';
import type { PluginLocation } from './messages.js';
import { wordsOf } from './words.js';

/** What the host sends to the thread first. */
export interface ThreadStart {
  readonly location: PluginLocation;
  /** PULSE_WORDS 32-bit words, by the names below. */
  readonly pulse: SharedArrayBuffer;
  /** Heap and buffers that the thread may use. */
  readonly memoryMiB: number;
}

/** What it sends to it for each instance: the instance is behind `port`. */
export interface InstanceStart {
  /** From 1. */
  readonly instance: number;
  readonly port: MessagePort;
}

export const PULSE_BEATS = 0;
/** Heap and buffers of the thread. */
export const PULSE_MIB = 1;
/** The instance that has been put a question and has not returned from it; 0: none. */
export const PULSE_ASKED = 2;
const PULSE_WORDS = 3;
export const PULSE_EVERY_MS = 500;
/** A thread that misses a beat does not say what it uses: it may be eating memory. */
const UNHEARD_MS = PULSE_EVERY_MS + 200;
/** By so much more the process may grow meanwhile: garbage, and what others do. */
const UNHEARD_MIB = 256;
/** A thread without a sign of life for this long loops. */
export const SILENCE_MAX_MS = 5000;
/** Until the first one: Node starts the thread. */
const FIRST_SILENCE_MAX_MS = 30_000;
/** A thread inside a system call ends when that returns, which may be never: nobody waits for it longer than this. */
const CLOSE_MAX_MS = 1000;

/** Who was in a thread that has ended by itself. */
export interface Sharers {
  readonly owners: ReadonlySet<object>;
  /** The one whose doing it was; null: any of them may have been the cause. */
  readonly culprit: object | null;
}

export class PluginThread {
  readonly #worker: Worker;
  readonly #memoryMiB: number;
  readonly #onOver: (sharers: Sharers | null) => void;
  readonly #pulse = new Int32Array(new SharedArrayBuffer(4 * PULSE_WORDS));
  readonly #channels = new Map<number, InstanceChannel>();
  #nextInstance = 1;
  #beats = 0;
  readonly #silence = new Silence();
  #watchedAtMs = Number.NaN;
  /** Memory of the process when the last beat was seen. */
  #aliveResidentMiB = 0;
  /** Why it ends, once it does. */
  #reason: string | null = null;
  #isOver = false;

  /**
   * `memoryMiB` bounds heap and buffers of all its instances together. `onOver` is called once, before any of them
   * hears of it; with null when the last one has left. `begun`: a thread that may use so much, to be used if it can.
   */
  constructor(
    location: PluginLocation,
    memoryMiB: number,
    onOver: (sharers: Sharers | null) => void,
    begun: BegunPluginThread | null = null,
  ) {
    this.#memoryMiB = memoryMiB;
    this.#onOver = onOver;
    this.#worker = begun?.take() ?? new BegunPluginThread(memoryMiB).take()!;
    const pulse = this.#pulse.buffer as SharedArrayBuffer;
    this.#worker.postMessage({ location, memoryMiB, pulse } satisfies ThreadStart);
    // The thread logs what it prints (prints.ts). What finds its way around that is not to reach the daemon's output.
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) stream.resume();
    this.#worker.on('message', () => this.endFor("posted to its thread's port, which is the host's"));
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? this.#outOfMemory() : `threw ${wordsOf(error)}`;
    });
    this.#worker.on('exit', (code) => this.#exited(code));
  }

  /** Instances in it. */
  get size(): number {
    return this.#channels.size;
  }

  /** Heap and buffers as it said last, of what it may use. */
  get memoryShare(): number {
    return Atomics.load(this.#pulse, PULSE_MIB) / this.#memoryMiB;
  }

  /** The channel of one more instance. */
  open(owner: object, listener: ChannelListener): Channel {
    const id = this.#nextInstance++;
    const { port1, port2 } = new MessageChannel();
    this.#worker.postMessage({ instance: id, port: port2 } satisfies InstanceStart, [port2]);
    const channel = new InstanceChannel(owner, this, port1, listener);
    this.#channels.set(id, channel);
    return channel;
  }

  /** To be called by any of its channels; more than once at one time is harmless. */
  watch(nowMs: number): void {
    if (this.#isOver || nowMs === this.#watchedAtMs) return;
    this.#watchedAtMs = nowMs;
    const beats = Atomics.load(this.#pulse, PULSE_BEATS);
    const silenceMs = this.#silence.look(beats !== this.#beats, nowMs);
    if (silenceMs === 0) this.#aliveResidentMiB = residentMiB(nowMs);
    this.#beats = beats;
    if (silenceMs >= (beats === 0 ? FIRST_SILENCE_MAX_MS : SILENCE_MAX_MS)) {
      this.#kill(`kept its thread busy for ${Math.floor(silenceMs / 1000)} s`, this.#asked);
    } else if (this.#eatsMemory(nowMs, silenceMs)) this.#kill(this.#outOfMemory(), null);
  }

  endFor(reason: string): void {
    this.#kill(reason, null);
  }

  async leave(channel: InstanceChannel): Promise<void> {
    for (const [id, each] of this.#channels) if (each === channel) this.#channels.delete(id);
    if (this.#channels.size > 0) return;
    if (!this.#isOver) {
      this.#isOver = true;
      this.#onOver(null);
    }
    const ended = new AbortController();
    const tooLong = sleep(CLOSE_MAX_MS, undefined, { signal: ended.signal }).catch(() => {});
    await Promise.race([this.#worker.terminate(), tooLong]);
    ended.abort();
    this.#worker.unref();
  }

  #eatsMemory(nowMs: number, silenceMs: number): boolean {
    if (Atomics.load(this.#pulse, PULSE_MIB) > this.#memoryMiB) return true;
    if (silenceMs < UNHEARD_MS || this.#beats === 0) return false;
    return residentMiB(nowMs) - this.#aliveResidentMiB > this.#memoryMiB + UNHEARD_MIB;
  }

  /** The owner of the instance that has the thread to itself at this moment, by a question. */
  get #asked(): object | null {
    return this.#channels.get(Atomics.load(this.#pulse, PULSE_ASKED))?.owner ?? null;
  }

  #exited(code: number): void {
    if (!this.#isOver) for (const channel of this.#channels.values()) channel.drain();
    if (this.#reason === null) this.#ended(`ended its thread with exit code ${code}`, this.#asked);
    else this.#ended(this.#reason, null);
  }

  /** It counts as ended from now on, though it may still be on its way. */
  #kill(reason: string, culprit: object | null): void {
    if (this.#isOver) return;
    void this.#worker.terminate();
    this.#ended(reason, culprit);
  }

  #ended(reason: string, culprit: object | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const channels = [...this.#channels.values()];
    const owners = new Set(channels.map(({ owner }) => owner));
    this.#onOver({ owners, culprit });
    for (const channel of channels) {
      channel.ended(reason, owners.size === 1 || channel.owner === culprit ? 0 : owners.size);
    }
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
