/**
 * Who has what only one object may have, of all that the daemon has, also of what is not loaded. Answered by what the
 * registry has at the time: nothing is built for a question, of which a reload asks one for each of its VNICs.
 */
import { parseMac } from '../../address.js';
import { type ClaimingVnic, hasAddress, type Shared, Taken, trunkHolder } from '../../config/rules.js';
import { TakenTable } from '../../config/taken-table.js';
import { UNPROTECTED } from '../../link-protection.js';
import { UNLIMITED } from '../../rate-limits.js';
import type { Vnic } from '../overlay/vnic.js';
import type { State, Store, Unloaded } from '../state/store.js';
import type { Registry } from './registry.js';

interface Asking {
  /** A VNIC that asks for itself. */
  readonly but?: Vnic | null;
  /** One that is not loaded, and gives way to what asks (decision 20). */
  readonly replaced?: Unloaded | undefined;
}

class TakenInRegistry extends Taken {
  readonly #registry: Registry;
  readonly #but: Vnic | null;
  readonly #unloaded: TakenTable;

  constructor(registry: Registry, { but = null, replaced }: Asking) {
    super();
    this.#registry = registry;
    this.#but = but;
    this.#unloaded = takenByUnloaded(registry.state, replaced);
  }

  ofName(name: string): string | undefined {
    if (this.#registry.overlays.has(name)) return `overlay ${name}`;
    const vnic = this.#registry.vnics.get(name);
    const trunk = this.#find(({ identity }) => identity.trunk?.name === name) && trunkHolder(name);
    return this.#holder(vnic === this.#but ? undefined : vnic) ?? trunk ?? this.#unloaded.ofName(name);
  }

  ofVni(encap: string, vni: number): string | undefined {
    for (const { identity } of this.#registry.overlays.values()) {
      if (identity.encap === encap && identity.vni === vni) return `overlay ${identity.name}`;
    }
    return this.#unloaded.ofVni(encap, vni);
  }

  ofMac(overlay: string, mac: string): string | undefined {
    const vnic = this.#find((each) => each.mac === mac && each.identity.overlay === overlay);
    return this.#holder(vnic) ?? this.#unloaded.ofMac(overlay, mac);
  }

  ofAnyMac(overlay: string): string | undefined {
    const vnic = this.#find(({ identity }) => identity.allowAnyMac && identity.overlay === overlay);
    return this.#holder(vnic) ?? this.#unloaded.ofAnyMac(overlay);
  }

  ofAddress(asking: ClaimingVnic, address: string): string | undefined {
    const vnic = this.#find(({ identity }) => hasAddress(identity, asking, address));
    return this.#holder(vnic) ?? this.#unloaded.ofAddress(asking, address);
  }

  ofTrunk(trunk: string): Shared | undefined {
    return this.#find(({ identity }) => identity.trunk?.name === trunk)?.identity ?? this.#unloaded.ofTrunk(trunk);
  }

  isTarget(overlay: string, mac: string): boolean {
    return this.#registry.overlays.get(overlay)?.statics.has(mac) === true;
  }

  #find(isIt: (vnic: Vnic) => boolean): Vnic | undefined {
    for (const vnic of this.#registry.vnics.values()) if (vnic !== this.#but && isIt(vnic)) return vnic;
    return undefined;
  }

  #holder(vnic: Vnic | undefined): string | undefined {
    return vnic && `VNIC ${vnic.name}`;
  }
}

/** As it is at the time of each question. */
export function takenIn(registry: Registry, asking: Asking = {}): Taken {
  return new TakenInRegistry(registry, asking);
}

/** What gives way to a new object of its kind and name, should it not be loaded. */
export function replacedBy(store: Pick<Store<never>, 'unloaded'>, name: string): Unloaded | undefined {
  const unloaded = store.unloaded.get(name);
  return unloaded?.isTorn === true ? unloaded : undefined;
}

/** What the files of what is not loaded say. */
function takenByUnloaded({ overlays, vnics }: State, replaced: Unloaded | undefined): TakenTable {
  const taken = new TakenTable();
  const holds = (unloaded: Unloaded) => unloaded !== replaced;
  for (const { name, file, encap = 'vxlan', vni } of [...overlays.unloaded.values()].filter(holds)) {
    const holder = `overlay ${name}, which is not loaded (${file}: mend it, or vxlane delete-overlay ${name})`;
    if (vni === undefined) taken.addName(name, holder);
    else taken.addOverlay({ name, encap, vni }, holder);
  }
  for (const unloaded of [...vnics.unloaded.values()].filter(holds)) {
    const { name, file, overlay, mac: text = '', netns = null, ...rest } = unloaded;
    const { allowAnyMac = false, addresses = [], trunk } = rest;
    const holder = `VNIC ${name}, which is not loaded (${file}: mend it, or vxlane delete-vnic ${name})`;
    const mac = parseMac(text);
    if (overlay === undefined || mac === null) taken.addName(name, holder);
    else
      taken.addVnic({ ...UNPROTECTED, ...UNLIMITED, name, overlay, mac, netns, allowAnyMac, addresses, trunk }, holder);
  }
  return taken;
}
