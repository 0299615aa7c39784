/** Trunks: interfaces that several VNICs share, each of which has the frames with a VLAN tag of its own. */
import { badTrunk } from './errors.js';

/** IEEE 802.1Q keeps 4095 for itself. */
const VLAN_MAX = 4094;
/** As of every VNIC. */
const NAME_MAX = 15;

/** Why it has none. */
export const TRUNK_WITHOUT_ADDRESSES = 'its interface has no addresses: frames need a tag';

/** Where a VNIC is that shares its interface. */
export interface TrunkPlace {
  /** What the interface is called when it is made. */
  readonly name: string;
  /** 1 to 4094; 0: frames without a tag. */
  readonly vlan: number;
}

/** One of the VNICs that a trunk is made of. */
export interface TrunkMember {
  /** Of the VNIC. */
  readonly name: string;
  readonly trunk: TrunkPlace;
  readonly overlay: string;
}

/** What the VNIC is called. */
export function memberName({ name, vlan }: TrunkPlace): string {
  return `${name}.${vlan}`;
}

/** The VNICs of a trunk: `100` and `ov100` each. Throws when one of them cannot be. */
export function trunkMembers(name: string, pairs: Iterable<readonly [vlan: string, overlay: string]>): TrunkMember[] {
  const members = [...pairs].map(([text, overlay]): TrunkMember => {
    const vlan = /^\d{1,4}$/.test(text) ? Number(text) : VLAN_MAX + 1;
    if (vlan > VLAN_MAX) throw badTrunk(`${text}=${overlay}`, `a VLAN is a number from 1 to ${VLAN_MAX}, or 0: no tag`);
    if (overlay === '') throw badTrunk(`${text}=`, 'VLAN=OVERLAY names an overlay');
    return { name: memberName({ name, vlan }), trunk: { name, vlan }, overlay };
  });
  const twin = members.find((each, index) => members.findIndex((other) => other.name === each.name) !== index);
  if (twin !== undefined) throw badTrunk(`${twin.trunk.vlan}=${twin.overlay}`, 'a VLAN is of one overlay');
  const long = members.find((each) => each.name.length > NAME_MAX);
  if (long !== undefined)
    throw badTrunk(long.name, `the name of a trunk and its VLAN are at most ${NAME_MAX} characters`);
  return members;
}
