/** A small working controller: state in Maps, the refusals of a daemon, no interfaces and no packets. */
import { formatEndpoint, parseEndpoint, parseMac } from '../../src/address.js';
import type { Probes } from '../../src/control/probes.js';
import type {
  ConfigurationView,
  Controller,
  CreateOverlay,
  CreateVnic,
  DaemonView,
  EventFilter,
  EventPage,
  HandoverView,
  HistoryRequest,
  HistoryView,
  LookupView,
  ModifyOverlay,
  ModifyVnic,
  MoveView,
  OverlayView,
  PageRequest,
  PropertyView,
  SetLogLevel,
  SetTarget,
  StatsRequest,
  StatsView,
  StatusView,
  SuccessorView,
  TargetPage,
  TargetView,
  VnicView,
} from '../../src/control/protocol.js';
import { TARGETS_DEFAULT } from '../../src/control/protocol.js';
import { eventPage } from '../../src/daemon/commands/event-page.js';
import { EventLog } from '../../src/daemon/events/event-log.js';
import { badMac, noSuchOverlay, noSuchVnic, notFrozen, VxlaneError } from '../../src/errors.js';
import type { LogLevel } from '../../src/log-levels.js';
import { MemoryQuestions } from './memory-questions.js';

interface Overlay {
  readonly request: CreateOverlay;
  search: string;
  properties: Map<string, string>;
  readonly targets: Map<string, TargetView>;
}

export class MemoryController extends MemoryQuestions implements Controller, Probes {
  readonly overlaysByName = new Map<string, Overlay>();
  readonly vnicsByName = new Map<string, VnicView>();
  configuration: ConfigurationView | null = null;
  /** Reason of DEGRADED, by overlay. */
  readonly degraded = new Map<string, string>();
  /** What the search plugin would answer. */
  readonly directory = new Map<string, string>();
  readonly alternatives = new Map<string, string[] | null>();
  statsView: StatsView = {
    ...{ totals: {}, drops: [], overlays: [], vnics: [], endpoints: [] },
    otherSenders: { frames: 0, bytes: 0 },
  };
  /** MACs that moved, of every overlay. */
  readonly movers = new Map<string, MoveView>();
  statusView: Omit<StatusView, 'daemon'> = { overlays: [], problems: [] };
  reloads = 0;
  readonly eventLog = new EventLog();
  /** Why it is of no use. */
  illness: string | null = null;
  logLevel: LogLevel = 'info';
  /** Thrown by the next call of `daemon()`. */
  bug: unknown = null;
  /** pid of the daemon that is taking over. */
  successor: number | null = null;
  /** Set: lookups wait for it. */
  lookupGate: Promise<void> | null = null;

  metrics(): Promise<Uint8Array> {
    return Promise.resolve(Buffer.from('# TYPE up gauge\nup 1\n'));
  }

  unhealthy(): string | null {
    return this.illness;
  }

  unready(): string | null {
    return this.illness;
  }

  daemon(): DaemonView {
    if (this.bug !== null) throw this.bug;
    return {
      version: '0.0.0-test',
      pid: process.pid,
      engine: 'mmsg',
      engineReason: 'mmsg was asked for',
      underlay: { border: 'tap', reason: '' },
      capabilities: ['CAP_NET_ADMIN'],
      workers: 1,
      fdbSize: 65536,
      fdbEntries: 0,
      workerRestarts: 0,
      captures: 0,
      logLevel: this.logLevel,
      uptimeSeconds: 1,
      successor: this.successor,
      configuration: this.configuration,
    };
  }

  status(): StatusView {
    return { daemon: this.daemon(), ...this.statusView };
  }

  async replace(): Promise<SuccessorView> {
    return { pid: process.pid };
  }

  handover(): HandoverView {
    return { pid: process.pid, sockets: [], vnics: {}, learned: {} };
  }

  endHandover(): void {}

  async reload(): Promise<StatusView> {
    this.reloads++;
    return this.status();
  }

  setLogLevel({ level }: SetLogLevel): void {
    this.logLevel = level;
  }

  events(filter: EventFilter): EventPage {
    return eventPage(this.eventLog, filter);
  }

  overlays(): OverlayView[] {
    return [...this.overlaysByName.keys()].sort().map((name) => this.overlay(name));
  }

  overlay(name: string): OverlayView {
    const overlay = this.#find(name);
    const details = this.degraded.get(name) ?? '';
    return {
      name,
      vni: overlay.request.vni,
      encap: overlay.request.encap,
      search: overlay.search,
      temporary: overlay.request.temporary,
      status: details === '' ? 'ONLINE' : 'DEGRADED',
      details,
      declared: null,
      properties: propertiesOf(overlay),
    };
  }

  async createOverlay(request: CreateOverlay): Promise<OverlayView> {
    const { name } = request;
    if (this.overlaysByName.has(name)) throw new VxlaneError('overlay_exists', `overlay ${name} already exists`);
    const properties = new Map(Object.entries(request.properties));
    this.overlaysByName.set(name, { request, search: request.search, properties, targets: new Map() });
    return this.overlay(name);
  }

  async modifyOverlay(name: string, request: ModifyOverlay): Promise<OverlayView> {
    const overlay = this.#find(name);
    if (request.search !== undefined) overlay.search = request.search;
    for (const [key, value] of Object.entries(request.properties ?? {})) overlay.properties.set(key, value);
    return this.overlay(name);
  }

  async deleteOverlay(name: string): Promise<void> {
    this.#find(name);
    const users = [...this.vnicsByName.values()].filter((vnic) => vnic.overlay === name).map((vnic) => vnic.name);
    if (users.length > 0) throw new VxlaneError('overlay_busy', `overlay ${name} has VNICs: ${users.join(', ')}`);
    this.overlaysByName.delete(name);
  }

  targets(name: string, { after, limit }: PageRequest = { limit: TARGETS_DEFAULT }): TargetPage {
    const all = [...this.#find(name).targets.values()].sort((a, b) => (a.mac < b.mac ? -1 : 1));
    const targets = all.filter(({ mac }) => after === undefined || mac > after).slice(0, limit);
    return { targets, next: targets.length < limit ? null : targets.at(-1)!.mac };
  }

  moves(name: string): MoveView[] {
    this.#find(name);
    return [...this.movers.values()];
  }

  thaw(name: string, mac: string): void {
    this.#find(name);
    if (this.movers.get(mac)?.state !== 'frozen') throw notFrozen(name, mac);
    this.movers.delete(mac);
  }

  async setTarget(name: string, mac: string, request: SetTarget): Promise<void> {
    const { targets } = this.#find(name);
    const endpoint = parseEndpoint(request.destination);
    if (endpoint === null && request.destination !== 'drop') {
      throw new VxlaneError('bad_destination', `bad destination ${request.destination}`);
    }
    const destination = endpoint === null ? 'drop' : formatEndpoint(endpoint);
    targets.set(mac, { mac, destination, source: 'static', ageSeconds: 0, idleSeconds: null });
  }

  async deleteTarget(name: string, mac: string): Promise<void> {
    if (!this.#find(name).targets.delete(mac)) {
      throw new VxlaneError('no_such_target', `overlay ${name} has no target ${mac}`);
    }
  }

  flushTargets = async (name: string): Promise<void> => this.#find(name).targets.clear();

  async lookup(name: string, mac: string): Promise<LookupView> {
    const known = this.#find(name).targets.get(mac);
    await this.lookupGate;
    const destination = known?.destination ?? this.directory.get(mac) ?? 'no_such_mac';
    const verdict = destination === 'drop' || destination === 'no_such_mac' ? 'drop' : 'forward';
    const isLocal = destination.startsWith('vnic ');
    return {
      overlay: name,
      mac,
      verdict: isLocal ? 'local' : verdict,
      destination: destination === 'drop' ? 'drop_entry' : destination,
      source: known?.source ?? (isLocal ? 'vnic' : 'files'),
      cached: known !== undefined || isLocal,
      alternatives: this.alternatives.has(mac) ? this.alternatives.get(mac)! : [],
    };
  }

  vnics(): VnicView[] {
    return [...this.vnicsByName.values()];
  }

  async createVnic(request: CreateVnic): Promise<VnicView> {
    const { name, overlay, netns = null, allowAnyMac, temporary } = request;
    const { addresses = [], protection = [], allowedIps = [] } = request;
    const { rateBps = null, ratePps = null, stormPps = null } = request;
    const lists = { addresses, protection, allowedIps, rateBps, ratePps, stormPps };
    this.#find(overlay);
    const mac = parseMac(request.mac);
    if (mac === null) throw badMac(request.mac);
    const shown = { interface: name, trunk: request.trunk ?? null, mtu: 1450, state: 'up', declared: null };
    const vnic = { name, overlay, mac, netns, allowAnyMac, ...lists, temporary, ...shown };
    this.vnicsByName.set(name, vnic);
    return vnic;
  }

  async modifyVnic(name: string, request: ModifyVnic): Promise<VnicView> {
    const vnic = this.vnicsByName.get(name);
    if (vnic === undefined) throw noSuchVnic(name);
    const given = Object.entries(request).filter(([, value]) => value !== undefined);
    const changed = { ...vnic, ...Object.fromEntries(given) };
    this.vnicsByName.set(name, changed);
    return changed;
  }

  async deleteVnic(name: string): Promise<void> {
    if (!this.vnicsByName.delete(name)) throw noSuchVnic(name);
  }

  stats({ overlay: overlays }: StatsRequest): StatsView {
    for (const name of overlays) this.#find(name);
    if (overlays.length === 0) return this.statsView;
    return { ...this.statsView, overlays: this.statsView.overlays.filter(({ name }) => overlays.includes(name)) };
  }

  history({ overlay }: HistoryRequest): HistoryView {
    if (overlay !== undefined) this.#find(overlay);
    return { points: [] };
  }

  #find(name: string): Overlay {
    const overlay = this.overlaysByName.get(name);
    if (overlay === undefined) throw noSuchOverlay(name);
    return overlay;
  }
}

function propertiesOf(overlay: Overlay): PropertyView[] {
  const { request, search, properties } = overlay;
  const row = (name: string, value: string | null, rest: Partial<PropertyView> = {}): PropertyView => ({
    name,
    perm: 'r-',
    required: false,
    value,
    default: null,
    possible: '',
    ...rest,
  });
  const rest = [...properties]
    .filter(([name]) => name !== 'mtu')
    .map(([name, value]) => row(name, value, { required: true }));
  return [
    row('mtu', properties.get('mtu') ?? null, { perm: 'rw', default: '1400', possible: '576-8900' }),
    row('vnetid', String(request.vni)),
    row('encap', request.encap),
    ...rest,
    row('search', search),
  ];
}
