/** What the host of a plugin is to the rest of the daemon: whom it may be asked, where its words go, how it fails. */
import type { Answer, Endpoint, Move, Owner, PluginLog, PropertyValue, Query, Target } from '../api.js';
import type { Underlay } from './answers.js';
import type { OpenChannel } from './channel.js';
import type { Deadlines } from './deadlines.js';

/** A plugin did not do what it was asked. The message names plugin and question. */
export class PluginFault extends Error {
  /** True: it has not answered yet, rather than answered wrongly. */
  readonly isTimeout: boolean;
  /** True: its thread has ended, and perhaps by the fault of another that shared it. */
  readonly isShared: boolean;

  constructor(message: string, isTimeout: boolean, cause: unknown, isShared = false) {
    super(message, { cause });
    this.name = 'PluginFault';
    this.isTimeout = isTimeout;
    this.isShared = isShared;
  }
}

/** Where a plugin's unasked words go: already checked. */
export interface PluginSink {
  put(mac: string, target: Target, ttlMs: number | undefined): void;
  withdraw(mac: string): void;
  moved(ip: string, mac: string): void;
  vteps(ips: readonly string[]): void;
  /** It is to be asked again where it floods to. */
  floodChanged(): void;
}

/** What is wrong with an instance by its own word (`plugin`), or because it says nonsense unasked (`push`). */
export interface PluginHealth {
  degrade(part: 'plugin' | 'push', reason: string): void;
  restore(part: 'plugin' | 'push'): void;
}

/** What the instances of one overlay have done, one after the other. */
export class PluginCounts {
  questions = 0;
  /** Questions that failed; those that ran into the deadline are also in `timeouts`. */
  faults = 0;
  timeouts = 0;
  /** Instances that ended without being told to, or were given up. */
  deaths = 0;

  static sum(all: readonly PluginCounts[]): PluginCounts {
    const sum = new PluginCounts();
    for (const counts of all) sum.add(counts);
    return sum;
  }

  add(other: PluginCounts): void {
    this.questions += other.questions;
    this.faults += other.faults;
    this.timeouts += other.timeouts;
    this.deaths += other.deaths;
  }
}

export interface HostOptions extends Underlay {
  /** Of the plugin. */
  readonly name: string;
  readonly open: OpenChannel;
  readonly values: Readonly<Record<string, PropertyValue>>;
  readonly vni: number;
  /** Where the overlay listens; without it the plugin is not told. */
  readonly listen?: Endpoint;
  /** UDP port of the overlay's encapsulation; without it the plugin is not told. */
  readonly tunnelPort?: number;
  readonly log: PluginLog;
  readonly health: PluginHealth;
  readonly counts: PluginCounts;
  readonly deadlines: Deadlines;
  readonly sink: PluginSink;
  /** The instance is no more, and nobody asked for that. */
  readonly onDeath: (fault: PluginFault) => void;
}

/** The questions, all checked and fenced: a rejection is a PluginFault. */
export interface Askable {
  readonly name: string;
  lookup(query: Query): Promise<Answer | null>;
  arp(ip: string, vlan: number): Promise<Owner | null>;
  ndp(ip: string, vlan: number): Promise<Owner | null>;
  dhcp(mac: string): Promise<string | null>;
  /** All places of a MAC; none where the plugin says only one. */
  candidates(mac: string): Promise<readonly Endpoint[]>;
  /** Not a question: nobody waits for its end, which is never a rejection. */
  moved(move: Move): Promise<unknown>;
}
