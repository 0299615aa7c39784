/**
 * The `svp` plugin: a client of the Service Volume Protocol, version 1. Servers know where each MAC is and which MAC
 * has an IP address, and keep a log of what this host must forget. docs/svp.md says what it speaks and how it differs
 * from the plugin of illumos that it re-creates.
 */
import { ipFamily, isMulticastMac, parseIp } from '../../../address.js';
import type { Answer, DynamicInstance, DynamicPlugin, Owner, PluginContext, PropertyValue, Query } from '../../api.js';
import { notUnicast } from '../underlay.js';
import { Claims } from './claims.js';
import { REAL_ENVIRONMENT, type SvpEnvironment } from './environment.js';
import { SvpHealth } from './health.js';
import { InvalidationLog } from './log.js';
import { type Question, type Vl3Answer, vl2, vl3 } from './messages.js';
import { Pool } from './pool.js';
import { Rechecks } from './rechecks.js';
import type { LogRecord } from './records.js';

type Values = Readonly<Record<string, PropertyValue>>;

const HOST = 'svp/host';
const PORT = 'svp/port';
const UNDERLAY_IP = 'svp/underlay_ip';
const DEFAULT_PORT = 1296;
/** The host's question about an announcement comes within this time. */
const ANNOUNCED_MS = 1000;
/** RFC 1123 section 2.1, and underscores, which DNS has none of but people do. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

export const svp: DynamicPlugin = {
  name: 'svp',
  mode: 'dynamic',
  properties: [
    { name: HOST, type: 'string', required: true, help: 'name or address of the servers' },
    {
      name: PORT,
      type: 'uint',
      required: false,
      default: DEFAULT_PORT,
      range: [1, 65535],
      help: 'TCP port of the servers',
    },
    { name: UNDERLAY_IP, type: 'ip', required: true, help: "this host's address as the servers' log knows it" },
  ],
  create: (context, values) => new SvpInstance(context, values),
};

export class SvpInstance implements DynamicInstance {
  readonly #context: PluginContext;
  readonly #environment: SvpEnvironment;
  readonly #values: Values;
  readonly #health: SvpHealth;
  readonly #pool: Pool;
  readonly #claims: Claims;
  readonly #log: InvalidationLog;
  readonly #rechecks: Rechecks;
  /** Owners that the host was told of: it asks about each that it announces. */
  readonly #announced = new Map<string, { readonly owner: Owner; readonly atMs: number }>();
  /** Of every question for an owner under way: the MACs taken back since it was asked. */
  readonly #takenBack = new Set<Set<string>>();

  constructor(context: PluginContext, values: Values, environment: SvpEnvironment = REAL_ENVIRONMENT) {
    this.#context = context;
    this.#environment = environment;
    this.#values = values;
    const { log, vni } = context;
    const [host, port, underlayIp] = [
      String(values[HOST]),
      Number(values[PORT] ?? DEFAULT_PORT),
      String(values[UNDERLAY_IP]),
    ];
    const health = new SvpHealth(context);
    this.#health = health;
    const pool = new Pool({ host, port, environment, health, log: (message, fields) => log.info(message, fields) });
    const name = `vxlane svp ${host} ${port} ${underlayIp}`;
    const onHandled = (records: readonly LogRecord[]) => void this.#log.handledElsewhere(records);
    this.#claims = new Claims({ name, vni, environment, onHandled });
    this.#pool = pool;
    this.#rechecks = new Rechecks(environment);
    this.#log = new InvalidationLog({
      ...{ vni, underlayIp, pool, health, environment, claims: this.#claims },
      apply: (record) => this.#apply(record),
      warn: (message, fields) => log.warn(message, fields),
    });
  }

  /** Does not wait for a server: one that is away may come, and what is asked until then waits. */
  start(): void {
    checkValues(this.#values);
    this.#context.signal.addEventListener('abort', () => void this.stop(), { once: true });
    this.#claims.start();
    this.#pool.start();
    this.#log.start();
  }

  /** What was to be done once more is left to another instance of this vnetid, if there is one, as in a swap. */
  async stop(): Promise<void> {
    this.#log.stop();
    this.#claims.handled(this.#rechecks.records);
    this.#claims.stop();
    this.#rechecks.stop();
    await this.#pool.stop();
  }

  async lookup(query: Query): Promise<Answer | null> {
    if (isMulticastMac(query.mac)) return null;
    const target = await this.#ask(vl2(query.mac, this.#context.vni));
    return target === null ? null : Object.freeze({ target });
  }

  arp(ip: string): Promise<Owner | null> {
    return this.#owner(ip);
  }

  ndp(ip: string): Promise<Owner | null> {
    const announced = this.#announced.get(ip);
    this.#announced.delete(ip);
    return announced === undefined || this.#isOld(announced) ? this.#owner(ip) : Promise.resolve(announced.owner);
  }

  async #owner(ip: string): Promise<Owner | null> {
    const found = await this.#vl3(ip);
    return found === null ? null : Object.freeze({ mac: found.mac });
  }

  /** The answer also says where the MAC is: said at once, it saves the question that would come next. */
  async #vl3(ip: string): Promise<Vl3Answer | null> {
    const takenBack = new Set<string>();
    this.#takenBack.add(takenBack);
    try {
      const found = await this.#ask(vl3(ip, this.#context.vni));
      // a record of the log may be younger than this answer
      if (found !== null && !takenBack.has(found.mac)) this.#context.put(found.mac, found.target);
      return found;
    } finally {
      this.#takenBack.delete(takenBack);
    }
  }

  /** A question that fails degrades the overlay at once: the host takes a plugin that fails in silence for broken. */
  async #ask<T>(question: Question<T>): Promise<T> {
    try {
      const answer = await this.#pool.ask(question);
      this.#health.set('answers', null);
      return answer;
    } catch (thrown) {
      this.#health.set('answers', thrown instanceof Error ? thrown.message : String(thrown));
      throw thrown;
    }
  }

  /** Once now, and once more when no server can have the old answer in its cache any longer. */
  async #apply(record: LogRecord): Promise<void> {
    await this.#follow(record);
    this.#planRecheck(record);
  }

  #planRecheck(record: LogRecord): void {
    this.#rechecks.plan(record, () => {
      this.#follow(record).catch(() => this.#planRecheck(record));
    });
  }

  async #follow(record: LogRecord): Promise<void> {
    if (record.kind === 'vl2') {
      for (const each of this.#takenBack) each.add(record.mac);
      this.#context.withdraw(record.mac);
      return;
    }
    const found = await this.#vl3(record.ip);
    if (found !== null) this.#announce(record.ip, found.mac);
  }

  /** For IPv6 the host asks at once whether the owner is a router: the answer is here already, and good for once. */
  #announce(ip: string, mac: string): void {
    for (const [before, announced] of this.#announced) if (this.#isOld(announced)) this.#announced.delete(before);
    if (ipFamily(ip) === 6) this.#announced.set(ip, { owner: Object.freeze({ mac }), atMs: this.#environment.nowMs() });
    this.#context.moved(ip, mac);
  }

  #isOld({ atMs }: { atMs: number }): boolean {
    return this.#environment.nowMs() - atMs >= ANNOUNCED_MS;
  }
}

function checkValues(values: Values): void {
  const host = String(values[HOST] ?? '');
  if (parseIp(host) === null && !HOST_NAME.test(host)) {
    throw new Error(`${HOST}=${host}: expected a host name or an IP address; a port is ${PORT}`);
  }
  const ip = String(values[UNDERLAY_IP]);
  const reason = notUnicast(ip);
  if (reason !== null) throw new Error(`${UNDERLAY_IP}=${ip}: ${reason}; expected the address of one host`);
}
