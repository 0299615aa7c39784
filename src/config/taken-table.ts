/** Who has what only one may have, as it is told object by object. */
import type { OverlayModel } from './model.js';
import {
  type AddressPlace,
  addressClaim,
  type Claiming,
  type ClaimingVnic,
  type Shared,
  Taken,
  trunkHolder,
} from './rules.js';

/** Objects one after the other, each of which takes what it has from those after it. */
export class TakenTable extends Taken {
  /** By what is taken, who has it. The first keeps it. */
  readonly #holders = new Map<string, string>();
  /** By name of the trunk, what its first VNIC has. */
  readonly #trunks = new Map<string, Shared>();
  /** By name of the overlay. */
  readonly #targets = new Map<string, OverlayModel['targets']>();

  /** `holder`: how a refusal names it. */
  addOverlay({ name, encap, vni }: Claiming, holder = `overlay ${name}`): void {
    this.addName(name, holder);
    this.#add(`vni ${encap} ${vni}`, holder);
  }

  /** Of which nothing else is known. */
  addName(name: string, holder: string): void {
    this.#add(`name ${name}`, holder);
  }

  /** Static targets of an overlay. */
  addTargets(overlay: string, targets: OverlayModel['targets']): void {
    this.#targets.set(overlay, targets);
  }

  addVnic(vnic: ClaimingVnic, holder = `VNIC ${vnic.name}`): void {
    const { name, overlay, mac, allowAnyMac, addresses, trunk } = vnic;
    this.addName(name, holder);
    if (trunk !== undefined) {
      this.addName(trunk.name, trunkHolder(trunk.name));
      if (!this.#trunks.has(trunk.name)) this.#trunks.set(trunk.name, vnic);
    }
    this.#add(`mac ${overlay} ${mac}`, holder);
    if (allowAnyMac) this.#add(`any ${overlay}`, holder);
    for (const address of addresses) this.#add(addressClaim(vnic, address), holder);
  }

  ofName(name: string): string | undefined {
    return this.#holders.get(`name ${name}`);
  }

  ofVni(encap: string, vni: number): string | undefined {
    return this.#holders.get(`vni ${encap} ${vni}`);
  }

  ofMac(overlay: string, mac: string): string | undefined {
    return this.#holders.get(`mac ${overlay} ${mac}`);
  }

  ofAnyMac(overlay: string): string | undefined {
    return this.#holders.get(`any ${overlay}`);
  }

  ofAddress(vnic: AddressPlace, address: string): string | undefined {
    return this.#holders.get(addressClaim(vnic, address));
  }

  ofTrunk(trunk: string): Shared | undefined {
    return this.#trunks.get(trunk);
  }

  isTarget(overlay: string, mac: string): boolean {
    return this.#targets.get(overlay)?.has(mac) === true;
  }

  #add(what: string, holder: string): void {
    if (!this.#holders.has(what)) this.#holders.set(what, holder);
  }
}
