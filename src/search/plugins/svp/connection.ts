/**
 * One TCP connection to one server, and its successors. Questions of several queries are under way at once; answers
 * come in any order and are matched by id.
 *
 *   connecting ──▶ active ──▶ (broken) ──▶ waiting 0, 1, 2, 4 … 32 s ──▶ connecting
 *
 * Silence: a query without any sign of life for 1 s makes the connection _stalled_ (its queries are asked elsewhere
 * too), 10 s of it break the connection, and so does one query that stays unanswered for 30 s beside others that are
 * answered. A server works through a connection's queries one after the other, so slowness alone is no reason to part.
 */
import type { Socket } from 'node:net';
import { formatEndpoint } from '../../../address.js';
import type { SvpEnvironment } from './environment.js';
import { encodeFrame, type Frame, ProtocolError } from './frame.js';
import { Unframer } from './framing.js';
import { hangUp } from './hang-up.js';
import { ping, Refused } from './messages.js';
import { Query } from './query.js';
import { retryMs } from './retry.js';
import { socketWords } from './socket-words.js';
import { UnderWay } from './under-way.js';

export const CONNECT_MS = 5000;
/** Silence with queries under way, until they are asked elsewhere too. */
export const STALLED_MS = 1000;
/** Silence without queries, until the server is asked whether it is there. */
export const IDLE_MS = 10_000;
/** Silence with anything under way, until the connection is broken. */
export const SILENT_MS = 10_000;
/** The age of an unanswered query that breaks the connection, whatever else is answered. */
export const UNANSWERED_MS = 30_000;
/** A connection that was good for this long is tried again at once when it breaks. */
export const PROVEN_MS = 1000;
/** So many failures in a row may happen to anybody; after one more the server counts as unreachable. */
export const FAILURES_MAX = 6;

export interface ConnectionOwner {
  readonly environment: SvpEnvironment;
  /** It became active, stalled, has room again, or broke: there may be something to say or to send. */
  changed(): void;
  /** These lost their connection. */
  orphaned(queries: readonly Query[]): void;
  /** These may still be answered, but another connection would be a better bet. */
  delayed(queries: readonly Query[]): void;
  /** A connection is being closed in order. */
  ending(end: Promise<void>): void;
  log(message: string, fields: object): void;
}

type State = 'connecting' | 'active' | 'waiting' | 'closed';

export class Connection {
  /** `10.0.0.1:1296`. */
  readonly name: string;
  readonly #ip: string;
  readonly #port: number;
  readonly #owner: ConnectionOwner;
  #state: State = 'waiting';
  #socket: Socket | null = null;
  #unframer = new Unframer();
  readonly #underWay: UnderWay;
  #failures = 0;
  #lastError = 'not tried yet';
  #activeSinceMs = 0;
  #hasAnswered = false;
  #isStalled = false;
  #isLeaving = false;
  /** The last sign of life, or the first query after an idle time. */
  #heardAtMs = 0;
  #cancelTimer: () => void = () => {};

  constructor(ip: string, port: number, owner: ConnectionOwner) {
    this.name = formatEndpoint({ ip, port });
    this.#ip = ip;
    this.#port = port;
    this.#owner = owner;
    this.#underWay = new UnderWay(Math.floor(owner.environment.random() * 2 ** 32));
  }

  /** Takes queries. */
  get isActive(): boolean {
    return this.#state === 'active' && !this.#isLeaving && !this.#underWay.isFull;
  }

  /** The server owes as many answers as may be. */
  get isFull(): boolean {
    return this.#underWay.isFull;
  }

  /** Has queries under way and is silent. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** The server has answered on the connection there is. */
  get isProven(): boolean {
    return this.#state === 'active' && this.#hasAnswered;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Consecutive failures. */
  get failures(): number {
    return this.#failures;
  }

  /** Why the last connection broke or could not be made. */
  get lastError(): string {
    return this.#lastError;
  }

  open(): void {
    this.#connect();
  }

  /** Puts a query on the wire. */
  send(query: Query): void {
    query.asked++;
    query.underWay++;
    const nowMs = this.#owner.environment.nowMs();
    const wasIdle = this.#underWay.size === 0;
    const id = this.#underWay.add(query, nowMs);
    const { op, payload } = query.question;
    this.#socket?.write(encodeFrame({ op, id, payload }));
    if (!wasIdle) return;
    this.#heardAtMs = nowMs;
    this.#watch();
  }

  /** The server's address is gone from DNS: ends once its queries are answered. */
  leave(): void {
    this.#isLeaving = true;
    this.#endIfLeft();
  }

  /** The address is back. */
  stay(): void {
    this.#isLeaving = false;
  }

  close(): void {
    this.#state = 'closed';
    this.#drop();
  }

  #connect(): void {
    const { environment } = this.#owner;
    this.#state = 'connecting';
    this.#unframer = new Unframer();
    this.#hasAnswered = false;
    const socket = environment.connect(this.#ip, this.#port);
    this.#socket = socket;
    const current = (action: () => void) => () => {
      if (this.#socket === socket) action();
    };
    socket.on(
      'connect',
      current(() => this.#connected()),
    );
    socket.on('data', (chunk: Buffer) => current(() => this.#received(chunk))());
    socket.on('error', (error: NodeJS.ErrnoException) => current(() => this.#broke(socketWords(error)))());
    socket.on(
      'close',
      current(() => this.#broke(this.#endWords())),
    );
    this.#timer(CONNECT_MS, () => this.#broke(`no connection within ${CONNECT_MS / 1000} s`));
  }

  #connected(): void {
    const nowMs = this.#owner.environment.nowMs();
    this.#state = 'active';
    this.#activeSinceMs = nowMs;
    this.#heardAtMs = nowMs;
    this.#ping(); // whether it speaks the protocol is better known before a query depends on it
    this.#watch();
    this.#owner.changed();
  }

  #received(chunk: Buffer): void {
    try {
      this.#unframer.push(chunk, (frame) => this.#answered(frame));
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      this.#broke(thrown.message);
    }
    this.#endIfLeft();
  }

  #answered({ op, id, payload }: Frame): void {
    if (this.#state !== 'active') return;
    const query = this.#underWay.get(id);
    if (query === undefined) throw new ProtocolError(`an answer to question ${id}, which was not asked`);
    const { question } = query;
    if (op !== question.answerOp) {
      throw new ProtocolError(`operation ${op} answers ${question.words}, expected ${question.answerOp}`);
    }
    this.#settle(query, payload);
    const isNews = !this.#hasAnswered || this.#isStalled || this.#underWay.isFull;
    this.#underWay.delete(id);
    this.#heardAtMs = this.#owner.environment.nowMs();
    this.#hasAnswered = true;
    this.#isStalled = false;
    if (isNews) this.#owner.changed();
  }

  #settle(query: Query, payload: Buffer): void {
    try {
      query.resolve(query.question.decode(payload));
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      query.reject(`svp server ${this.name} answers ${thrown.message}`);
    }
  }

  #ping(): void {
    const query = new Query(ping(), () => {});
    query.answer.catch(() => {}); // nobody waits for it: a ping without an answer is this connection's concern
    this.send(query);
  }

  /** Looks again when the next thing may be due. */
  #watch(): void {
    const nowMs = this.#owner.environment.nowMs();
    const silentMs = nowMs - this.#heardAtMs;
    const isBusy = this.#underWay.size > 0;
    const limits = isBusy ? [STALLED_MS, SILENT_MS] : [IDLE_MS];
    const next = limits.find((limit) => silentMs < limit) ?? SILENT_MS;
    const { oldest } = this.#underWay;
    const oldestDueMs = oldest === undefined ? Number.POSITIVE_INFINITY : oldest.atMs + UNANSWERED_MS - nowMs;
    this.#timer(Math.max(1, Math.min(next - silentMs, oldestDueMs)), () => this.#look());
  }

  #look(): void {
    const nowMs = this.#owner.environment.nowMs();
    const silentMs = nowMs - this.#heardAtMs;
    const { oldest } = this.#underWay;
    if (oldest === undefined) {
      if (silentMs >= IDLE_MS) this.#ping();
    } else if (silentMs >= SILENT_MS) {
      this.#broke(`no answer within ${SILENT_MS / 1000} s`);
      return;
    } else if (nowMs - oldest.atMs >= UNANSWERED_MS) {
      oldest.query.reject(`svp server ${this.name} does not answer it`);
      this.#broke(`a query without answer for ${UNANSWERED_MS / 1000} s`);
      return;
    } else if (silentMs >= STALLED_MS && !this.#isStalled) this.#stall();
    this.#watch();
  }

  #stall(): void {
    this.#isStalled = true;
    this.#owner.changed();
    this.#owner.delayed(this.#underWay.live());
  }

  #broke(reason: string): void {
    if (this.#state === 'closed') return;
    const livedMs = this.#owner.environment.nowMs() - this.#activeSinceMs;
    const wasGood = this.isProven && livedMs >= PROVEN_MS;
    const orphans = this.#underWay.orphan();
    this.#state = this.#isLeaving ? 'closed' : 'waiting';
    this.#drop();
    this.#lastError = reason;
    this.#failures = wasGood ? 0 : this.#failures + 1;
    const waitMs = retryMs(this.#failures);
    this.#owner.log('svp connection broke', { server: this.name, reason, failures: this.#failures, waitMs });
    if (this.#state === 'waiting') this.#timer(waitMs, () => this.#connect());
    this.#owner.changed();
    this.#owner.orphaned(orphans);
  }

  /** Leaves nothing behind. */
  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#cancelTimer();
    this.#underWay.clear();
    this.#isStalled = false;
    if (socket !== null) this.#owner.ending(hangUp(socket, this.#owner.environment));
  }

  #endIfLeft(): void {
    if (!this.#isLeaving || this.#state === 'closed' || this.#underWay.live().length > 0) return;
    this.close();
    this.#owner.changed();
  }

  #endWords(): string {
    return this.#unframer.isInside ? 'the server closed the connection inside an answer' : 'the server closed it';
  }

  /** One at a time: each replaces the one before. */
  #timer(ms: number, action: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#owner.environment.after(ms, action);
  }
}
