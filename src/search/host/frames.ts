/**
 * How things are said through a stream of bytes: each a line of JSON, which has no line ends of its own. Both ends know
 * how long a line may be, so that neither has to believe the other.
 */
import type { Said } from './messages.js';

/** Longest line, bytes. A page of entries has a fifth of it. */
export const FRAME_MAX = 1 << 20;
const LINE_END = 0x0a;
/**
 * Lines of an instance that may have come and not been taken. Its side waits until its parcels are; a forger does not.
 * The host's are not counted: it asks as many questions as there are.
 */
export const WAITING_MAX = 64;

/** Descriptor of the channel in the process of a plugin. */
export const CHANNEL_FD = 3;
/** What the process says when it has nothing to say: a parcel of nothing. */
export const BEAT = '[]\n';
export const BEAT_EVERY_MS = 500;

/** What it says last, when its plugin has ended it by an error that nobody caught. */
export interface Threw {
  readonly threw: string;
}

/** Throws an Error that completes "the plugin …". */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** What is before it has no line end. */
  #searched = 0;
  #waiting = 0;
  readonly #waitingMax: number;

  /** `waitingMax`: lines that may wait to be taken. */
  constructor(waitingMax = Number.POSITIVE_INFINITY) {
    this.#waitingMax = waitingMax;
  }

  add(chunk: Buffer): void {
    for (let at = chunk.indexOf(LINE_END); at !== -1; at = chunk.indexOf(LINE_END, at + 1)) this.#waiting++;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  /** The next thing that was said; undefined: the rest of it has not come yet. */
  next(): unknown {
    if (this.#waiting > this.#waitingMax)
      throw new Error('said more, in the place of its instance, than its host had taken');
    const end = this.#bytes.indexOf(LINE_END, this.#searched);
    if ((end === -1 ? this.#bytes.length : end) > FRAME_MAX)
      throw new Error(`said more than ${FRAME_MAX} bytes at once`);
    if (end === -1) {
      this.#searched = this.#bytes.length;
      return undefined;
    }
    this.#waiting--;
    const line = this.#bytes.toString('utf8', 0, end);
    this.#bytes = this.#bytes.subarray(end + 1);
    this.#searched = 0;
    try {
      return JSON.parse(line) as unknown;
    } catch {
      throw new Error('said what is no JSON, in the place of its instance');
    }
  }
}

export function frameOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** A parcel as frames of which none is too long: what alone would be is said not to have been said. */
export function framesOf(parcel: readonly Said[]): string[] {
  const frame = frameOf(parcel);
  if (Buffer.byteLength(frame) <= FRAME_MAX) return [frame];
  if (parcel.length === 1) return [frameOf(parcel.map(tooLong))];
  const half = parcel.length >> 1;
  return [...framesOf(parcel.slice(0, half)), ...framesOf(parcel.slice(half))];
}

function tooLong(said: Said): Said {
  const words = `more than ${FRAME_MAX} bytes`;
  if (said.kind === 'answer') return { kind: 'fault', id: said.id, words };
  return { kind: 'log', level: 'error', message: `${said.kind}: ${words}`, fields: undefined };
}
