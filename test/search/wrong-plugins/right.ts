/** A search plugin that does everything right; each wrong one differs from it in one thing. */
import { randomUUID } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import type { DynamicInstance, DynamicPlugin, Entry, PluginContext, PropertySpec, Query, Target } from 'vxlane/search';
import { A, type Asked, B, BEFORE, type Told } from './backend.js';

const OWN_DEADLINE_MS = 2500;

const CHANNEL: PropertySpec = { name: 'right/channel', type: 'string', required: true, help: 'where the directory is' };

/** The right plugin with other methods or another manifest. `other`: what is different of an instance. */
export function right(
  other: (instance: RightInstance, context: PluginContext) => object = () => ({}),
  manifest: object = {},
): DynamicPlugin {
  return {
    name: 'right',
    mode: 'dynamic',
    properties: [CHANNEL],
    create(context, values) {
      const instance = new RightInstance(context, String(values['right/channel']));
      return Object.assign(instance, other(instance, context));
    },
    ...manifest,
  };
}

interface Open {
  resolve(target: Target | null): void;
  reject(reason: Error): void;
}

export class RightInstance implements DynamicInstance {
  readonly context: PluginContext;
  readonly open = new Map<string, Open>();
  channel: BroadcastChannel | null = null;
  readonly #name: string;

  constructor(context: PluginContext, name: string) {
    this.context = context;
    this.#name = name;
  }

  start(): void {
    if (this.#name === 'nowhere') throw new Error('right/channel=nowhere: there is nothing');
    this.channel = new BroadcastChannel(this.#name);
    this.channel.onmessage = (event) => this.heard((event as { data: Told }).data);
  }

  stop(): void {
    this.channel?.close();
    for (const { reject } of this.open.values()) reject(new Error('stopped'));
  }

  async lookup({ mac }: Query) {
    const target = await this.ask(mac);
    return target === null ? null : { target };
  }

  async ask(mac: string): Promise<Target | null> {
    const id = randomUUID();
    const asked: Asked = { ask: id, mac };
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        if (this.channel === null) throw new Error('not started');
        this.open.set(id, { resolve, reject });
        timer = setTimeout(() => reject(new Error('the directory does not answer')), OWN_DEADLINE_MS);
        this.channel.postMessage(asked);
      });
    } finally {
      clearTimeout(timer);
      this.open.delete(id);
    }
  }

  heard(told: Told): void {
    if ('changed' in told) this.push(told.changed, told.target);
    else if ('trouble' in told) this.open.get(told.to)?.reject(new Error(told.trouble));
    else this.open.get(told.to)?.resolve(told.target);
  }

  push(mac: string, target: Target | null): void {
    if (target === null) this.context.withdraw(mac);
    else this.context.put(mac, target);
  }

  arp(ip: string) {
    return ip === '10.55.55.2' ? { mac: A } : null;
  }

  ndp(ip: string) {
    return ip === 'fe80::3' ? { mac: A } : null;
  }

  dhcp(mac: string) {
    return mac === B ? A : null;
  }

  reload(): void {}

  moved(): void {}

  *entries(): Iterable<Entry> {
    for (const [mac, target] of Object.entries(BEFORE)) yield { mac, target };
  }

  flood() {
    return { endpoints: [{ ip: '239.1.1.1', port: 4789 }] };
  }
}
