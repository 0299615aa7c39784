/** What questions and proxies need of their surroundings. */
import type { DropReason, OverlayIndex, ProxyUpcall, VnicIndex } from '../../datapath/types.js';
import type { MtuOption } from '../../proxy/dhcp-mtu.js';
import type { PluginLog, Target } from '../../search/api.js';
import type { Askable } from '../../search/host/types.js';
import type { Refusal } from '../forwarding/decision.js';
import type { Neighbours } from '../forwarding/neighbours.js';
import type { Fdb, Targets } from '../forwarding/targets.js';
import type { Health } from '../health/health.js';
import type { UpcallDurations } from './durations.js';

/** The part of the datapath that upcalls need. */
export interface UpcallDatapath extends Fdb {
  deliver(vnic: VnicIndex, frame: Uint8Array): boolean;
  encap(vnic: VnicIndex, frame: Uint8Array): boolean;
  flood(vnic: VnicIndex, frame: Uint8Array): boolean;
  countDrop(overlay: OverlayIndex, reason: DropReason, record: ProxyUpcall): void;
  countAnswered(): void;
}

export interface LocalVnic {
  readonly index: VnicIndex;
  readonly mac: string;
}

/** What upcalls need to know of their overlay. */
export interface UpcallOverlay {
  readonly index: OverlayIndex;
  readonly vni: number;
  readonly log: PluginLog;
  readonly health: Health;
  /** The running plugin, or null while there is none. */
  readonly plugin: Askable | null;
  /** Resolves when there may be one, while it is being started. */
  readonly starting: Promise<void> | null;
  readonly isPoint: boolean;
  readonly negativeTtlMs: number;
  /** Requests for addresses without a known owner are flooded. */
  readonly floodsUnknownOwners: boolean;
  /** Of its VNICs, in bytes. */
  readonly mtu: number;
  /** Whether DHCP servers' answers say so. */
  readonly dhcpMtuOption: MtuOption;
  /** Whether router advertisements do. */
  readonly ndpMtuOption: MtuOption;
  /** VNICs that frames flow through. Each keeps its identity (===) while it does. */
  readonly vnics: ReadonlyMap<VnicIndex, LocalVnic>;
}

export interface UpcallsOptions {
  readonly datapath: UpcallDatapath;
  readonly overlay: UpcallOverlay;
  readonly targets: Targets;
  /** Hosts elsewhere whose addresses are answered for. */
  readonly neighbours: Neighbours;
  readonly durations: UpcallDurations;
  /** Hears of every VTEP that the plugin lists. */
  readonly vteps: (ips: readonly string[]) => void;
  /** The plugin is to be asked again where it floods to. */
  readonly floodChanged: () => void;
  /** An address that a MAC here has as its own, by what it asks or announces. */
  readonly heardAddress: (mac: string, ip: string) => void;
  /** The plugin has an address at this MAC from now on. */
  readonly movedAddress: (ip: string, mac: string) => void;
  /** The plugin has a MAC elsewhere that a VNIC here has. */
  readonly contested: (mac: string) => void;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

/** What proxies need of that. */
export interface ProxiesOptions extends Omit<UpcallsOptions, 'datapath' | 'neighbours'> {
  readonly neighbours: Pick<Neighbours, 'heard' | 'ownerOf' | 'asked'>;
  readonly datapath: Pick<UpcallDatapath, 'deliver' | 'encap' | 'flood' | 'countDrop' | 'countAnswered'>;
}

/** What became of a question: a target, or why there is none. */
export type Outcome = Target | Refusal | 'lookup_timeout';
