/** What etcd says, and what is on this host written there: `etcd/register`. */
import { formatEndpoint, macToNumber } from '../../../address.js';
import type { Ending, Endpoint, Flood, Local, Owner, Target } from '../../api.js';
import { ipv4Key, ipv4Text, ipv6Key, ipv6Text } from '../files/keys.js';
import { tunnelPortOf, vtepOf } from '../underlay.js';
import { EtcdInstance, type Values } from './instance.js';
import { type Found, Register } from './register.js';
import { Takes } from './takes.js';
import { ValueReader, valueText } from './values.js';
import type { Pair, Writer } from './writer.js';

/** An instance that has these in common with another writes the same keys. */
const SAME_KEYS = ['etcd/register', 'etcd/endpoints', 'etcd/prefix'];
/** The host waits for `stop` for 2 s. */
const WITHDRAWN_WITHIN_MS = 1500;
/** Most MACs that are learned behind a VNIC. */
const HERE_MAX = 16_384;
const TICK_MS = 1000;

export class RegisteringInstance extends EtcdInstance {
  #register: Register | null = null;
  #own: Endpoint | null = null;
  readonly #values = new ValueReader(tunnelPortOf(this.context));
  readonly #takes = new Takes();
  /** MACs that are here and wait to be taken from another host, and when they may be. */
  readonly #waiting = new Map<string, { readonly local: Local; readonly untilMs: number }>();
  #ticks: NodeJS.Timeout | undefined;
  #registerTrouble: string | null = null;

  override async start(): Promise<void> {
    const { listen } = this.context;
    const ip = vtepOf('etcd/vtep', this.values['etcd/vtep'], listen);
    this.#own = { ip, port: listen?.port ?? tunnelPortOf(this.context) };
    this.#register = new Register({
      lease: Number(this.values['etcd/lease']),
      valueOf: (local) => this.#valueOf(local),
      found: (pair) => this.#found(pair),
      yielded: (mac) => this.#tellElsewhere(mac, this.table.get(macToNumber(mac))?.answer.target),
      trouble: (text) => {
        this.#registerTrouble = text;
        this.#tellTroubles();
      },
    });
    await super.start();
    this.#ticks = setInterval(() => this.#tick(performance.now()), TICK_MS).unref();
  }

  /** Keys are taken back, unless another instance writes them anew; if none does, they go with their lease. */
  override async stop(ending: Ending = 'to_resume', next: Values = this.values): Promise<void> {
    clearInterval(this.#ticks);
    const goesOn = ending === 'to_resume' && SAME_KEYS.every((name) => next[name] === this.values[name]);
    const late = new Promise<void>((resolve) => setTimeout(resolve, WITHDRAWN_WITHIN_MS).unref());
    await Promise.race([this.#register?.stop(!goesOn).catch(() => {}), late]);
    await super.stop();
  }

  /** One that comes or is heard here is taken from the host that has it, but no more often than it may be. */
  localAdded(local: Local): void {
    const { mac } = local;
    const nowMs = performance.now();
    const target = this.table.get(macToNumber(mac))?.answer.target;
    const waitMs = local.resumed !== true && this.#isOfAnother(mac, target) ? this.#takes.take(mac, nowMs) : 0;
    if (waitMs === 0) {
      this.#waiting.delete(mac);
      this.#register?.want(local);
    } else {
      this.#waiting.set(mac, { local, untilMs: nowMs + waitMs });
      this.#tellElsewhere(mac, target);
    }
    this.#tellTroubles();
  }

  /** What this host is about to write counts as written. */
  #isOfAnother(mac: string, target: Target | undefined): boolean {
    if (this.#register?.has(mac) === true) return this.#register.isYielded(mac);
    return this.#placeOf(target) !== null;
  }

  localRemoved(mac: string): void {
    this.#waiting.delete(mac);
    this.#register?.unwant(mac);
  }

  #tick(nowMs: number): void {
    for (const { local, untilMs } of [...this.#waiting.values()]) if (nowMs >= untilMs) this.localAdded(local);
    this.#takes.age(nowMs);
    this.#tellTroubles();
  }

  #tellTroubles(): void {
    this.tellTrouble(this.#registerTrouble ?? this.#takes.summary(performance.now()));
  }

  /** Nothing: but the host is to learn what is behind its VNICs. */
  flood(): Flood {
    return { endpoints: [], here: { ageing: Number(this.values['etcd/ageing']) * 1000, max: HERE_MAX } };
  }

  override arp(ip: string): Owner | null {
    return this.#ownerHere(ip) ?? super.arp(ip);
  }

  override ndp(ip: string): Owner | null {
    return this.#ownerHere(ip) ?? super.ndp(ip);
  }

  protected override isHere(mac: string, target: Target): boolean {
    return this.#register?.has(mac) === true && !this.#isElsewhere(target);
  }

  /** The host has the MAC, and is told only that somebody else has written that he does. */
  protected override keySays(mac: string, target: Target | undefined, revision: number): void {
    if (this.#register?.has(mac) !== true) return;
    this.#register.heard(mac, { elsewhere: this.#placeOf(target), isGone: target === undefined, revision });
    if (this.#placeOf(target) === null) this.told.left(macToNumber(mac));
    else this.#tellElsewhere(mac, target);
  }

  /** The host says it when the MAC speaks here all the same. */
  #tellElsewhere(mac: string, target: Target | undefined): void {
    if (target === undefined || !this.#isElsewhere(target)) return;
    this.told.found(macToNumber(mac));
    this.context.put(mac, target);
  }

  /** Of a bad value nobody has the MAC. */
  #found({ key, value, revision }: Pair): Found {
    const { entry } = this.#values.read(key, value, revision);
    const ips = [...(entry?.arp ?? []).map(ipv4Text), ...(entry?.ndp ?? []).map(ipv6Text)];
    return { elsewhere: this.#placeOf(entry?.answer.target), ips: entry === null ? [] : ips };
  }

  /** Where a target is; null: here, or nowhere. */
  #placeOf(target: Target | undefined): string | null {
    if (target === undefined || !this.#isElsewhere(target)) return null;
    return target === 'drop' ? target : formatEndpoint(target);
  }

  protected override entered(writer: Writer): void {
    this.#register?.connected(writer);
  }

  protected override left(): void {
    this.#register?.disconnected();
  }

  #ownerHere(ip: string): Owner | null {
    const mac = this.#register?.ownerOf(ip);
    return mac === undefined ? null : { mac };
  }

  #isElsewhere(target: Target): boolean {
    return target === 'drop' || target.ip !== this.#own?.ip || target.port !== this.#own.port;
  }

  /** Who serves a client's DHCP stays as it is written. */
  #valueOf({ mac, ips }: Local): string {
    const present = <T>(key: T | null): T[] => (key === null ? [] : [key]);
    return valueText({
      answer: { target: this.#own as Endpoint },
      arp: ips.flatMap((ip) => present(ip.includes(':') ? null : ipv4Key(ip))),
      ndp: ips.flatMap((ip) => present(ip.includes(':') ? ipv6Key(ip) : null)),
      server: this.table.get(macToNumber(mac))?.server ?? null,
      revision: 0,
    });
  }
}
