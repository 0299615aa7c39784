/** Overlays and VNICs as plain data in canonical text: what a file declares, and what there is. */

export interface OverlayModel {
  readonly name: string;
  readonly vni: number;
  readonly encap: string;
  readonly search: string;
  /** As given; defaults are not in it. */
  readonly properties: Readonly<Record<string, string>>;
  /** Static targets: MAC to `IP:PORT` or `drop`. */
  readonly targets: ReadonlyMap<string, string>;
  /** Made by a command that said so; a file declares no such thing. */
  readonly temporary?: boolean;
}

export interface VnicModel {
  readonly name: string;
  readonly overlay: string;
  readonly mac: string;
  /** null: the daemon's own. */
  readonly netns: string | null;
  readonly allowAnyMac: boolean;
  readonly temporary?: boolean;
}

/** By name. */
export interface Model {
  readonly overlays: ReadonlyMap<string, OverlayModel>;
  readonly vnics: ReadonlyMap<string, VnicModel>;
}

/** What a file declares. Overlays and VNICs share one space of names. */
export interface Declaration extends Model {
  /** By name, where the object is declared. */
  readonly lines: ReadonlyMap<string, number>;
}

export const NOTHING: Model = { overlays: new Map(), vnics: new Map() };
