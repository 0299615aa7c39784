/** Overlays and VNICs as plain data: what a file declares, and what there is. */
import type { Encap } from '../encapsulations.js';
import type { LinkProtection } from '../link-protection.js';
import type { OverlayConfiguration } from '../overlay-properties/overlay-properties.js';
import type { RateLimits } from '../rate-limits.js';
import type { Target } from '../search/api.js';
import type { TrunkPlace } from '../trunk.js';

export interface OverlayModel {
  readonly name: string;
  readonly vni: number;
  readonly encap: Encap;
  readonly search: string;
  /** As given, in canonical text; defaults are not in it. */
  readonly properties: Readonly<Record<string, string>>;
  /** Static targets, by MAC. */
  readonly targets: ReadonlyMap<string, Target>;
  /** Made by a command that said so; a file declares no such thing. */
  readonly temporary?: boolean;
}

export interface VnicModel extends LinkProtection, RateLimits {
  readonly name: string;
  readonly overlay: string;
  readonly mac: string;
  /** null: the daemon's own. */
  readonly netns: string | null;
  readonly allowAnyMac: boolean;
  /** Given to its interface, each canonical `ADDRESS/LENGTH`. */
  readonly addresses: readonly string[];
  readonly temporary?: boolean;
  /** It shares its interface. */
  readonly trunk?: TrunkPlace | undefined;
}

/** One of a file, with what its properties mean: they are parsed once, when the file is. */
export interface DeclaredOverlay extends OverlayModel {
  readonly configuration: OverlayConfiguration;
}

/** By name. */
export interface Model<O extends OverlayModel = OverlayModel> {
  readonly overlays: ReadonlyMap<string, O>;
  readonly vnics: ReadonlyMap<string, VnicModel>;
}

/** What a file declares. Overlays and VNICs share one space of names. */
export interface Declaration extends Model<DeclaredOverlay> {
  /** By name, where the object is declared. */
  readonly lines: ReadonlyMap<string, number>;
}

export const NOTHING: Model = { overlays: new Map(), vnics: new Map() };
