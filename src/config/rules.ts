/**
 * What may not be, whoever asks for it: a command, a configuration file, or what was kept over a restart. Each says the
 * same of the same mistake; who adds where it stands. Every refusal is a VxlaneError.
 */
import {
  type Endpoint,
  formatEndpoint,
  ipFamily,
  isLinkLocal6,
  isMulticastMac,
  type Listen,
  parseEndpoint,
  parseMac,
} from '../address.js';
import {
  addressTaken,
  anyMacTaken,
  badDestination,
  badMac,
  badTargetMac,
  badVnicMac,
  macIsTarget,
  macTaken,
  nameTaken,
  pointsToItself,
  targetIsVnic,
  targetsOfPoint,
  type VxlaneError,
  vniTaken,
  wrongFamily,
} from '../errors.js';
import { isOwnEndpoint } from '../overlay-properties/listen.js';
import type { Target } from '../search/api.js';
import { isHostAddress } from '../search/host/answers.js';
import type { Manifest } from '../search/host/messages.js';
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
export function wantedMac(text: string, { name, overlay }: Pick<VnicModel, 'name' | 'overlay'>): string {
  return text.toLowerCase() === 'auto' ? autoMac(overlay, name) : vnicMac(text);
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
 * Where a static target is, by its text. Throws when that is no place, or none that `listen` can send to.
 * null: where the overlay listens is not known.
 */
export function targetOf(text: string, listen: Endpoint | null): Target {
  if (text.toLowerCase() === 'drop') return 'drop';
  const endpoint = parseEndpoint(text);
  if (endpoint === null || !isHostAddress(endpoint.ip)) throw badDestination(text);
  if (listen !== null && ipFamily(endpoint.ip) !== ipFamily(listen.ip)) {
    throw wrongFamily(formatEndpoint(endpoint), listen.ip);
  }
  return endpoint;
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

type ClaimingVnic = Omit<VnicModel, 'temporary'>;

/** Where `ip netns` keeps namespaces: a path there is another spelling of the name. */
const NETNS_PATH = /^\/(?:var\/)?run\/netns\//;

/** Link-local ones mean something on one link alone (RFC 4007 section 6), and each overlay is one. */
function addressClaim({ overlay, netns }: ClaimingVnic, address: string): string {
  const ip = ipOf(address);
  const place = netns?.replace(NETNS_PATH, '') ?? '';
  return `address ${place} ${isLinkLocal6(ip) ? overlay : ''} ${ip}`;
}

/** Who has what only one may have: a name, a VNI, a MAC on an overlay, the right to any MAC there, an address. */
export class Taken {
  /** By what is taken, who has it. The first keeps it. */
  readonly #holders = new Map<string, string>();
  /** By name of the overlay. */
  readonly #targets = new Map<string, OverlayModel['targets']>();

  /** `holder`: how a refusal names it. */
  addOverlay({ name, vni }: Pick<OverlayModel, 'name' | 'vni'>, holder = `overlay ${name}`): void {
    this.addName(name, holder);
    this.#add(`vni ${vni}`, holder);
  }

  /** Of which nothing else is known. */
  addName(name: string, holder: string): void {
    this.#add(`name ${name}`, holder);
  }

  /** Static targets of an overlay: their MACs are no VNIC's. */
  addTargets(overlay: string, targets: OverlayModel['targets']): void {
    this.#targets.set(overlay, targets);
  }

  addVnic(vnic: ClaimingVnic, holder = `VNIC ${vnic.name}`): void {
    const { name, overlay, mac, allowAnyMac, addresses } = vnic;
    this.addName(name, holder);
    this.#add(`mac ${overlay} ${mac}`, holder);
    if (allowAnyMac) this.#add(`any ${overlay}`, holder);
    for (const address of addresses) this.#add(addressClaim(vnic, address), holder);
  }

  /** Why an overlay cannot be beside what there is. */
  overlay({ name, vni }: Pick<OverlayModel, 'name' | 'vni'>): Refusal[] {
    return [
      ...this.#refusal('name', `name ${name}`, (holder) => nameTaken(name, holder)),
      ...this.#refusal('vni', `vni ${vni}`, (holder) => vniTaken(vni, holder)),
    ];
  }

  /** Why a VNIC cannot. */
  vnic(vnic: ClaimingVnic): Refusal[] {
    const { name, overlay, mac, allowAnyMac, addresses } = vnic;
    const isTarget = this.#targets.get(overlay)?.has(mac) === true;
    return [
      ...this.#refusal('name', `name ${name}`, (holder) => nameTaken(name, holder)),
      ...this.#refusal('mac', `mac ${overlay} ${mac}`, (holder) => macTaken(mac, holder)),
      ...(isTarget ? [{ field: 'mac', error: macIsTarget(mac, overlay) } as const] : []),
      ...(allowAnyMac
        ? this.#refusal('allow_any_mac', `any ${overlay}`, (holder) => anyMacTaken(overlay, holder))
        : []),
      ...addresses.flatMap((address, index) =>
        this.#refusal('addresses', addressClaim(vnic, address), (holder) => addressTaken(address, holder)).map(
          (refusal) => ({ ...refusal, index }),
        ),
      ),
    ];
  }

  /** Throws when the MAC is that of a VNIC, which says itself where it is. */
  checkTargetMac(overlay: string, mac: string): void {
    const holder = this.#holders.get(`mac ${overlay} ${mac}`);
    if (holder !== undefined) throw targetIsVnic(mac, holder);
  }

  /** Throws when frames to the target would come back to the overlay, and no VNIC there takes them. */
  checkTarget(overlay: string, target: Target, listen: Listen): void {
    if (target === 'drop' || this.#holders.has(`any ${overlay}`) || !isOwnEndpoint(listen, target)) return;
    throw pointsToItself(overlay, formatEndpoint(target));
  }

  #add(what: string, holder: string): void {
    if (!this.#holders.has(what)) this.#holders.set(what, holder);
  }

  #refusal(field: Refusal['field'], what: string, errorOf: (holder: string) => VxlaneError): Refusal[] {
    const holder = this.#holders.get(what);
    return holder === undefined ? [] : [{ field, error: errorOf(holder) }];
  }
}
