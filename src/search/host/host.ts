/**
 * Runs one instance of a search plugin for one overlay, behind a channel to wherever its code runs. Every question has
 * a fence (a throw, a rejection, a hang and the end of the thread become a PluginFault) and every value that comes out
 * is checked. Only plain data crosses, in either direction.
 *
 * A host lives once: start, stop. Another try is another host.
 */
import { messageOf } from '../../errors.js';
import type { Answer, Ending, Endpoint, Entry, Flood, Local, Move, Owner, Query, Target } from '../api.js';
import { checkAnswer, checkFlood, checkOwner, checkPage, checkPlaces, checkServer, checkTarget } from './answers.js';
import type { Channel, Place } from './channel.js';
import { DeadlinePassed } from './deadlines.js';
import { handOver, type Pushed } from './hand-over.js';
import { LineLimit, LOG_LINES_PER_SECOND } from './line-limit.js';
import { LocalsTold } from './locals-told.js';
import type { Ability, QuestionName, Questions, Said } from './messages.js';
import { MovesTold } from './moves-told.js';
import { type Askable, type HostOptions, PluginFault } from './types.js';
import { VtepLists } from './vtep-lists.js';
import { shown, shownFields, wordsOf } from './words.js';

/** A question is answered within this time, or it counts as failed. */
export const LOOKUP_DEADLINE_MS = 3000;
/** A plugin may read a million entries before it can answer. */
export const START_DEADLINE_MS = 60_000;
export const STOP_DEADLINE_MS = 2000;
/** An instance whose questions fail this often without a good answer in between is given up, unless it said why. */
export const FAULTS_IN_A_ROW_MAX = 3;
/** Entries that are asked for at once. */
const ENTRIES_PAGE = 1024;

type Asked = Readonly<Record<'resolve' | 'reject', (value: unknown) => void>>;

export class PluginHost implements Askable {
  readonly name: string;
  readonly #options: HostOptions;
  readonly #channel: Channel;
  readonly #asked = new Map<number, Asked>();
  #nextId = 0;
  #abilities: ReadonlySet<string> = new Set();
  #faultsInARow = 0;
  readonly #movesTold: MovesTold;
  readonly #localsTold: LocalsTold;
  /** The instance's side has half of it; what is said in its place is bounded here. */
  readonly #lines = new LineLimit(2 * LOG_LINES_PER_SECOND);
  readonly #vtepLists = new VtepLists((ips) => this.#pushed({ kind: 'vteps', ips }));
  #hasDegraded = false;
  /** Why the instance is asked and heard no more; null while it is. */
  #end: PluginFault | null = null;
  #isRetired = false;
  #stopped: Promise<void> | null = null;

  constructor(options: HostOptions) {
    this.#options = options;
    this.name = options.name;
    this.#movesTold = new MovesTold(options.log);
    this.#localsTold = new LocalsTold(options.log, (mac, local) => {
      if (local === null) return this.#ask('localRemoved', [mac], LOOKUP_DEADLINE_MS, nothing, mac);
      return this.#ask('localAdded', [local], LOOKUP_DEADLINE_MS, nothing, mac);
    });
    this.#channel = options.open({
      said: (parcel) => {
        for (const said of parcel) this.#heard(said);
      },
      ended: (reason, sharers) => this.#lost(reason, sharers),
    });
  }

  get place(): Place {
    return this.#channel.place;
  }

  can(ability: Ability): boolean {
    return this.#abilities.has(ability);
  }

  /** Makes the instance and starts it. After a rejection it must still be stopped. */
  async start(): Promise<void> {
    const { vni, values, listen, tunnelPort } = this.#options;
    const args: Questions['create'] = [{ vni, listen, tunnelPort }, values];
    this.#abilities = await this.#ask('create', args, START_DEADLINE_MS, (value) => new Set(value as string[]));
    await this.#ask('start', [], START_DEADLINE_MS, nothing);
    this.#vtepLists.flush(this.#options.deadlines.now()); // it serves by the last one that it told before
  }

  /** Ends the instance; what it still says is ignored. Never rejects: a plugin that cannot stop is logged. */
  stop(ending: Ending = 'to_resume', next?: HostOptions['values']): Promise<void> {
    this.#stopped ??= this.#stop(next === undefined ? [ending] : [ending, next]);
    return this.#stopped;
  }

  async #stop(args: Questions['stop']): Promise<void> {
    const isDead = this.#end !== null && !this.#isRetired;
    this.retire();
    try {
      if (!isDead) await this.#ask('stop', args, STOP_DEADLINE_MS, nothing);
    } catch (thrown) {
      this.#options.log.warn(messageOf(thrown));
    }
    await this.#channel.close();
  }

  /** Asks no more and hears no more: what was asked has failed. Its thread ends with `stop`. */
  retire(): void {
    if (this.#end !== null) return;
    this.#isRetired = true;
    this.#localsTold.end();
    this.#end = new PluginFault(`search plugin ${this.name} was stopped`, false, null);
    for (const { reject } of this.#asked.values()) reject(this.#end);
  }

  /** Time has passed: an instance whose thread loops is ended. */
  watch(nowMs: number): void {
    if (this.#end === null) this.#channel.watch(nowMs);
    if (this.#end === null) this.#vtepLists.look(nowMs);
  }

  reload(): Promise<void> {
    return this.#ask('reload', [], START_DEADLINE_MS, nothing);
  }

  change(values: HostOptions['values']): Promise<void> {
    return this.#ask('change', [values], LOOKUP_DEADLINE_MS, nothing);
  }

  /** The one destination of a point plugin. */
  target(): Promise<Target> {
    return this.#ask('target', [], LOOKUP_DEADLINE_MS, (value) => checkTarget(value, this.#options));
  }

  /** null: it floods nothing. */
  flood(): Promise<Flood | null> {
    if (!this.can('flood')) return Promise.resolve(null);
    return this.#ask('flood', [], LOOKUP_DEADLINE_MS, (value) => checkFlood(value, this.#options));
  }

  /** Everything it knows, as far as it tells, a page at a time. To walk no further ends the plugin's own walk. */
  async *entries(): AsyncGenerator<readonly Entry[]> {
    let isLast = !this.can('entries');
    try {
      while (!isLast) {
        const page = await this.#ask('entries', [ENTRIES_PAGE], LOOKUP_DEADLINE_MS, (value) =>
          checkPage(value, this.#options, ENTRIES_PAGE),
        );
        ({ isLast } = page);
        yield page.entries;
      }
    } finally {
      if (!isLast && this.#end === null) void this.#ask('leaveEntries', [], LOOKUP_DEADLINE_MS, nothing).catch(nothing);
    }
  }

  lookup(query: Query): Promise<Answer | null> {
    return this.#question('lookup', [query], query.mac, (value) => checkAnswer(value, this.#options));
  }

  arp(ip: string, vlan: number): Promise<Owner | null> {
    return this.#question('arp', [ip, vlan], ip, checkOwner);
  }

  ndp(ip: string, vlan: number): Promise<Owner | null> {
    return this.#question('ndp', [ip, vlan], ip, checkOwner);
  }

  dhcp(mac: string): Promise<string | null> {
    return this.#question('dhcp', [mac], mac, checkServer);
  }

  /** No frame waits for it: an instance that cannot say it serves as before. */
  async candidates(mac: string): Promise<readonly Endpoint[]> {
    if (!this.can('candidates')) return [];
    return this.#ask('candidates', [mac], LOOKUP_DEADLINE_MS, (value) => checkPlaces(value, this.#options), mac);
  }

  /** Never rejects; see {@link MovesTold.tell}. */
  async moved(move: Move): Promise<string | null> {
    if (!this.can('moved') || this.#end !== null) return null;
    return this.#movesTold.tell(() => this.#ask('moved', [move], LOOKUP_DEADLINE_MS, nothing, move.mac));
  }

  /** A MAC is here, with addresses of its own, or with null no more. Nobody waits for it. */
  local(mac: string, local: Local | null): void {
    if (this.#end === null && this.can(local ? 'localAdded' : 'localRemoved')) this.#localsTold.tell(mac, local);
  }

  /** A question of the packet path. What the instance cannot do answers null. */
  async #question<T>(
    question: 'lookup' | 'arp' | 'ndp' | 'dhcp',
    args: readonly unknown[],
    of: string,
    check: (value: unknown) => T,
  ): Promise<T | null> {
    if (question !== 'lookup' && !this.can(question)) return null;
    const { counts } = this.#options;
    counts.questions++;
    try {
      const answer = await this.#ask(question, args as Questions[typeof question], LOOKUP_DEADLINE_MS, check, of);
      this.#faultsInARow = 0;
      return answer;
    } catch (thrown) {
      if (this.#end === null) this.#failed(thrown as PluginFault);
      throw thrown;
    }
  }

  #failed(fault: PluginFault): void {
    this.#options.counts.faults++;
    if (fault.isTimeout) this.#options.counts.timeouts++;
    if (++this.#faultsInARow < FAULTS_IN_A_ROW_MAX || this.#hasDegraded) return;
    this.#die(
      `search plugin ${this.name}: its last ${this.#faultsInARow} questions failed; the last one: ${wordsOf(fault)}`,
      fault,
    );
  }

  /** The fence. Of one that has ended nothing is asked but `stop`: nobody might answer. */
  async #ask<Q extends QuestionName, T>(
    question: Q,
    args: Questions[Q],
    deadlineMs: number,
    check: (value: unknown) => T,
    of?: string,
  ): Promise<T> {
    if (this.#end !== null && question !== 'stop') throw this.#end;
    const what = of === undefined ? question : `${question} of ${of}`;
    const id = this.#nextId++;
    try {
      const answer = new Promise((resolve, reject) => {
        this.#asked.set(id, { resolve, reject });
        this.#channel.send({ kind: 'ask', id, question, args });
      });
      return check(await this.#options.deadlines.within(deadlineMs, what, answer));
    } catch (thrown) {
      throw this.#fault(what, thrown);
    } finally {
      this.#asked.delete(id);
    }
  }

  #fault(what: string, thrown: unknown): PluginFault {
    if (thrown instanceof PluginFault) return thrown;
    if (thrown instanceof DeadlinePassed) {
      return new PluginFault(`search plugin ${this.name}: ${thrown.message}`, true, thrown);
    }
    return new PluginFault(`search plugin ${this.name}: ${what}: ${wordsOf(thrown)}`, false, thrown);
  }

  #lost(reason: string, sharers: number): void {
    if (sharers === 0) this.#die(`search plugin ${this.name} ${reason}`, null);
    else this.#die(`search plugin ${this.name}: one of ${sharers} that shared a thread ${reason}`, null, true);
  }

  #die(reason: string, cause: unknown, isShared = false): void {
    if (this.#end !== null) return;
    this.#options.counts.deaths++;
    this.#end = new PluginFault(reason, false, cause, isShared);
    for (const { reject } of this.#asked.values()) reject(this.#end);
    this.#options.onDeath(this.#end);
  }

  #heard(said: Said): void {
    if (said.kind === 'answer') this.#asked.get(said.id)?.resolve(said.value);
    else if (said.kind === 'fault') this.#asked.get(said.id)?.reject(new Error(said.words));
    else if (said.kind === 'log') this.#logged(said);
    else if (this.#end === null) this.#saidUnasked(said);
  }

  #logged(line: Extract<Said, { kind: 'log' }>): void {
    const { log, deadlines } = this.#options;
    for (const { level, message, fields } of this.#lines.admit(line, deadlines.now())) {
      log[level](shown(message), shownFields(fields) as object | undefined);
    }
  }

  #saidUnasked(said: Exclude<Said, { kind: 'answer' | 'fault' | 'log' }>): void {
    const { health } = this.#options;
    if (said.kind === 'degrade') {
      this.#hasDegraded = true;
      health.degrade('plugin', shown(said.reason));
    } else if (said.kind === 'restore') {
      this.#hasDegraded = false;
      health.restore('plugin');
    } else if (said.kind === 'vteps') this.#vtepLists.told(said.ips, this.#options.deadlines.now());
    else this.#pushed(said);
  }

  /** Nonsense degrades the overlay until something sensible is said. */
  #pushed(said: Pushed): void {
    const { health, sink } = this.#options;
    try {
      handOver(said, sink, this.#options);
      health.restore('push');
    } catch (thrown) {
      health.degrade('push', `search plugin ${this.name}: ${said.kind}: ${wordsOf(thrown)}`);
    }
  }
}

function nothing(): void {}
