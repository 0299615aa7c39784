/** What clients of the HTTP port have to show. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { type Endpoint, formatEndpoint } from '../address.js';
import { httpNeedsToken, httpTokenUnusable, messageOf } from '../errors.js';
import { distrust } from '../ownership.js';

/** One that can be guessed is no secret. */
const LENGTH_MIN = 16;
/** What a header may carry (RFC 6750 section 2.1). */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Of this host alone: 127.0.0.0/8 and ::1. */
function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.');
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export class HttpToken {
  readonly #file: string | null;
  #digest: Buffer | null = null;

  /** `file`: null where there is none, which only the loopback may lack. Throws when it is of no use. */
  constructor(address: Endpoint, file: string | null) {
    this.#file = file;
    if (file === null && !isLoopback(address.ip)) throw httpNeedsToken(formatEndpoint(address));
    this.read();
  }

  /** Clients have to show something. */
  get isAsked(): boolean {
    return this.#file !== null;
  }

  /** Reads the file again. Throws when it is of no use: then the token before stays. */
  read(): void {
    if (this.#file !== null) this.#digest = digest(readToken(this.#file));
  }

  /** `authorization`: the header of that name. */
  isShown(authorization: string | undefined): boolean {
    const shown = /^Bearer +(.*)$/i.exec(authorization ?? '')?.[1];
    return this.#digest !== null && shown !== undefined && timingSafeEqual(digest(shown), this.#digest);
  }
}

function readToken(file: string): string {
  let text: string;
  try {
    const stat = statSync(file);
    const reason = distrust(stat) ?? ((stat.mode & 0o004) === 0 ? null : 'everybody may read it: chmod o-r');
    if (reason !== null) throw new Error(reason);
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw httpTokenUnusable(file, messageOf(cause));
  }
  if (text.length < LENGTH_MIN || !TOKEN.test(text)) {
    throw httpTokenUnusable(file, `expected one word of ${LENGTH_MIN} or more of A-Z a-z 0-9 . _ ~ + / -`);
  }
  return text;
}
