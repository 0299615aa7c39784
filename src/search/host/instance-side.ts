/**
 * The instance's side of a host: loads the plugin, makes its instance, puts the host's questions to it and says what it
 * answers. Runs where the plugin does and touches nothing but the plugin; whatever that does wrong becomes a fault.
 */
import type {
  Ending,
  Entry,
  Plugin,
  PluginContext,
  PluginLog,
  PropertyValue,
  Reply,
  Target,
  Validity,
} from '../api.js';

import {
  ABILITIES,
  type AboutOverlay,
  type EntriesPage,
  type LogLevel,
  type Manifest,
  type Message,
  type Said,
} from './messages.js';
import { plainAnswer, plainTarget, plainText, plainVteps } from './plain.js';
import { shown, wordsOf } from './words.js';

type Asked = Extract<Message, { kind: 'ask' }>;
type Method = (...args: readonly unknown[]) => unknown;

/** Any instance: whatever may be missing is looked for by name. */
type AnyInstance = Record<string, unknown>;

export class InstanceSide {
  readonly #load: () => Reply<Plugin>;
  #say: (said: Said) => void;
  readonly #abort = new AbortController();
  #instance: AnyInstance | null = null;
  #entries: AsyncIterator<Entry> | Iterator<Entry> | null = null;

  /** `load` may throw whatever a module throws when it is imported. */
  constructor(load: () => Reply<Plugin>, say: (said: Said) => void) {
    this.#load = load;
    this.#say = say;
  }

  async ask({ id, question, args }: Asked): Promise<void> {
    try {
      const value = this.#answer(question, args);
      const answer = plainAnswer(question, isThenable(value) ? await value : value);
      this.#say({ kind: 'answer', id, value: answer });
    } catch (thrown) {
      this.#say({ kind: 'fault', id, words: wordsOf(thrown) });
    }
  }

  #answer(question: Asked['question'], args: readonly unknown[]): unknown {
    switch (question) {
      case 'describe':
        return this.#describe();
      case 'create':
        return this.#create(args[0] as AboutOverlay, args[1] as Record<string, PropertyValue>);
      case 'leaveEntries':
        return this.#leaveEntries();
      case 'stop':
        return this.#stop(args);
      case 'entries':
        return this.#entriesPage(args[0] as number);
      default:
        return this.#call(question, args);
    }
  }

  /** The host is gone: an instance that was not told to stop is told now. Nobody hears what it still says. */
  leave(): void {
    this.#say = () => {};
    if (!this.#abort.signal.aborted)
      void this.ask({ kind: 'ask', id: 0, question: 'stop', args: ['to_resume'] satisfies [Ending] });
  }

  #stop(args: readonly unknown[]): unknown {
    this.#abort.abort();
    // Nobody waits for the end of the walk: one that hangs must not keep the instance from being stopped.
    void this.#leaveEntries().catch(() => {});
    return this.#instance === null ? undefined : this.#call('stop', args);
  }

  async #describe(): Promise<Record<keyof Manifest, unknown>> {
    const { name, mode, properties, encapsulations } = await this.#load();
    return { name, mode, properties, encapsulations };
  }

  #create(overlay: AboutOverlay, values: Readonly<Record<string, PropertyValue>>): Reply<string[]> {
    const plugin = this.#load();
    return plugin instanceof Promise
      ? plugin.then((it) => this.#make(it, values, this.#context(overlay)))
      : this.#make(plugin, values, this.#context(overlay));
  }

  #make(plugin: Plugin, values: Readonly<Record<string, PropertyValue>>, context: PluginContext): string[] {
    if (this.#abort.signal.aborted) throw new Error('it was stopped before it was made');
    const instance: unknown = plugin.create(context, Object.freeze({ ...values }));
    if (typeof instance !== 'object' || instance === null) throw new Error('create() answered no object');
    this.#instance = instance as AnyInstance;
    const needed = ['start', 'stop', plugin.mode === 'point' ? 'target' : 'lookup'];
    const missing = needed.filter((name) => typeof this.#instance?.[name] !== 'function');
    if (missing.length > 0) throw new Error(`the instance has no ${missing.join('(), no ')}()`);
    return ABILITIES.filter((name) => typeof this.#instance?.[name] === 'function');
  }

  /** What the instance cannot do answers nothing. */
  #call(name: string, args: readonly unknown[]): unknown {
    const method = this.#instance?.[name];
    if (this.#instance === null) throw new Error('there is no instance');
    if (typeof method !== 'function') return undefined;
    const frozen = args.map((arg) => (typeof arg === 'object' ? Object.freeze(arg) : arg));
    return (method as Method).apply(this.#instance, frozen);
  }

  /** The next entries; the first call begins the walk. */
  async #entriesPage(most: number): Promise<EntriesPage> {
    this.#entries ??= iteratorOf(this.#call('entries', []));
    const walk = this.#entries;
    const entries: Entry[] = [];
    while (entries.length < most) {
      const next = await walk.next();
      if (next.done === true) {
        this.#entries = null;
        return { entries, isLast: true };
      }
      entries.push(next.value);
    }
    return { entries, isLast: false };
  }

  /** Lets a generator run its `finally`. */
  async #leaveEntries(): Promise<void> {
    const walk = this.#entries;
    this.#entries = null;
    await walk?.return?.();
  }

  #context({ vni, listen, tunnelPort }: AboutOverlay): PluginContext {
    const say = (said: Said) => {
      if (!this.#abort.signal.aborted) this.#say(said);
    };
    return Object.freeze({
      vni,
      listen: Object.freeze(listen),
      tunnelPort,
      log: this.#log(),
      signal: this.#abort.signal,
      put: (mac: string, target: Target, options?: Validity) =>
        say({ kind: 'put', mac: plainText(mac), target: plainTarget(target), ttl: plainText(options?.ttl) }),
      withdraw: (mac: string) => say({ kind: 'withdraw', mac: plainText(mac) }),
      moved: (ip: string, mac: string) => say({ kind: 'moved', ip: plainText(ip), mac: plainText(mac) }),
      vteps: (ips: readonly string[]) => say({ kind: 'vteps', ips: plainVteps(ips) }),
      floodChanged: () => say({ kind: 'floodChanged' }),
      degrade: (reason: string) => say({ kind: 'degrade', reason: shown(reason) }),
      restore: () => say({ kind: 'restore' }),
    });
  }

  #log(): PluginLog {
    const at = (level: LogLevel) => (message: string, fields?: object) =>
      this.#say({ kind: 'log', level, message, fields });
    return Object.freeze({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function iteratorOf(walked: unknown): AsyncIterator<Entry> | Iterator<Entry> {
  const { [Symbol.asyncIterator]: slow, [Symbol.iterator]: quick } = Object(walked) as Partial<AsyncIterable<Entry>> &
    Partial<Iterable<Entry>>;
  if (typeof slow === 'function') return slow.call(walked as AsyncIterable<Entry>);
  if (typeof quick === 'function') return quick.call(walked as Iterable<Entry>);
  throw new Error('entries() answered nothing that can be walked');
}
