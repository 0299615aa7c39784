/** For a file of command tests: one daemon for all, and after each test nothing of it may be left. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { CreateOverlay, CreateVnic } from '../../src/control/protocol.js';
import type { Daemon } from '../../src/daemon/daemon.js';
import { TUN_DEVICE } from '../../src/system/tun.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { freePort } from '../support/ports.js';
import { until } from '../support/until.js';
import { type Running, StateDirectory, startDaemon, tunnelDescriptors } from './running.js';

export const MAC = 'de:ad:be:ef:00:01';
/** The one MAC that the file of the `files` plugin knows. */
export const OTHER_MAC = 'de:ad:be:ef:00:02';

interface LeftBehind {
  readonly files: string[];
  readonly descriptors: string[];
  readonly links: string[];
}

export class Fixture {
  readonly directory = new StateDirectory();
  readonly netns = new TestNetns();
  readonly hosts = join(this.directory.path, 'hosts.json');
  running!: Running;
  /** What {@link leftBehind} says of a daemon without objects. */
  nothing!: LeftBehind;

  constructor() {
    writeFileSync(this.hosts, JSON.stringify({ [OTHER_MAC]: { ip: '127.0.0.9' } }));
  }

  async start(): Promise<void> {
    this.running = await startDaemon(this.directory.path);
    // It is closed a moment after the start, which has only seen that it can be opened.
    await until(() => !tunnelDescriptors().includes(TUN_DEVICE));
    this.nothing = this.leftBehind();
  }

  async end(): Promise<void> {
    await this.running.stop();
    this.netns.delete();
    this.directory.delete();
  }

  get daemon(): Daemon {
    return this.running.daemon;
  }

  /** All that a command can leave: state files, descriptors, interfaces. */
  leftBehind(): LeftBehind {
    const links = this.netns.json('link', 'show').map((link) => link.ifname);
    return { files: this.directory.files(), descriptors: tunnelDescriptors(), links };
  }

  /** While `action` runs, the state file of that object cannot be written. */
  async withUnwritable(kind: 'overlays' | 'vnics', name: string, action: () => Promise<void>): Promise<void> {
    const blocked = `${this.directory.file(kind, name)}.tmp`;
    mkdirSync(blocked);
    try {
      await action();
    } finally {
      rmSync(blocked, { recursive: true });
    }
  }

  overlay(changes: Partial<CreateOverlay> = {}): CreateOverlay {
    return request('files', { 'files/config': this.hosts }, changes);
  }

  direct(changes: Partial<CreateOverlay> = {}): CreateOverlay {
    return request('direct', { 'direct/dest_ip': '127.0.0.9' }, changes);
  }

  /** An overlay with a plugin of the test's own. */
  module(path: string, properties: Readonly<Record<string, string>> = {}): CreateOverlay {
    return request(path, properties, {});
  }

  vnic(changes: Partial<CreateVnic> = {}): CreateVnic {
    const netns = this.netns.name;
    const name = uniqueName('v');
    return { name, overlay: 'overlay0', mac: MAC, netns, allowAnyMac: false, temporary: false, ...changes };
  }
}

function request(search: string, own: Record<string, string>, changes: Partial<CreateOverlay>): CreateOverlay {
  const listen = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(freePort()) };
  const properties = { ...listen, ...own, ...changes.properties };
  return { name: 'overlay0', encap: 'vxlan', vni: 23, search, temporary: false, ...changes, properties };
}

/** Inside a `describe`: the fixture of its tests. Use it in tests and hooks alone. */
export function daemonFixture(): () => Fixture {
  let fixture: Fixture | undefined;
  const get = () => {
    assert(fixture !== undefined);
    return fixture;
  };
  before(async () => {
    fixture = new Fixture();
    await fixture.start();
  });
  afterEach(async () => {
    const { daemon, running } = get();
    for (const { name } of daemon.vnics()) await daemon.deleteVnic(name);
    for (const { name } of daemon.overlays()) await daemon.deleteOverlay(name);
    // The end of a plugin's process is heard when its socket is not closed yet.
    await until(() => isDeepStrictEqual(get().leftBehind(), get().nothing)).catch(() => {});
    assert.deepEqual(get().leftBehind(), get().nothing, 'everything that was made is gone');
    assert.deepEqual(
      running.log.lines.filter((line) => line.startsWith('error')),
      [],
    );
  });
  after(() => get().end());
  return get;
}
