/**
 * What crosses between the host and a plugin instance, wherever that runs. The host asks, the instance's side answers
 * each question once, in any order, and says things unasked in between; what it says arrives in the order it was said.
 */
import type { Ending, PluginContext, PropertySpec, PropertyValue } from '../api.js';

/** Where the code of a plugin is. */
export type PluginLocation =
  | { readonly kind: 'built-in'; readonly name: string }
  /** `url` of a module whose default export is the plugin. */
  | { readonly kind: 'module'; readonly url: string };

/** A plugin without its code. */
export interface Manifest {
  readonly name: string;
  readonly mode: 'point' | 'dynamic';
  readonly properties: readonly PropertySpec[];
  readonly encapsulations?: readonly string[];
}

/** What an instance may be able to do beyond the least. */
export const ABILITIES = [
  'change',
  'reload',
  'arp',
  'ndp',
  'dhcp',
  'candidates',
  'entries',
  'flood',
  'moved',
  'localAdded',
  'localRemoved',
] as const;
export type Ability = (typeof ABILITIES)[number];

/** What the context of an instance says of its overlay. */
export type AboutOverlay = Pick<PluginContext, 'vni' | 'listen' | 'tunnelPort'>;

/**
 * `describe` answers a Manifest, `create` the abilities of the instance; `entries` takes the most it shall answer, and
 * `leaveEntries` ends its walk before the last.
 */
export interface Questions {
  describe: [];
  create: [overlay: AboutOverlay, values: Readonly<Record<string, PropertyValue>>];
  start: [];
  stop: [ending?: Ending, next?: Readonly<Record<string, PropertyValue>>];
  reload: [];
  change: [values: Readonly<Record<string, PropertyValue>>];
  target: [];
  lookup: [query: object];
  arp: [ip: string, vlan: number];
  ndp: [ip: string, vlan: number];
  dhcp: [mac: string];
  candidates: [mac: string];
  entries: [most: number];
  leaveEntries: [];
  flood: [];
  moved: [move: object];
  localAdded: [local: object];
  localRemoved: [mac: string];
}
export type QuestionName = keyof Questions;

/** To the instance's side. */
export type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly question: QuestionName; readonly args: readonly unknown[] }
  /** A parcel of things said was taken: the next may come. */
  | { readonly kind: 'taken' };

/** From the instance's side; nothing in it is checked yet. */
export type Said =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'fault'; readonly id: number; readonly words: string }
  | { readonly kind: 'put'; readonly mac: unknown; readonly target: unknown; readonly ttl: unknown }
  | { readonly kind: 'withdraw'; readonly mac: unknown }
  | { readonly kind: 'moved'; readonly ip: unknown; readonly mac: unknown }
  | { readonly kind: 'vteps'; readonly ips: unknown }
  | { readonly kind: 'floodChanged' }
  | { readonly kind: 'degrade'; readonly reason: unknown }
  | { readonly kind: 'restore' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: unknown; readonly fields: unknown };

/** Things in one parcel: as many as may be done before something else of the daemon has its turn. */
export const PARCEL_MAX = 256;

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SAID = new Set<unknown>([
  'answer',
  'fault',
  'put',
  'withdraw',
  'moved',
  'vteps',
  'floodChanged',
  'degrade',
  'restore',
  'log',
]);

/** False of what the plugin's own code has said in the place of the instance's side. */
export function isParcel(value: unknown): value is readonly Said[] {
  return Array.isArray(value) && value.length <= PARCEL_MAX && value.every(isSaid);
}

function isSaid(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, level } = value as { kind?: unknown; level?: unknown };
  return SAID.has(kind) && (kind !== 'log' || (LOG_LEVELS as readonly unknown[]).includes(level));
}

/** What `entries` answers: some of them, and whether they were the last. */
export interface EntriesPage {
  readonly entries: readonly unknown[];
  readonly isLast: boolean;
}
