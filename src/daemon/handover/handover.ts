/**
 * The end of a daemon that another one replaces, and nothing is lost (decision 28). The one that comes takes
 * duplicates of sockets and of queues of TAPs; each frame is then read by one of the two, and both carry it. When it
 * has everything up it says so; this one stops reading, sends what it has, and ends. Should it be gone before, this
 * one goes on.
 */
import type { HandoverRequest, HandoverView } from '../../control/protocol.js';
import { beingReplaced, handoverRefused } from '../../errors.js';
import { letTake } from '../../system/descriptors.js';
import { keepVnics, type Registry } from '../commands/registry.js';
import type { StateClaim } from '../state/lock.js';

/** The other daemon claims the state directory within this time, or has gone. */
const CLAIM_WITHIN_MS = 5000;
/** pid_namespaces(7): with it the kernel ends every process of its namespace. */
const INIT = 1;
/** Learned MACs that are handed over, of all overlays: a few megabytes of text. The others are learned anew. */
const LEARNED_MAX = 65_536;

export class Handover {
  /** Resolves when the other daemon, of this pid, carries all frames. */
  readonly ended: Promise<number>;
  readonly #registry: Registry;
  readonly #claim: StateClaim;
  #state: 'none' | 'begun' | 'ended' = 'none';
  #pid = 0;
  #lookAtMs = 0;
  #onBegun = (_: number) => {};
  #end = (_: number) => {};

  constructor(registry: Registry, claim: StateClaim) {
    this.#registry = registry;
    this.#claim = claim;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** This daemon changes nothing any more, and keeps nothing. */
  get isBegun(): boolean {
    return this.#state !== 'none';
  }

  /** pid of the other daemon, as this one sees it; null: none is taking over. */
  get successor(): number | null {
    return this.isBegun ? this.#pid : null;
  }

  /** Throws when no other daemon can begin now. */
  check(): void {
    if (this.isBegun) throw beingReplaced();
    if (process.pid === INIT)
      throw handoverRefused('it is process 1 of its container, which ends with it: start one of the new version');
  }

  /** Resolves when the daemon of this pid, and no other, begins to take over. */
  begunBy(pid: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onBegun = (other) => {
        if (other === pid) resolve();
      };
      if (this.isBegun) this.#onBegun(this.#pid);
    });
  }

  /** To be run as a command: afterwards there are none, until {@link tick} finds the other one gone. */
  async begin({ pid, workers }: HandoverRequest): Promise<HandoverView> {
    const { datapath, serial, sockets, vnics, memory, log, now } = this.#registry;
    this.check();
    if (workers !== datapath.workers) {
      throw handoverRefused(
        `it has ${datapath.workers} workers, each with its own queues, and the other one ${workers}`,
      );
    }
    await keepVnics(this.#registry);
    await memory.end();
    serial.close(beingReplaced);
    this.#state = 'begun';
    this.#pid = pid;
    this.#lookAtMs = now() + CLAIM_WITHIN_MS;
    this.#claim.release();
    letTake(pid);
    log.info('another daemon is taking over', { pid });
    const queues = [...vnics.values()].flatMap(({ device, queues: fds }) => (fds === null ? [] : [[device, [...fds]]]));
    const opened = sockets.opened().map(({ options, listeners, sources, ports }) => ({
      ...{ options, listeners: [...listeners], ports: [...ports] },
      sources: sources.map((worker) => [...worker]),
    }));
    this.#onBegun(pid);
    return { pid: process.pid, sockets: opened, vnics: Object.fromEntries(queues), learned: this.#learned() };
  }

  #learned(): HandoverView['learned'] {
    const learned: HandoverView['learned'] = {};
    let left = LEARNED_MAX;
    for (const { name, attachment } of this.#registry.overlays.values()) {
      if (attachment === null) continue;
      learned[name] = [...attachment.flooding.learner.elsewhere()].slice(0, left);
      left -= learned[name].length;
    }
    return learned;
  }

  /** The other one carries all frames. It may have said so long ago, if this one was kept from running. */
  end(): void {
    if (this.#state === 'begun' && this.#isAlone()) this.#goOn();
    if (this.#state === 'none') throw handoverRefused('no other daemon is taking over');
    this.#state = 'ended';
    this.#end(this.#pid);
  }

  /** Time has passed. A daemon that has ended holds no lock. */
  tick(nowMs: number): void {
    if (this.#state === 'begun' && nowMs >= this.#lookAtMs && this.#isAlone()) this.#goOn();
  }

  #goOn(): void {
    const { serial, log } = this.#registry;
    this.#state = 'none';
    serial.open();
    log.warn('the daemon that was taking over is gone: this one goes on');
  }

  /** A host that is out of descriptors cannot tell now: that is looked at again at the next tick. */
  #isAlone(): boolean {
    try {
      return this.#claim.again();
    } catch {
      return false;
    }
  }

  /** Nothing is read any more, and what was read leaves. Before the orderly end. */
  async drain(): Promise<void> {
    const { border, datapath } = this.#registry;
    border.receiveNothing();
    await datapath.drain();
  }
}

/** What the daemon before this one had learned, where a plugin says by now that it is to be learned. */
export function recallLearned({ inheritance, overlays, now }: Registry): void {
  for (const [name, learned] of Object.entries(inheritance.learned)) {
    const learner = overlays.get(name)?.attachment?.flooding.learner;
    for (const [mac, ip] of learned) learner?.heard(mac, ip, now());
  }
}
