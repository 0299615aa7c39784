/** A world whose clock a test moves and whose names it makes up; the sockets and the lines are real. */
import assert from 'node:assert/strict';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { SvpInstance } from '../../../src/search/plugins/svp/svp.js';
import { REAL_WORLD, type SvpWorld } from '../../../src/search/plugins/svp/world.js';
import { type RecordingContext, recordingContext } from '../context.js';

export class World implements SvpWorld {
  now = 0;
  /** What the name resolves to, or why it does not. */
  addresses: string[] | Error = ['127.0.0.1'];
  /** Every attempt to connect: `0 127.0.0.1`, `1000 127.0.0.1`. */
  readonly attempts: string[] = [];
  chance = 0.5;
  line = REAL_WORLD.line;
  #timers: { at: number; action: () => void }[] = [];

  nowMs = () => this.now;
  random = () => this.chance;

  async resolve(): Promise<string[]> {
    if (this.addresses instanceof Error) throw this.addresses;
    return this.addresses;
  }

  connect(ip: string, port: number) {
    this.attempts.push(`${this.now} ${ip}`);
    return REAL_WORLD.connect(ip, port);
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.now + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Lets time pass, and everything happen that becomes due; between two moments, what the sockets have to say. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await io();
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.now = next.at;
      this.#timers = this.#timers.filter((each) => each !== next);
      next.action();
    }
    this.now = end;
    await io();
  }
}

/** A few rounds of whatever loopback sockets have under way. */
async function io(): Promise<void> {
  for (let round = 0; round < 10; round++) await setImmediate();
  await sleep(2);
  for (let round = 0; round < 10; round++) await setImmediate();
}

/** Waits for what must come without any time passing in the world. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 2500 && !isSo(); round++) await sleep(2);
  assert.ok(isSo(), what);
}

export interface Client {
  readonly world: World;
  readonly context: RecordingContext;
  readonly instance: SvpInstance;
  /** Why each connection broke, oldest first. */
  readonly breaks: readonly string[];
}

/** An instance that is not started yet. */
export function client(
  port: number,
  vni = 23,
  host = 'svp.test',
  underlayIp = '10.88.88.69',
  world = new World(),
): Client {
  const breaks: string[] = [];
  const recording = recordingContext();
  const info = (message: string, fields?: object) => {
    recording.logged.push(`info ${message}`);
    if (fields !== undefined && 'reason' in fields) breaks.push(String(fields.reason));
  };
  const context = { ...recording, vni, log: { ...recording.log, info } };
  const values = { 'svp/host': host, 'svp/port': port, 'svp/underlay_ip': underlayIp };
  return { world, context, instance: new SvpInstance(context, values, world), breaks };
}
