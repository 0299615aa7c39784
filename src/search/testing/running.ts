/** An instance that runs as the daemon would run it: the real host, a real process or thread, a real clock. */
import { ipFamily, NO_PORT } from '../../address.js';
import { type Encap, hasPorts } from '../../encapsulations.js';
import type { Answer, PluginLog, PropertyValue, Target } from '../api.js';
import type { FoundPlugin } from '../find.js';
import { Deadlines } from '../host/deadlines.js';
import { PluginHost } from '../host/host.js';
import { type Confinement, Placement } from '../host/placement.js';
import { PluginCounts, PluginFault, type PluginHealth } from '../host/types.js';
import { Complaint, expectDone, expectSame } from './complaint.js';
import { overlayOf, plainQuery } from './query.js';
import type { Subject } from './subject.js';
import { Table } from './table.js';

/** As an overlay has it by default. */
const MEMORY_MIB = 1024;
const TICK_MS = 100;
/** Deadlines are this much longer where they are not the point: the machine may be busy. */
const PATIENCE = 10;

const placement = new Placement({ now: () => performance.now() });
const silent: PluginLog = { debug() {}, info() {}, warn() {}, error() {} };

export class Running {
  readonly host: PluginHost;
  readonly table = new Table();
  readonly #subject: Subject;
  readonly #encap: Encap;
  readonly #deadlines = new Deadlines(() => this.#now);
  readonly #timer: NodeJS.Timeout;
  readonly #troubles: string[] = [];
  #death: string | null = null;
  #patience = PATIENCE;
  /** Milliseconds, as deadlines count them. */
  #now = 0;

  constructor(found: FoundPlugin, values: Readonly<Record<string, PropertyValue>>, subject: Subject, encap: Encap) {
    this.#subject = subject;
    this.#encap = encap;
    const confinement: Confinement = { isolation: subject.isolation ?? 'process', memoryMiB: MEMORY_MIB };
    const health: PluginHealth = {
      degrade: (part, reason) => void (part === 'push' && this.#troubles.push(reason)),
      restore() {},
    };
    this.host = new PluginHost({
      name: found.manifest.name,
      open: placement.open(found.location, confinement, this),
      values,
      ...overlayOf(encap, subject.family),
      family: subject.family ?? 4,
      hasPorts: hasPorts(encap),
      log: silent,
      health,
      counts: new PluginCounts(),
      deadlines: this.#deadlines,
      sink: this.table,
      onDeath: ({ message }) => {
        this.#death = message;
      },
    });
    let beforeMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#now += (nowMs - beforeMs) / this.#patience;
      beforeMs = nowMs;
      this.#deadlines.tick(this.#now);
      this.host.watch(nowMs);
    }, TICK_MS);
  }

  /** From now on deadlines are those of the daemon. */
  beStrict(): void {
    this.#patience = 1;
  }

  /** Why it has ended; null: it has not. */
  get death(): string | null {
    return this.#death;
  }

  readonly lookup = (mac: string): Promise<Answer | null> => this.host.lookup(plainQuery(mac));

  /** Everything that the author says is so. */
  async expectAllKnown(when: string): Promise<void> {
    const { target, known = {} } = this.#subject;
    if (target !== undefined) {
      expectSame(`target() ${when}`, await expectDone(`target() ${when}`, this.host.target()), this.#reached(target));
    }
    await Promise.all(Object.entries(known).map(([mac, each]) => this.expectTarget(mac, each, when)));
  }

  async expectTarget(mac: string, target: Target | null, when: string): Promise<void> {
    const what = `lookup of ${mac} ${when}`;
    const answer = await expectDone(what, this.table.ask(mac, this.lookup));
    expectSame(what, answer === null ? null : answer.target, this.#reached(target));
  }

  /** As the host makes it of what the author says: its port means nothing where there are none. */
  #reached(target: Target | null): Target | null {
    return target === null || target === 'drop' || hasPorts(this.#encap) ? target : { ...target, port: NO_PORT };
  }

  /** arp or ndp, by the address. */
  owner(ip: string) {
    return ipFamily(ip) === 4 ? this.host.arp(ip, 0) : this.host.ndp(ip, 0);
  }

  /** Complains of an instance that ended by itself, and of nonsense that was pushed. */
  expectWell(): void {
    if (this.#death !== null) throw new Complaint(this.#death);
    if (this.#troubles.length > 0) throw new Complaint(this.#troubles.join('; '));
  }

  async stop(): Promise<void> {
    this.beStrict();
    await this.host.stop();
    clearInterval(this.#timer);
  }
}

/** The question failed because nobody answered in time, rather than by a rejection. */
export function isTimeout(thrown: unknown): boolean {
  return thrown instanceof PluginFault && thrown.isTimeout;
}
