/** For tests of a daemon with a configuration file: one overlay with one VNIC, and what there is to see of them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'node:test';
import { stringify } from 'yaml';
import { TestNetns, uniqueName } from '../support/netns.js';
import { freePort } from '../support/ports.js';
import { type Running, StateDirectory, startDaemon, tunnelDescriptors } from './running.js';

export const MAC = 'de:ad:be:ef:00:01';
export const OTHER_MAC = 'de:ad:be:ef:00:02';
/** The one MAC that the file of the `files` plugin knows. */
export const FAR_MAC = 'de:ad:be:ef:00:09';

interface DeclaredOverlay {
  vni: number;
  search: string;
  properties: Record<string, unknown>;
  targets?: Record<string, string>;
}

interface DeclaredVnic {
  overlay: string;
  mac: string;
  netns: string;
  allow_any_mac?: boolean;
  addresses?: string[];
}

export class Declaring {
  readonly directory = new StateDirectory();
  readonly netns = new TestNetns();
  /** Of the configuration file. */
  readonly path = join(this.directory.path, 'vxlane.yaml');
  /** The first overlay and the first VNIC. */
  readonly overlay = this.newOverlay(23);
  readonly vnic = uniqueName('v');
  /** What the next start or reload writes. */
  readonly file: { overlays: Record<string, DeclaredOverlay>; vnics: Record<string, DeclaredVnic> };
  running!: Running;

  constructor() {
    writeFileSync(join(this.directory.path, 'hosts.json'), JSON.stringify({ [FAR_MAC]: { ip: '127.0.0.9' } }));
    this.file = { overlays: { overlay0: this.overlay }, vnics: { [this.vnic]: this.newVnic(MAC) } };
  }

  newOverlay(vni: number): DeclaredOverlay {
    const listen = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': freePort() };
    return { vni, search: 'files', properties: { ...listen, 'files/config': 'hosts.json', mtu: 1300 } };
  }

  newVnic(mac: string, overlay = 'overlay0'): DeclaredVnic {
    return { overlay, mac, netns: this.netns.name };
  }

  get daemon() {
    return this.running.daemon;
  }

  async start(config: string | null = this.path): Promise<void> {
    writeFileSync(this.path, stringify(this.file));
    this.running = await startDaemon(this.directory.path, 1024, config);
  }

  async restart(config: string | null = this.path): Promise<void> {
    await this.running.stop();
    await this.start(config);
  }

  async reload(text = stringify(this.file)): Promise<void> {
    writeFileSync(this.path, text);
    await this.daemon.reload();
  }

  async end(): Promise<void> {
    await this.running.stop();
    this.netns.delete();
    this.directory.delete();
  }

  get configuration() {
    const { configuration } = this.daemon.daemon();
    return configuration === null ? null : { ...configuration, text: configuration.details.join('\n') };
  }

  get names(): string[] {
    return this.daemon.overlays().map(({ name }) => name);
  }

  /** How many instances of search plugins have begun to serve. */
  get pluginsStarted(): number {
    return this.running.log.lines.filter((line) => line.startsWith('info search plugin serves')).length;
  }

  /** What the last `message` said beside its text. */
  logged(message: string): object | undefined {
    return this.running.log.fields.findLast((each) => each.message === message)?.fields;
  }

  /** What was done by the last reload that did something. */
  get done(): unknown {
    return (this.logged('configuration applied') as { done?: unknown } | undefined)?.done;
  }

  property(name: string): string | null | undefined {
    return this.daemon.overlay('overlay0').properties.find((each) => each.name === name)?.value;
  }

  /** MAC and destination of each target of overlay0. */
  get targets(): string[] {
    return this.daemon.targets('overlay0').targets.map(({ mac, destination }) => `${mac} ${destination}`);
  }

  /** An interface with its number (another number is another interface) and its addresses. */
  link(name = this.vnic) {
    const { ifindex, mtu } = this.netns.link(name) ?? {};
    const [{ addr_info: addresses }] = this.netns.json('addr', 'show', 'dev', name);
    return { ifindex, mtu, addresses: addresses.map(({ local }: { local: string }) => local) };
  }

  addAddress(): void {
    this.netns.exec('ip', 'addr', 'add', '10.55.55.3/24', 'dev', this.vnic);
  }
}

/** Inside a `describe`: a daemon for each of its tests, that leaves nothing open. Use it in tests and hooks alone. */
export function declaring(): () => Declaring {
  let there: Declaring | undefined;
  let descriptors: string[];
  const get = () => {
    assert(there !== undefined);
    return there;
  };
  beforeEach(async () => {
    descriptors = tunnelDescriptors();
    there = new Declaring();
    await there.start();
  });
  afterEach(async () => {
    await get().end();
    assert.deepEqual(tunnelDescriptors(), descriptors);
  });
  return get;
}
