/** Bytes of a TCP stream, cut anywhere, to frames. */
import { checkCrc, type Frame, HEADER_LEN, type Header, readHeader } from './frame.js';

const NOTHING = Buffer.alloc(0);

export class Unframer {
  readonly #header = Buffer.alloc(HEADER_LEN);
  #parsed: Header | null = null;
  #payload: Buffer = NOTHING;
  /** Bytes of the current frame that are here. */
  #filled = 0;

  /**
   * Hands over every frame that `chunk` completes. Throws a ProtocolError at the first that is wrong; then the stream
   * is at an end.
   */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    let at = 0;
    while (at < chunk.length) {
      at += this.#parsed === null ? this.#fillHeader(chunk, at) : this.#fillPayload(chunk, at);
      if (this.#parsed !== null && this.#filled === HEADER_LEN + this.#parsed.size) this.#complete(onFrame);
    }
  }

  /** True: the bytes so far end inside a frame. */
  get isInside(): boolean {
    return this.#filled > 0;
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#filled, at);
    this.#filled += taken;
    if (this.#filled === HEADER_LEN) {
      this.#parsed = readHeader(this.#header);
      this.#payload = Buffer.alloc(this.#parsed.size);
    }
    return taken;
  }

  #fillPayload(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#payload, this.#filled - HEADER_LEN, at);
    this.#filled += taken;
    return taken;
  }

  #complete(onFrame: (frame: Frame) => void): void {
    const { op, id } = this.#parsed as Header;
    const payload = this.#payload;
    checkCrc(this.#header, payload);
    this.#parsed = null;
    this.#filled = 0;
    this.#payload = NOTHING;
    onFrame({ op, id, payload });
  }
}
