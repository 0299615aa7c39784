/**
 * What only one object may have: a name, a VNI, a MAC on an overlay, the right to any MAC. And what those who share a
 * socket must agree on. Declared objects are compared with each other and with what commands have made.
 */
import { formatListen, NO_PORT } from '../address.js';
import { type Encap, hasPorts } from '../encapsulations.js';
import { encapDiffers } from '../errors.js';
import { overlayProperties, SOCKET_PROPERTIES } from '../overlay-properties/overlay-properties.js';
import { nameIn } from '../overlay-properties/tunnel.js';
import type { Model, OverlayModel, VnicModel } from './model.js';
import { type ReadOverlay, type Source, trying } from './overlay.js';
import { overlayDifference, vnicDifference } from './plan.js';
import type { Path } from './problems.js';
import type { Refusal } from './rules.js';
import { TakenTable } from './taken-table.js';
import { keyPlaceOf, placeOf } from './yaml.js';

/** What there is already. */
export interface There {
  /** By commands. An identical object of the file takes its place. */
  readonly made: Model;
  /** By this file, before it changed. */
  readonly declared: Model;
}

/** What the file names. */
export interface Names {
  readonly overlays: ReadonlySet<string>;
  readonly vnics: ReadonlySet<string>;
}

interface SocketClaim {
  readonly encap: Encap;
  readonly values: readonly string[];
  readonly holder: string;
}

export class Claims {
  readonly #source: Source;
  readonly #there: There;
  readonly #taken = new TakenTable();
  /** By listening endpoint and device, what its first overlay wants of it. */
  readonly #sockets = new Map<string, SocketClaim>();

  constructor(source: Source, there: There) {
    this.#source = source;
    this.#there = there;
  }

  /** Adds every problem to the source's. `names`: of all objects of the file, also of those that are wrong. */
  check(overlays: readonly ReadOverlay[], vnics: readonly VnicModel[], names: Names): void {
    const { made } = this.#there;
    for (const overlay of overlays) this.#checkAdoption('overlays', overlay.model.name, differs(made, overlay));
    for (const vnic of vnics) this.#checkAdoption('vnics', vnic.name, vnicDiffers(made, vnic), keyOf(vnic));
    for (const overlay of made.overlays.values()) if (!names.overlays.has(overlay.name)) this.#hold(overlay);
    for (const vnic of made.vnics.values()) {
      if (!names.vnics.has(vnic.name)) this.#taken.addVnic(vnic, `VNIC ${vnic.name} (made by a command)`);
    }
    for (const { model } of overlays) this.#checkOverlay(model);
    for (const vnic of vnics) this.#checkVnic(vnic);
    for (const overlay of overlays) this.#checkTargets(overlay);
    this.#checkLeft(names);
  }

  /** `differs`: in what the object of a command differs from the declared one; null: there is none. */
  #checkAdoption(kind: 'overlays' | 'vnics', name: string, differs: readonly string[] | null, key = name): void {
    if (differs === null || differs.length === 0) return;
    const word = kind === 'overlays' ? 'overlay' : 'VNIC';
    const right = `delete it (vxlane delete-${word.toLowerCase()} ${name}), or declare what is there`;
    this.#wrongKey([kind, key], `a command has made ${name} with another ${differs.join(', ')}: ${right}`);
  }

  #hold(overlay: OverlayModel): void {
    const { name, encap } = overlay;
    const holder = `overlay ${name} (made by a command)`;
    this.#taken.addOverlay(overlay, holder);
    this.#sockets.set(listenOf(overlay), { encap, values: socketOf(overlay), holder });
  }

  #checkOverlay(overlay: OverlayModel): void {
    const { name, encap } = overlay;
    const path = ['overlays', name];
    const holder = `overlay ${name} (line ${this.#lineOf(path)})`;
    this.#refuse(path, this.#taken.overlay(overlay));
    this.#taken.addOverlay(overlay, holder);
    const [listen, values] = [listenOf(overlay), socketOf(overlay)];
    const shared = this.#sockets.get(listen);
    if (shared === undefined) this.#sockets.set(listen, { encap, values, holder });
    if (shared !== undefined && shared.encap !== encap) {
      this.#wrong([...path, 'encap'], encapDiffers(listen, encap, `${shared.encap} (${shared.holder})`).message);
      return;
    }
    for (const [index, property] of SOCKET_PROPERTIES.entries()) {
      const [theirs, ours] = [shared?.values[index], values[index]];
      if (theirs === undefined || theirs === ours) continue;
      const why = `${shared?.holder} listens on ${listen} too, with ${theirs}: they must agree`;
      this.#wrong([...path, 'properties', nameIn(encap, property)], `${ours}, but ${why}`);
    }
  }

  #checkVnic(vnic: VnicModel): void {
    const path = ['vnics', keyOf(vnic)];
    const before = this.#there.declared.vnics.get(vnic.name);
    const isSettled = before?.mac === vnic.mac && before.netns === vnic.netns;
    const refusals = isSettled ? this.#taken.vnic(vnic) : this.#taken.newVnic(vnic);
    if (vnic.trunk === undefined) this.#refuse(path, refusals);
    else this.#refuse([...path, 'trunk', String(vnic.trunk.vlan)], refusals);
    this.#taken.addVnic(vnic, `VNIC ${vnic.name} (line ${this.#lineOf(path)})`);
  }

  /** After the VNICs: what is wrong with a MAC that is both is said of the target. */
  #checkTargets({ model: { name, targets, configuration }, spellings }: ReadOverlay): void {
    const { root, problems } = this.#source;
    const { listen } = configuration.settings.socket;
    for (const [mac, target] of targets) {
      const path = ['overlays', name, 'targets', spellings.get(mac) ?? mac];
      trying(problems, placeOf(root, path), path, () => this.#taken.checkTargetMac(name, mac));
      trying(problems, placeOf(root, path), path, () => this.#taken.checkTarget(name, target, listen));
    }
  }

  /** What is declared no more must be free to go. */
  #checkLeft({ overlays, vnics }: Names): void {
    const { made, declared: before } = this.#there;
    for (const name of before.overlays.keys()) {
      if (overlays.has(name)) continue;
      const left = [...made.vnics.values()].filter((vnic) => vnic.overlay === name && !vnics.has(vnic.name));
      if (left.length === 0) continue;
      const names = left.map((vnic) => vnic.name).join(', ');
      const right = 'delete them first, or keep it';
      this.#wrongKey(
        ['overlays'],
        `${name} is declared no more, but has VNICs that commands made (${names}): ${right}`,
      );
    }
  }

  #refuse(path: Path, refusals: readonly Refusal[]): void {
    for (const { field, index, error } of refusals) {
      if (field === 'name') this.#wrongKey(path, error.message);
      else if (path[2] === 'trunk') this.#wrong(path, error.message);
      else this.#wrong([...path, field, ...(index === undefined ? [] : [String(index)])], error.message);
    }
  }

  #wrong(path: Path, text: string): void {
    this.#source.problems.add(placeOf(this.#source.root, path), path, text);
  }

  #wrongKey(path: Path, text: string): void {
    this.#source.problems.add(keyPlaceOf(this.#source.root, path), path, text);
  }

  #lineOf(path: Path): number {
    return keyPlaceOf(this.#source.root, path).line;
  }
}

/** What a VNIC is declared as. */
function keyOf({ name, trunk }: VnicModel): string {
  return trunk?.name ?? name;
}

function differs(made: Model, { model, plugin }: ReadOverlay): readonly string[] | null {
  const there = made.overlays.get(model.name);
  if (there === undefined) return null;
  const life = lifeOf(there);
  const difference = overlayDifference(there, model, () => plugin.properties);
  if (difference === null) return life;
  const { fixed, properties, swap, put, forget } = difference;
  return [...life, ...fixed, ...swap, ...properties, ...(put.size + forget.length > 0 ? ['set of targets'] : [])];
}

function vnicDiffers(made: Model, vnic: VnicModel): readonly string[] | null {
  const there = made.vnics.get(vnic.name);
  return there === undefined ? null : [...lifeOf(there), ...vnicDifference(there, vnic)];
}

function lifeOf({ temporary }: { readonly temporary?: boolean }): string[] {
  return temporary === true ? ['life (it is temporary)'] : [];
}

/** `property`: by its name in the tables. */
function settingOf({ encap, properties }: OverlayModel, property: string): string {
  const name = nameIn(encap, property);
  return properties[name] ?? String(overlayProperties(encap).find((spec) => spec.name === name)?.default);
}

function listenOf(overlay: OverlayModel): string {
  const device = overlay.properties[nameIn(overlay.encap, 'vxlan/underlay_dev')];
  return formatListen({
    ip: settingOf(overlay, 'vxlan/listen_ip'),
    port: hasPorts(overlay.encap) ? Number(settingOf(overlay, 'vxlan/listen_port')) : NO_PORT,
    ...(device === undefined ? {} : { device }),
  });
}

function socketOf(overlay: OverlayModel): string[] {
  return SOCKET_PROPERTIES.map((name) => settingOf(overlay, name));
}
