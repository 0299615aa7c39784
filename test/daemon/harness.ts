/** One overlay's upcalls around a small plugin, over a recording datapath and a clock that only the test moves. */
import assert from 'node:assert/strict';
import { Neighbours } from '../../src/daemon/forwarding/neighbours.js';
import { Targets } from '../../src/daemon/forwarding/targets.js';
import { Health } from '../../src/daemon/health/health.js';
import { Durations, type UpcallDurations } from '../../src/daemon/upcalls/durations.js';
import { Upcalls } from '../../src/daemon/upcalls/questions.js';
import type { LocalVnic } from '../../src/daemon/upcalls/types.js';
import type { FdbTarget, MissUpcall, ProxyUpcall } from '../../src/datapath/types.js';
import { isOwnEndpoint } from '../../src/overlay-properties/listen.js';
import type {
  AddressLearning,
  DynamicInstance,
  DynamicPlugin,
  PluginContext,
  PluginLog,
} from '../../src/search/api.js';
import { Deadlines } from '../../src/search/host/deadlines.js';
import { PluginHost } from '../../src/search/host/host.js';
import { PluginCounts, type PluginHealth, type PluginSink } from '../../src/search/host/types.js';
import { localChannels } from '../support/local-channel.js';
import { OVERLAY, RecordingDatapath } from './recording-datapath.js';

export const LISTEN = { ip: '10.88.88.69', port: 4789 };
export const PEER = { ip: '10.88.88.70', port: 4789 };
export const OTHER_PEER = { ip: '10.88.88.71', port: 4789 };
export const OWN_MAC = 'de:ad:be:ef:00:00';
export const MAC = 'de:ad:be:ef:00:01';
export const NEGATIVE_TTL_MS = 1000;

export const silentLog: PluginLog = { debug() {}, info() {}, warn() {}, error() {} };

/** A plugin whose instance is whatever `parts` has; the rest does nothing. `context` is there once it was created. */
export function pluginOf(parts: Partial<DynamicInstance>): DynamicPlugin & { context(): PluginContext } {
  let created: PluginContext | undefined;
  return {
    name: 'small',
    mode: 'dynamic',
    properties: [],
    create(context) {
      created = context;
      return { start() {}, stop() {}, lookup: () => null, ...parts };
    },
    context() {
      assert(created !== undefined);
      return created;
    },
  };
}

export interface Harness {
  readonly datapath: RecordingDatapath;
  readonly health: Health;
  readonly targets: Targets;
  readonly upcalls: Upcalls;
  readonly durations: UpcallDurations;
  readonly host: PluginHost;
  /** Another instance: not started, and nobody asks it before {@link serve}. */
  hostOf(plugin: DynamicPlugin, sinks: PluginSink & PluginHealth): PluginHost;
  serve(host: PluginHost): void;
  readonly vnics: Map<number, LocalVnic>;
  readonly context: PluginContext;
  /** Addresses that MACs were heard to use: `MAC IP`. */
  readonly heard: readonly string[];
  /** MACs of VNICs that the plugin has elsewhere. */
  readonly contested: readonly string[];
  readonly neighbours: Neighbours;
  /** Times that the plugin said that it floods elsewhere. */
  readonly floodChanges: () => number;
  /** Why instances were given up. */
  readonly deaths: readonly string[];
  /** Lets everything ready happen, moves the clock and tells everyone. */
  pass(ms: number): Promise<void>;
  /** Milliseconds of that clock. */
  now(): number;
  fdb(mac: string): FdbTarget | undefined;
}

export interface HarnessOptions {
  anyMacVnic?: number | null;
  fdbSize?: number;
  hasPlugin?: boolean;
  floodsUnknownOwners?: boolean;
  suppress?: AddressLearning;
}

export async function harness(parts: Partial<DynamicInstance>, options: HarnessOptions = {}): Promise<Harness> {
  let nowMs = 1_000_000;
  const now = () => nowMs;
  const datapath = new RecordingDatapath();
  const deadlines = new Deadlines(now);
  const health = new Health();
  const vnics = new Map<number, LocalVnic>([[1, { index: 1, mac: OWN_MAC }]]);
  datapath.fdbPut(OVERLAY, OWN_MAC, { kind: 'local', vnic: 1 }, { isStatic: true });
  const targets = new Targets({
    fdb: datapath,
    overlay: OVERLAY,
    fdbSize: options.fdbSize ?? 1024,
    isOwn: (endpoint) => isOwnEndpoint(LISTEN, endpoint),
    anyMacVnic: () => options.anyMacVnic ?? null,
    nowMs,
  });
  const plugin = pluginOf(parts);
  const sink = {
    put: (...args: Parameters<Upcalls['put']>) => upcalls.put(...args),
    withdraw: (mac: string) => void upcalls.withdraw(mac),
    moved: (ip: string, mac: string) => upcalls.moved(ip, mac),
    vteps: (ips: readonly string[]) => upcalls.vteps(ips),
    floodChanged: () => upcalls.floodChanged(),
  };
  const deaths: string[] = [];
  const vteps: (readonly string[])[] = [];
  const hostWith = (of: DynamicPlugin, to: { sink: PluginSink; health: PluginHealth }) =>
    new PluginHost({
      name: of.name,
      open: localChannels(of).open,
      ...{ values: {}, vni: 23, family: 4, log: silentLog, deadlines, counts: new PluginCounts(), ...to },
      onDeath: ({ message }) => deaths.push(message),
    });
  const host = hostWith(plugin, { sink, health });
  await host.start();
  const asked = options.hasPlugin === false ? null : host;
  const overlay = {
    index: OVERLAY,
    vni: 23,
    log: silentLog,
    health,
    plugin: asked,
    starting: null,
    isPoint: false,
    negativeTtlMs: NEGATIVE_TTL_MS,
    floodsUnknownOwners: options.floodsUnknownOwners ?? false,
    mtu: 1450,
    dhcpMtuOption: 'missing' as const,
    ndpMtuOption: 'missing' as const,
    vnics,
  };
  const durations = { miss: new Durations(), proxy: new Durations() };
  const heard: string[] = [];
  const contested: string[] = [];
  const neighbours = new Neighbours();
  neighbours.configure(options.suppress ?? null);
  let floodChanges = 0;
  const upcalls = new Upcalls({
    ...{ datapath, overlay, targets, durations, now, neighbours },
    vteps: (ips) => void vteps.push(ips),
    floodChanged: () => void floodChanges++,
    heardAddress: (mac, ip) => void heard.push(`${mac} ${ip}`),
    movedAddress() {},
    contested: (mac) => void contested.push(mac),
  });
  return {
    heard,
    contested,
    neighbours,
    floodChanges: () => floodChanges,
    datapath,
    health,
    targets,
    upcalls,
    durations,
    host,
    hostOf: (of, sinks) => hostWith(of, { sink: sinks, health: sinks }),
    serve(other) {
      overlay.plugin = other;
    },
    vnics,
    context: plugin.context(),
    deaths,
    now,
    async pass(ms) {
      await settled();
      nowMs += ms;
      deadlines.tick(nowMs);
      targets.tick(nowMs);
      await settled();
    },
    fdb: (mac) => datapath.fdb.get(mac)?.target,
  };
}

/** What the FDB says, in short. */
export const remote = (endpoint: { ip: string; port: number }) => ({ kind: 'remote', endpoint });
export const dropped = (reason: string) => ({ kind: 'drop', reason });

/** Everything that was ready to happen has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function miss(mac: string): MissUpcall {
  return { kind: 'miss', overlay: OVERLAY, vnic: 1, mac, sourceMac: OWN_MAC, etherType: 0x0800, vlan: 0 };
}

export function proxyRecord(kind: ProxyUpcall['kind'], frame: Uint8Array, sourceMac = OWN_MAC, vnic = 1): ProxyUpcall {
  return { kind, overlay: OVERLAY, vnic, sourceMac, vlan: 0, frame };
}

/** A promise that the test settles when it likes. */
export function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
