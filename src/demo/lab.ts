/**
 * A laboratory on one machine: hosts are network namespaces, the underlay is a bridge in a namespace of its own with
 * one veth pair a host. Names are unique on the machine, and everything goes away at the end, however that comes:
 * `close`, a signal, an exception, `process.exit`.
 *
 *      host zlan            host zlan2
 *   foo0 (TAP, vxlane)   bar0 (TAP, vxlane)
 *   eth0 10.88.88.69     eth0 10.88.88.70
 *     │ veth               │ veth
 *   ┌─┴────────────────────┴──────────────┐
 *   │ zlan               zlan2      br0   │  namespace "underlay"
 *   └─────────────────────────────────────┘
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Host, type HostDefaults } from './host.js';
import { Processes } from './processes.js';

export interface LabOptions extends HostDefaults {
  /** The underlay's, in bytes. Default 1500. */
  readonly mtu?: number;
}

export interface HostOptions {
  /** Underlay addresses with prefix length, IPv4 or IPv6. */
  readonly addresses: readonly string[];
  /**
   * What arrives at the host has its checksums filled in and its super-packets cut, as if it had crossed a wire.
   * Between namespaces the kernel leaves both undone, which a capture there, or a peer that is a program, would see.
   * eth0 keeps its offloads, as a network card has them. Default false.
   */
  readonly likeOnTheWire?: boolean;
}

const openLabs = new Set<Lab>();
let labsMade = 0;

export class Lab {
  /** Holds one folder a host, and whatever the user of the laboratory puts there; removed at the end. */
  readonly dir: string;
  readonly hosts: Host[] = [];
  readonly processes = new Processes();
  readonly #suffix: string;
  readonly #options: LabOptions;
  #namespaces: string[] = [];
  #underlay = '';
  #closing: Promise<void> | null = null;

  private constructor(options: LabOptions) {
    labsMade += 1;
    this.#suffix = `${process.pid}-${labsMade}`;
    this.#options = options;
    this.dir = mkdtempSync(join(tmpdir(), 'vxlane-lab-'));
    chmodSync(this.dir, 0o755); // processes of plugins have users of their own, and plugins may be here
  }

  /** An underlay without hosts. */
  static async create(options: LabOptions = {}): Promise<Lab> {
    guardTheEnd();
    const lab = new Lab(options);
    openLabs.add(lab);
    try {
      lab.#underlay = await lab.#addNetns('underlay');
      await lab.ip('-n', lab.#underlay, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
      await lab.ip('-n', lab.#underlay, 'link', 'set', 'br0', 'up');
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** A host with its cable in the underlay. No daemon runs yet. */
  async addHost(name: string, options: HostOptions): Promise<Host> {
    const host = await this.addMachine(name);
    const { netns } = host;
    const mtu = String(this.#options.mtu ?? 1500);
    const port = ['type', 'veth', 'peer', 'name', name, 'mtu', mtu, 'netns', this.#underlay];
    await this.ip('link', 'add', 'eth0', 'mtu', mtu, 'netns', netns, ...port);
    if (options.likeOnTheWire === true) {
      await this.processes.run(['ip', 'netns', 'exec', this.#underlay, 'ethtool', '-K', name, 'tx', 'off']);
    }
    await this.ip('-n', this.#underlay, 'link', 'set', 'dev', name, 'master', 'br0', 'up');
    await this.ip('-n', netns, 'link', 'set', 'eth0', 'up');
    for (const address of options.addresses) {
      const nodad = address.includes(':') ? ['nodad'] : [];
      await this.ip('-n', netns, 'addr', 'add', address, 'dev', 'eth0', ...nodad);
    }
    return host;
  }

  /** A host without a cable: a virtual machine, say, that gets a VNIC. */
  async addMachine(name: string): Promise<Host> {
    const netns = await this.#addNetns(name);
    const host = new Host(name, netns, join(this.dir, name), this.processes, this.#options);
    this.hosts.push(host);
    return host;
  }

  async #addNetns(name: string): Promise<string> {
    const netns = `${name}-${this.#suffix}`;
    this.#namespaces.push(netns);
    await this.ip('netns', 'add', netns);
    await this.ip('-n', netns, 'link', 'set', 'lo', 'up');
    return netns;
  }

  /** `ip ...` on the machine itself; it must succeed. Answers its standard output. */
  ip(...args: string[]): Promise<string> {
    return this.processes.run(['ip', ...args]);
  }

  /** True from the moment the end began: what fails then fails because of it. */
  get closing(): boolean {
    return this.#closing !== null;
  }

  /** What every daemon has logged, under headings, for the report of a failure. */
  logs(): string {
    const written = this.hosts.map((host) => ({ host, log: host.daemonLog() })).filter(({ log }) => log !== '');
    return written.map(({ host, log }) => `---- daemon of ${host.name}\n${log}`).join('');
  }

  /** Ends the laboratory's processes and removes its namespaces and files. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.processes.stopAll();
    this.#removeNow();
  }

  /** For the last moment of this process: the same, without waiting for anything. */
  closeNow(): void {
    this.processes.killAllNow();
    this.#removeNow();
  }

  #removeNow(): void {
    for (const netns of this.#namespaces.splice(0)) {
      spawnSync('ip', ['netns', 'delete', netns], { stdio: 'ignore', timeout: 10_000 });
    }
    rmSync(this.dir, { recursive: true, force: true });
    openLabs.delete(this);
  }
}

let guarded = false;

/** Installs, once, what makes every open laboratory go away with this process. */
function guardTheEnd(): void {
  if (guarded) return;
  guarded = true;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    let again = false;
    process.on(signal, async () => {
      if (again) process.exit(128 + constants.signals[signal]);
      again = true;
      await Promise.allSettled([...openLabs].map((lab) => lab.close()));
      process.exit(128 + constants.signals[signal]); // as a shell reports it
    });
  }
  process.on('exit', () => {
    for (const lab of openLabs) lab.closeNow();
  });
}
