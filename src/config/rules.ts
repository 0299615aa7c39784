/**
 * What may not be, whoever asks for it: a command, a configuration file, or what was kept over a restart. Each says the
 * same of the same mistake; who adds where it stands. Every refusal is a VxlaneError.
 */
import {
  formatEndpoint,
  ipFamily,
  isLinkLocal6,
  isMulticastMac,
  type Listen,
  parseEndpoint,
  parseMac,
} from '../address.js';
import { ENCAPSULATIONS, type Encap, hasPorts } from '../encapsulations.js';
import {
  addressTaken,
  anyMacTaken,
  badDestination,
  badMac,
  badTargetMac,
  badTrunk,
  badVni,
  badVnicMac,
  destinationHasPort,
  macIsTarget,
  macTaken,
  nameTaken,
  pointsToItself,
  targetIsVnic,
  targetsOfPoint,
  trunkDiffers,
  type VxlaneError,
  vniTaken,
  wrongFamily,
} from '../errors.js';
import { isOwnEndpoint } from '../overlay-properties/listen.js';
import type { SocketSettings } from '../overlay-properties/overlay-properties.js';
import type { Target } from '../search/api.js';
import { isHostAddress } from '../search/host/answers.js';
import type { Manifest } from '../search/host/messages.js';
import { memberName, type TrunkPlace } from '../trunk.js';
import { autoMac } from './auto-mac.js';
import type { OverlayModel, VnicModel } from './model.js';
import { ipOf } from './vnic-address.js';

const ZERO_MAC = '00:00:00:00:00:00';

/** The MAC of a VNIC, in canonical text. Throws when it is none, or no single host's. */
export function vnicMac(text: string): string {
  const mac = canonicalMac(text);
  if (isMulticastMac(mac) || mac === ZERO_MAC) throw badVnicMac(mac);
  return mac;
}

/** The MAC that is asked for of a VNIC: `auto`, or what {@link vnicMac} takes. */
export function wantedMac(text: string, vnic: Pick<VnicModel, 'name' | 'overlay' | 'trunk'>): string {
  if (text.toLowerCase() !== 'auto') return vnicMac(text);
  // Those of a trunk have the MAC of their interface.
  return vnic.trunk === undefined ? autoMac(vnic.overlay, vnic.name) : autoMac('', vnic.trunk.name);
}

/** The MAC of a static target, in canonical text. Throws when it is none, or no single host's. */
export function targetMac(text: string): string {
  const mac = canonicalMac(text);
  if (isMulticastMac(mac)) throw badTargetMac(mac);
  return mac;
}

function canonicalMac(text: string): string {
  const mac = parseMac(text);
  if (mac === null) throw badMac(text);
  return mac;
}

/**
 * Where a static target is, by its text. Throws when that is no place, or none that the socket can send to. null: what
 * the overlay's socket is is not known.
 */
export function targetOf(text: string, socket: Pick<SocketSettings, 'encap' | 'listen'> | null): Target {
  if (text.toLowerCase() === 'drop') return 'drop';
  const encap = socket?.encap ?? 'vxlan';
  const endpoint = parseEndpoint(text, ENCAPSULATIONS[encap].port);
  if (endpoint === null && !hasPorts(encap) && parseEndpoint(text) !== null) throw destinationHasPort(text, encap);
  if (endpoint === null || !isHostAddress(endpoint.ip)) throw badDestination(text);
  if (socket !== null && ipFamily(endpoint.ip) !== ipFamily(socket.listen.ip)) {
    throw wrongFamily(formatEndpoint(endpoint), socket.listen.ip);
  }
  return endpoint;
}

/** Throws when no overlay of this encapsulation may have the VNI. */
export function checkVni(encap: Encap, vni: number): void {
  const [least, most] = ENCAPSULATIONS[encap].vnis;
  if (vni < least || vni > most) throw badVni(encap, vni, least, most);
}

/** Throws when an overlay with this plugin has no use for static targets. null: there is no such plugin now. */
export function checkTakesTargets(plugin: Manifest | null): void {
  if (plugin?.mode === 'point') throw targetsOfPoint(plugin.name);
}

/** What of an object is refused: `name` is the object itself. */
export interface Refusal {
  readonly field: 'name' | 'vni' | 'mac' | 'allow_any_mac' | 'addresses';
  /** Which of a field that is a list. */
  readonly index?: number;
  readonly error: VxlaneError;
}

/** Throws the first, if there is one. */
export function refuse(refusals: readonly Refusal[]): void {
  const [first] = refusals;
  if (first !== undefined) throw first.error;
}

/** What is not loaded may name an encapsulation that nobody knows. */
export type Claiming = Pick<OverlayModel, 'name' | 'vni'> & { readonly encap: string };

export type ClaimingVnic = VnicModel;

/** What the VNICs of a trunk have in common. */
export type Shared = Pick<VnicModel, 'mac' | 'netns' | 'temporary'>;

/** Where `ip netns` keeps namespaces: a path there is another spelling of the name. */
const NETNS_PATH = /^\/(?:var\/)?run\/netns\//;

const placeName = (netns: string | null): string | undefined => netns?.replace(NETNS_PATH, '');

/** How a refusal names it. */
const OWN_NETNS = "the daemon's";

export type AddressPlace = Pick<VnicModel, 'overlay' | 'netns'>;

/** Link-local addresses mean something on one link alone (RFC 4007 section 6), and each overlay is one. */
export function addressClaim({ overlay, netns }: AddressPlace, address: string): string {
  const ip = ipOf(address);
  const place = placeName(netns) ?? '';
  return `address ${place} ${isLinkLocal6(ip) ? overlay : ''} ${ip}`;
}

/** Whether a VNIC's address is also one of another VNIC's. */
export function hasAddress(
  other: AddressPlace & Pick<VnicModel, 'addresses'>,
  vnic: AddressPlace,
  address: string,
): boolean {
  const ip = ipOf(address);
  const twin = other.addresses.find((each) => ipOf(each) === ip);
  return twin !== undefined && addressClaim(other, twin) === addressClaim(vnic, address);
}

/**
 * Who has what only one may have: a name, a VNI, a MAC on an overlay, the right to any MAC there, an address. Each
 * question answers the holder as a refusal names it, undefined when there is none.
 */
export abstract class Taken {
  abstract ofName(name: string): string | undefined;
  abstract ofVni(encap: string, vni: number): string | undefined;
  abstract ofMac(overlay: string, mac: string): string | undefined;
  abstract ofAnyMac(overlay: string): string | undefined;
  /** `vnic`: whose address it is to be. */
  abstract ofAddress(vnic: AddressPlace, address: string): string | undefined;
  /** What the VNICs of a trunk have in common, if there are any. */
  abstract ofTrunk(trunk: string): Shared | undefined;
  /** Whether the MAC has a static target on the overlay: then it is no VNIC's. */
  abstract isTarget(overlay: string, mac: string): boolean;

  /** Why an overlay cannot be beside what there is. */
  overlay({ name, encap, vni }: Claiming): Refusal[] {
    return [
      ...refusal('name', this.ofName(name), (holder) => nameTaken(name, holder)),
      ...refusal('vni', this.ofVni(encap, vni), (holder) => vniTaken(encap, vni, holder)),
    ];
  }

  /** Why a VNIC cannot that is new. Those of a trunk may differ in time: each follows its interface by itself. */
  newVnic(vnic: ClaimingVnic): Refusal[] {
    return [...this.vnic(vnic), ...this.#shared(vnic)];
  }

  /** Of one interface there is one MAC, one place and one end. */
  #shared(vnic: ClaimingVnic): Refusal[] {
    const { name, trunk } = vnic;
    const there = trunk && this.ofTrunk(trunk.name);
    if (trunk === undefined || there === undefined) return [];
    const facts = [
      ['mac', vnic.mac, there.mac],
      ['netns', placeName(vnic.netns) ?? OWN_NETNS, placeName(there.netns) ?? OWN_NETNS],
      ['temporary', String(vnic.temporary === true), String(there.temporary === true)],
    ] as const;
    return facts
      .filter(([, wanted, is]) => wanted !== is)
      .map(([what, , is]) => ({
        field: what === 'mac' ? what : 'name',
        error: trunkDiffers(name, trunk.name, what, is),
      }));
  }

  /** Why a VNIC cannot. */
  vnic(vnic: ClaimingVnic): Refusal[] {
    const { name, overlay, mac, allowAnyMac, addresses, trunk } = vnic;
    const anyMac = allowAnyMac ? this.ofAnyMac(overlay) : undefined;
    return [
      ...refusal('name', this.ofName(name), (holder) => nameTaken(name, holder)),
      ...(trunk === undefined ? [] : this.#trunk(name, trunk)),
      ...refusal('allow_any_mac', anyMac, (holder) => anyMacTaken(overlay, holder)),
      ...refusal('mac', this.ofMac(overlay, mac), (holder) => macTaken(mac, holder)),
      ...(this.isTarget(overlay, mac) ? [{ field: 'mac', error: macIsTarget(mac, overlay) } as const] : []),
      ...addresses.flatMap((address, index) =>
        refusal('addresses', this.ofAddress(vnic, address), (holder) => addressTaken(address, holder)).map((each) => ({
          ...each,
          index,
        })),
      ),
    ];
  }

  /** Its interface has a name too, which is that of its other VNICs' and of nothing else. */
  #trunk(name: string, trunk: TrunkPlace): Refusal[] {
    const wanted = memberName(trunk);
    const holder = this.ofName(trunk.name);
    return [
      ...(name === wanted
        ? []
        : [{ field: 'name', error: badTrunk(name, `a VNIC of it is named ${wanted}`) } as const]),
      ...refusal('name', holder === trunkHolder(trunk.name) ? undefined : holder, (other) =>
        nameTaken(trunk.name, other),
      ),
    ];
  }

  /** Throws when the MAC is that of a VNIC, which says itself where it is. */
  checkTargetMac(overlay: string, mac: string): void {
    const holder = this.ofMac(overlay, mac);
    if (holder !== undefined) throw targetIsVnic(mac, holder);
  }

  /** Throws when frames to the target would come back to the overlay, and no VNIC there takes them. */
  checkTarget(overlay: string, target: Target, listen: Listen): void {
    if (target === 'drop' || this.ofAnyMac(overlay) !== undefined || !isOwnEndpoint(listen, target)) return;
    throw pointsToItself(overlay, formatEndpoint(target));
  }
}

/** How a refusal names the interface of a trunk. */
export const trunkHolder = (trunk: string): string => `trunk ${trunk}`;

function refusal(
  field: Refusal['field'],
  holder: string | undefined,
  errorOf: (holder: string) => VxlaneError,
): Refusal[] {
  return holder === undefined ? [] : [{ field, error: errorOf(holder) }];
}
