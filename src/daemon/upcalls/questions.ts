/**
 * What one overlay's datapath cannot decide: it asks, the search plugin is asked, the FDB says the answer. With
 * proxies.ts the only caller of a plugin's questions.
 *
 * One question in flight per MAC. What overtakes its answer and what a failure costs is in question.ts.
 */
import type { AddressUpcall, FrameUpcall, MissUpcall, ProxyUpcall } from '../../datapath/types.js';
import type { Query, Target } from '../../search/api.js';
import { LOOKUP_DEADLINE_MS } from '../../search/host/host.js';
import { type Askable, PluginFault } from '../../search/host/types.js';
import type { Refusal } from '../forwarding/decision.js';
import { LEAST_LIFE_MS } from '../forwarding/targets.js';
import type { Relay } from '../plugin/early-pushes.js';
import { plainQuery, queryOf } from '../plugin/query.js';
import { Reconciler } from '../plugin/reconcile.js';
import { Proxies } from './proxies.js';
import { type Asker, Question } from './question.js';
import { type Rehearsal, rehearse } from './rehearsal.js';
import type { Outcome, UpcallsOptions } from './types.js';

/** A question that was answered just now: a worker may not have seen the entry yet, and hold frames for it. */
interface Recent {
  readonly query: Query;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/** What the plugin said less than so long ago is not doubted. */
const DOUBT_AFTER_MS = 1000;
/** While so many questions are in flight, nothing is. */
const DOUBTS_AMONG_MAX = 64;

export class Upcalls {
  readonly #options: UpcallsOptions;
  readonly #proxies: Proxies;
  readonly #asker: Asker;
  readonly #questions = new Map<string, Question>();
  /** By MAC, oldest first. */
  readonly #recent = new Map<string, Recent>();
  #reconciler: Reconciler | null = null;
  #isClosed = false;

  constructor(options: UpcallsOptions) {
    this.#options = options;
    this.#proxies = new Proxies(options);
    this.#asker = {
      overlay: options.overlay,
      now: options.now,
      isClosed: () => this.#isClosed,
      store: (mac, target, ttlMs) => this.#store(mac, target, ttlMs),
      ended: (question, outcome) => this.#ended(question, outcome),
    };
  }

  handle(record: FrameUpcall): void {
    if (record.kind !== 'miss') this.#proxies.handle(record);
    else if (this.#options.targets.entry(record.mac) === null) this.#miss(record);
    else this.#remember(queryOf(record, this.#options.overlay.vni), this.#options.now());
  }

  /** A host elsewhere says which address is its own. */
  heardElsewhere(record: AddressUpcall): void {
    this.#proxies.heardElsewhere(record);
  }

  /** Asks the plugin outright, and keeps nothing of the answer. */
  async consult<T>(question: (plugin: Askable) => Promise<T>): Promise<T> {
    const { plugin } = this.#options.overlay;
    if (plugin === null) throw new PluginFault('the search plugin is not running', false, null);
    return question(plugin);
  }

  /** The MAC of a host elsewhere that has an address by its own word, without a VLAN; null: none is known. */
  neighbourWith(ip: string): string | null {
    return this.#options.neighbours.ownerOf(0, ip, this.#options.now())?.mac ?? null;
  }

  /** What a proxy would make of a frame. */
  rehearse(record: ProxyUpcall): Promise<Rehearsal> {
    return rehearse(record, this.#options);
  }

  #miss(record: MissUpcall): void {
    const asked = this.#questions.get(record.mac);
    if (asked === undefined) void this.#ask(queryOf(record, this.#options.overlay.vni), this.#options.now(), true);
    else asked.isMissedAgain = true;
  }

  /** Asks the plugin and writes the answer to the FDB; joins a question that is in flight. Never rejects. */
  ask(query: Query): Promise<Outcome> {
    return this.#ask(query, this.#options.now(), false);
  }

  /** `askedAtMs`: when the frames that wait made themselves known. */
  #ask(query: Query, askedAtMs: number, hasFrames: boolean, isRecheck = false): Promise<Outcome> {
    const asked = this.#questions.get(query.mac);
    if (asked !== undefined) return asked.outcome;
    const question = new Question(this.#asker, query, askedAtMs, hasFrames, isRecheck);
    this.#questions.set(query.mac, question);
    question.begin();
    return question.outcome;
  }

  /** The plugin says so unasked. What nobody has asked for takes the room there is, and pushes nothing out. */
  put(mac: string, target: Target, ttlMs: number | undefined): void {
    const { targets } = this.#options;
    this.#reconciler?.pushed(mac);
    if (!targets.hasRoom && !this.#questions.has(mac) && targets.entry(mac) === null) return;
    if (this.#store(mac, target, ttlMs)) this.#overtake(mac, 'put');
    else this.#options.contested(mac);
  }

  /**
   * The plugin withdraws a MAC; what the operator or a VNIC says of the MAC stays, and what was learned of it from the
   * underlay. That it is here may be what has changed: if not, its next frame says so.
   */
  withdraw(mac: string): void {
    const { targets } = this.#options;
    this.#reconciler?.pushed(mac);
    if (targets.entry(mac)?.isStatic === true) return;
    if (!targets.isLearned(mac) || targets.whereIs(mac) === 'here') this.forget(mac);
  }

  /** The instance behind the relay answers from now on; what the one before it has not answered is asked again. */
  serve(relay: Relay): void {
    const { overlay, targets } = this.#options;
    for (const question of this.#questions.values()) question.overtaken = 'withdrawn';
    this.#reconciler?.end();
    this.#reconciler = new Reconciler(relay.early, targets, {
      put: (mac, target, ttl) => this.put(mac, target, ttl),
      withdraw: (mac) => this.withdraw(mac),
      moved: (ip, mac) => this.moved(ip, mac),
      saidAtMs: (mac) => targets.decision(mac)?.atMs ?? null,
      now: this.#options.now,
      recheck: (mac) => this.#ask(plainQuery(overlay.vni, mac), this.#options.now(), false, true),
    });
    for (const mac of targets.refused()) this.forget(mac);
    this.vteps(relay.early.vtepList ?? []);
    this.#reconciler.begin(overlay.isPoint);
    relay.connect(this, overlay.health);
  }

  /** The operator wants a MAC forgotten, whoever said where it is. False when nothing was known. */
  forget(mac: string): boolean {
    this.#overtake(mac, 'withdrawn');
    const wasKnown = this.#options.targets.remove(mac);
    this.#askAgain(mac);
    return wasKnown;
  }

  /** The operator sets a target. False: the table is full of static entries. */
  setStatic(mac: string, target: Target): boolean {
    if (!this.#options.targets.putStatic(mac, target, this.#options.now())) return false;
    this.#overtake(mac, 'put');
    return true;
  }

  /** A local VNIC has the MAC now. */
  tookLocally(mac: string): void {
    this.#overtake(mac, 'put');
  }

  /** A MAC that was known elsewhere is behind a VNIC here: answers that are under way count for nothing. */
  cameHere(mac: string): void {
    this.#overtake(mac, 'put');
    void this.#options.overlay.plugin?.moved({ mac, ip: null });
  }

  /** An IP address has a new owner: VNICs here that may remember the old one are told. */
  moved(ip: string, mac: string): void {
    this.#reconciler?.moved(ip);
    if (this.#isClosed) return;
    this.#options.movedAddress(ip, mac);
    this.#proxies.announce(ip, mac);
  }

  /** The plugin lists its VTEPs. */
  vteps(ips: readonly string[]): void {
    if (!this.#isClosed) this.#options.vteps(ips);
  }

  /** The plugin floods elsewhere now. */
  floodChanged(): void {
    if (!this.#isClosed) this.#options.floodChanged();
  }

  /**
   * A MAC sends from elsewhere than the plugin has said, from where nobody is known: if that is not quite new, it is
   * asked again, and what it said stands until it has answered.
   */
  doubt(mac: string): void {
    const { targets, overlay, now } = this.#options;
    const decision = targets.decision(mac);
    if (typeof decision?.target !== 'object' || decision.isStatic || decision.isLearned || this.#isClosed) return;
    if (now() - decision.atMs < DOUBT_AFTER_MS || this.#questions.size >= DOUBTS_AMONG_MAX) return;
    void this.#ask(plainQuery(overlay.vni, mac), now(), false, true);
  }

  /** The overlay goes: answers that are still to come count for nothing. */
  close(): void {
    this.#isClosed = true;
    this.#reconciler?.end();
    this.#proxies.close();
  }

  #overtake(mac: string, by: 'put' | 'withdrawn'): void {
    const question = this.#questions.get(mac);
    if (question !== undefined) question.overtaken = by;
  }

  #remember(query: Query, askedAtMs: number): void {
    const answeredAtMs = this.#options.now();
    this.#recent.delete(query.mac);
    this.#recent.set(query.mac, { query, askedAtMs, answeredAtMs });
    for (const [mac, recent] of this.#recent) {
      if (answeredAtMs - recent.answeredAtMs < LEAST_LIFE_MS) break;
      this.#recent.delete(mac);
    }
  }

  /** An entry is gone almost as soon as it was there: frames that still wait for it would wait in vain. */
  #askAgain(mac: string): void {
    const recent = this.#recent.get(mac);
    this.#recent.delete(mac);
    if (recent === undefined || this.#isClosed) return;
    const nowMs = this.#options.now();
    const isSeen = nowMs - recent.answeredAtMs >= LEAST_LIFE_MS;
    if (!isSeen && nowMs - recent.askedAtMs < LOOKUP_DEADLINE_MS) void this.#ask(recent.query, recent.askedAtMs, true);
  }

  /** Its frames may still wait: what happens to the entry soon is of their concern. */
  #ended(question: Question, outcome: Outcome): Outcome {
    const { query, askedAtMs } = question;
    this.#questions.delete(query.mac);
    if (question.hasFrames) this.#options.durations.miss.observe(this.#options.now() - askedAtMs);
    if (question.hasFrames || question.isMissedAgain) this.#remember(query, askedAtMs);
    if (outcome === 'lookup_timeout' && question.isMissedAgain && !this.#isClosed) {
      void this.#ask(query, this.#options.now(), true);
    }
    if (question.overtaken === null) return outcome;
    const target = this.#options.targets.decision(query.mac)?.target;
    return target === undefined || target === 'here' ? outcome : target;
  }

  /** The plugin's word. False: the operator's or a VNIC's stands against it, or there is no room and health says so. */
  #store(mac: string, target: Target | Refusal, ttlMs: number | undefined): boolean {
    const { targets, now, overlay } = this.#options;
    if (targets.put(mac, target, now(), ttlMs)) {
      overlay.health.restore('fdb');
      if (typeof target === 'object') overlay.health.restore('endpoints');
      return true;
    }
    if (targets.entry(mac)?.isStatic === true) return false;
    const { code, message } = targets.noRoom();
    overlay.health.degrade(code === 'fdb_full' ? 'fdb' : 'endpoints', message);
    return false;
  }
}
