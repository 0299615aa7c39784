/**
 * Runs one instance of a search plugin for one overlay. Every call into the plugin has a fence (a throw, a rejection
 * and a hang become a PluginFault) and every value out of it is checked. Only plain data crosses, in either direction.
 *
 * A host lives once: create, start, stop. Another try is another host.
 */
import { messageOf } from '../errors.js';
import type {
  Answer,
  Owner,
  Plugin,
  PluginContext,
  PluginLog,
  PropertyValue,
  Query,
  Reply,
  Target,
  Validity,
} from '../search/api.js';
import { DeadlinePassed, type Deadlines } from './deadlines.js';
import type { Health } from './health.js';
import {
  checkAnswer,
  checkIp,
  checkMac,
  checkOwner,
  checkServer,
  checkTarget,
  checkTtl,
  shown,
  wordsOf,
} from './plugin-answers.js';

/** A question is answered within this time, or it counts as failed. */
export const LOOKUP_DEADLINE_MS = 3000;
export const START_DEADLINE_MS = 10_000;
export const STOP_DEADLINE_MS = 2000;

/** A plugin did not do what it was asked. The message names plugin and question. */
export class PluginFault extends Error {
  /** True: it has not answered yet, rather than answered wrongly. */
  readonly isTimeout: boolean;

  constructor(message: string, isTimeout: boolean, cause: unknown) {
    super(message, { cause });
    this.name = 'PluginFault';
    this.isTimeout = isTimeout;
  }
}

/** Where a plugin's unasked words go: already checked. */
export interface PluginSink {
  put(mac: string, target: Target, ttlMs: number | undefined): void;
  withdraw(mac: string): void;
  moved(ip: string, mac: string): void;
}

/** The questions, all checked and fenced: a rejection is a PluginFault. */
export interface Askable {
  readonly name: string;
  lookup(query: Query): Promise<Answer | null>;
  arp(ip: string, vlan: number): Promise<Owner | null>;
  ndp(ip: string, vlan: number): Promise<Owner | null>;
  dhcp(mac: string): Promise<string | null>;
}

export interface HostOptions {
  readonly plugin: Plugin;
  readonly values: Readonly<Record<string, PropertyValue>>;
  readonly vni: number;
  /** Address family of the overlay's socket. */
  readonly family: 4 | 6;
  readonly log: PluginLog;
  readonly health: Health;
  readonly deadlines: Deadlines;
  readonly sink: PluginSink;
}

/** Any instance, as the host sees it: whatever may be missing is optional. */
interface AnyInstance {
  start(): Reply<void>;
  stop(): Reply<void>;
  reload?(): Reply<void>;
  target?(): Reply<Target>;
  change?(values: Readonly<Record<string, PropertyValue>>): Reply<void>;
  lookup?(query: Query): Reply<Answer | null>;
  arp?(ip: string, vlan: number): Reply<Owner | null>;
  ndp?(ip: string, vlan: number): Reply<Owner | null>;
  dhcp?(mac: string): Reply<string | null>;
}

export class PluginHost implements Askable {
  readonly name: string;
  readonly #options: HostOptions;
  readonly #abort = new AbortController();
  readonly #instance: AnyInstance;

  /** Creates the instance. Throws a PluginFault when the plugin's `create` does. */
  constructor(options: HostOptions) {
    this.#options = options;
    this.name = options.plugin.name;
    try {
      this.#instance = options.plugin.create(this.#context(), Object.freeze({ ...options.values }));
    } catch (thrown) {
      throw this.#fault('create', thrown);
    }
  }

  get answersArp(): boolean {
    return this.#instance.arp !== undefined;
  }

  get answersNdp(): boolean {
    return this.#instance.ndp !== undefined;
  }

  get answersDhcp(): boolean {
    return this.#instance.dhcp !== undefined;
  }

  get takesChanges(): boolean {
    return this.#instance.change !== undefined;
  }

  start(): Promise<void> {
    return this.#ask('start', START_DEADLINE_MS, (instance) => instance.start(), nothing);
  }

  /** Ends the instance; what it still says is ignored. Never rejects: a plugin that cannot stop is logged. */
  async stop(): Promise<void> {
    this.#abort.abort();
    try {
      await this.#ask('stop', STOP_DEADLINE_MS, (instance) => instance.stop(), nothing);
    } catch (thrown) {
      this.#options.log.warn(messageOf(thrown));
    }
  }

  reload(): Promise<void> {
    return this.#ask('reload', START_DEADLINE_MS, (instance) => instance.reload?.(), nothing);
  }

  change(values: Readonly<Record<string, PropertyValue>>): Promise<void> {
    const frozen = Object.freeze({ ...values });
    return this.#ask('change', LOOKUP_DEADLINE_MS, (instance) => instance.change?.(frozen), nothing);
  }

  /** The one destination of a point plugin. */
  target(): Promise<Target> {
    const { family } = this.#options;
    const check = (value: unknown) => checkTarget(value, family);
    return this.#ask('target', LOOKUP_DEADLINE_MS, (instance) => instance.target?.(), check);
  }

  lookup(query: Query): Promise<Answer | null> {
    const frozen = Object.freeze({ ...query });
    const check = (value: unknown) => checkAnswer(value, this.#options.family);
    return this.#question(
      `lookup of ${query.mac}`,
      (instance) => (instance.lookup ? instance.lookup(frozen) : null),
      check,
    );
  }

  arp(ip: string, vlan: number): Promise<Owner | null> {
    return this.#question(`arp of ${ip}`, (instance) => (instance.arp ? instance.arp(ip, vlan) : null), checkOwner);
  }

  ndp(ip: string, vlan: number): Promise<Owner | null> {
    return this.#question(`ndp of ${ip}`, (instance) => (instance.ndp ? instance.ndp(ip, vlan) : null), checkOwner);
  }

  dhcp(mac: string): Promise<string | null> {
    return this.#question(`dhcp of ${mac}`, (instance) => (instance.dhcp ? instance.dhcp(mac) : null), checkServer);
  }

  #question<T>(what: string, call: (instance: AnyInstance) => unknown, check: (value: unknown) => T): Promise<T> {
    return this.#ask(what, LOOKUP_DEADLINE_MS, call, check);
  }

  /** The fence. `call` may answer a value or a promise, throw, reject, or never answer. */
  async #ask<T>(
    what: string,
    deadlineMs: number,
    call: (instance: AnyInstance) => unknown,
    check: (value: unknown) => T,
  ): Promise<T> {
    try {
      const reply = call(this.#instance);
      // an answer that is there already does not wait for the clock
      const value = isThenable(reply)
        ? await this.#options.deadlines.within(deadlineMs, what, Promise.resolve(reply))
        : reply;
      return check(value);
    } catch (thrown) {
      throw this.#fault(what, thrown);
    }
  }

  #fault(what: string, thrown: unknown): PluginFault {
    if (thrown instanceof DeadlinePassed) {
      return new PluginFault(`search plugin ${this.name}: ${thrown.message}`, true, thrown);
    }
    return new PluginFault(`search plugin ${this.name}: ${what}: ${wordsOf(thrown)}`, false, thrown);
  }

  #context(): PluginContext {
    const { vni, log, health, sink, family } = this.#options;
    return Object.freeze({
      vni,
      log,
      signal: this.#abort.signal,
      put: (mac: string, target: Target, options?: Validity) =>
        this.#said('put', () => sink.put(checkMac(mac), checkTarget(target, family), checkTtl(options?.ttl))),
      withdraw: (mac: string) => this.#said('withdraw', () => sink.withdraw(checkMac(mac))),
      moved: (ip: string, mac: string) => this.#said('moved', () => sink.moved(checkIp(ip), checkMac(mac))),
      degrade: (reason: string) => this.#unlessStopped(() => health.degrade('plugin', shown(reason))),
      restore: () => this.#unlessStopped(() => health.restore('plugin')),
    });
  }

  /** Something the plugin says unasked. Nonsense degrades the overlay until something sensible is said. */
  #said(what: string, action: () => void): void {
    this.#unlessStopped(() => {
      const { health } = this.#options;
      try {
        action();
        health.restore('push');
      } catch (thrown) {
        health.degrade('push', `search plugin ${this.name}: ${what}: ${wordsOf(thrown)}`);
      }
    });
  }

  #unlessStopped(action: () => void): void {
    if (!this.#abort.signal.aborted) action();
  }
}

function nothing(): void {}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
