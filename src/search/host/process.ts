/**
 * A process with one instance of a plugin, as the host sees it: started, watched, ended. What it may do is in
 * confine.ts; whatever comes from it may have been said by the plugin's own code in the instance's place, and is judged
 * as such: a line that is too long or is none ends the process, and no more than one is dealt with in a turn of the
 * event loop.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../errors.js';
import { Silence } from '../../silence.js';
import type { Channel, ChannelListener, OpenChannel, Place } from './channel.js';
import { confined } from './confine.js';
import { FrameReader, frameOf, type Threw, WAITING_MAX } from './frames.js';
import { isParcel, type Message } from './messages.js';
import { shown } from './words.js';

/** A process without a sign of life for this long loops. */
const SILENCE_MAX_MS = 5000;
/** Until the first one: the process starts. */
const FIRST_SILENCE_MAX_MS = 30_000;
const MEMORY_LOOK_EVERY_MS = 500;
/** What Node takes of memory, whatever the plugin does, and garbage. */
const NODE_MIB = 64;
/** Questions that the process has not read, bytes. */
const UNREAD_MAX = 1 << 20;
/** A process that is inside of the kernel ends when it is out of there: nobody waits for it longer than this. */
const CLOSE_MAX_MS = 1000;
/** Between the end of a process and that of its channel, or the other way round. */
const LAST_WORDS_MS = 1000;
const PAGE = 4096;
const TAKEN = frameOf({ kind: 'taken' } satisfies Message);
const OUT_OF_MEMORY = /out of memory|allocation failed|bad_alloc/i;

const ENTRY = fileURLToPath(new URL('../../bundle/process-entry.cjs', import.meta.url));

/** Files that the process must be able to read beside the plugin's module. */
export const FILES_OF_ENTRY: readonly string[] = [process.execPath, ENTRY];

/** `memoryMiB` bounds all memory of the process. */
export function openProcess(url: string, memoryMiB: number): OpenChannel {
  return (listener) => new PluginProcess(url, memoryMiB, listener);
}

class PluginProcess implements Channel {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #listener: ChannelListener;
  readonly #memoryMiB: number;
  readonly #frames = new FrameReader(WAITING_MAX);
  readonly #silence = new Silence();
  readonly #exited: Promise<void>;
  #hasBegun = false;
  /** That parcels were taken, which is still to be said. */
  #owed = '';
  #isPaused = false;
  #beats = 0;
  #beatsSeen = 0;
  #residentMiB = 0;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** What it threw, or what Node said as it died. */
  #reason: string | null = null;
  #lastError = '';
  #isOver = false;

  constructor(url: string, memoryMiB: number, listener: ChannelListener) {
    this.#listener = listener;
    this.#memoryMiB = memoryMiB;
    const [file, args] = confined(ENTRY, [url, String(memoryMiB)], memoryMiB);
    this.#child = spawn(file, args, {
      cwd: dirname(fileURLToPath(url)),
      env: {},
      // A group of its own, which is ended as a whole, and which no signal from a terminal reaches.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const [, , errors, socket] = this.#child.stdio as unknown as [null, null, Socket, Socket];
    this.#socket = socket;
    errors.on('data', (chunk: Buffer) => this.#complained(chunk.toString('latin1')));
    socket.on('data', (chunk: Buffer) => this.#came(chunk));
    socket.on('error', () => {}); // it closes
    socket.on('close', () => this.#lastWordsOver());
    this.#child.on('error', (error) => this.#end(`cannot have a process: ${messageOf(error)}`));
    this.#exited = new Promise((resolve) => {
      this.#child.on('exit', () => {
        resolve();
        this.#lastWordsOver();
      });
    });
  }

  get place(): Place {
    return { kind: 'process', pid: this.#child.pid ?? 0, residentMiB: this.#residentMiB };
  }

  send(message: Message): void {
    this.#write(frameOf(message));
  }

  /** Says what was taken with what is said in the same turn: a question after an answer costs one system call. */
  #write(frame: string): void {
    const text = this.#owed + frame;
    this.#owed = '';
    if (this.#isOver || text === '') return;
    this.#socket.write(text);
    if (this.#socket.writableLength > UNREAD_MAX) this.#end('does not read what it is asked');
  }

  watch(nowMs: number): void {
    const silenceMs = this.#silence.look(this.#beats !== this.#beatsSeen, nowMs);
    this.#beatsSeen = this.#beats;
    if (silenceMs >= (this.#hasBegun ? SILENCE_MAX_MS : FIRST_SILENCE_MAX_MS)) {
      this.#end(`kept its process busy for ${Math.floor(silenceMs / 1000)} s`);
    } else if (nowMs - this.#lookedAtMs >= MEMORY_LOOK_EVERY_MS) {
      this.#lookedAtMs = nowMs;
      this.#residentMiB = residentMiB(this.#child.pid);
      if (this.#residentMiB > this.#memoryMiB + NODE_MIB) this.#end(this.#outOfMemory());
    }
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#kill();
    const ended = new AbortController();
    await Promise.race([this.#exited, sleep(CLOSE_MAX_MS, undefined, { signal: ended.signal }).catch(() => {})]);
    ended.abort();
    this.#socket.destroy();
    this.#child.unref();
  }

  #came(chunk: Buffer): void {
    this.#frames.add(chunk);
    if (!this.#isPaused) this.#takeOne();
  }

  /** One frame a turn, and no more is read meanwhile: others have their turns in between. */
  #takeOne(): void {
    if (this.#isOver) return;
    try {
      const frame = this.#frames.next();
      if (frame !== undefined) this.#take(frame);
      this.#pause(frame !== undefined && !this.#frames.isEmpty);
      if (this.#isPaused) setImmediate(() => this.#takeOne());
    } catch (thrown) {
      this.#end(messageOf(thrown));
    }
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  #take(frame: unknown): void {
    this.#hasBegun = true;
    this.#beats++;
    if (isParcel(frame)) {
      if (frame.length === 0) return;
      this.#owed += TAKEN;
      setImmediate(() => this.#write(''));
      this.#listener.said(frame);
    } else if (typeof (frame as Partial<Threw> | null)?.threw === 'string') {
      this.#end(this.#reason ?? `threw ${shown((frame as Threw).threw)}`);
    } else throw new Error('said what no instance says, in the place of its instance');
  }

  #complained(text: string): void {
    if (OUT_OF_MEMORY.test(text)) this.#reason ??= this.#outOfMemory();
    this.#lastError = shown(text);
  }

  /** Its process has ended, or its channel has: what it said before is heard first, and why it ended. */
  #lastWordsOver(): void {
    const { exitCode, signalCode } = this.#child;
    const hasExited = exitCode !== null || signalCode !== null;
    const closed = 'closed its channel to the host';
    const end = () => this.#end(this.#reason ?? (hasExited ? this.#reasonOf(exitCode, signalCode) : closed));
    if (hasExited && this.#socket.closed) end();
    else if (!this.#isOver) setTimeout(end, LAST_WORDS_MS).unref();
  }

  #reasonOf(code: number | null, signal: string | null): string {
    if (!this.#hasBegun) return `could not begin its process: ${this.#lastError || `exit code ${code ?? signal}`}`;
    return signal === null ? `ended its process with exit code ${code}` : `was ended by ${signal}`;
  }

  #outOfMemory(): string {
    return `needed more than ${this.#memoryMiB} MiB of memory`;
  }

  /** It has ended, or is ended. */
  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#kill();
    this.#socket.destroy();
    this.#listener.ended(reason, 0);
  }

  #kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {} // there is none left
  }
}

/** All memory that the process has to itself, also what Node knows nothing of. Its program's own pages do not count. */
function residentMiB(pid: number | undefined): number {
  try {
    const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
    return (((resident ?? 0) - (shared ?? 0)) * PAGE) / 2 ** 20;
  } catch {
    return 0; // it has ended
  }
}
