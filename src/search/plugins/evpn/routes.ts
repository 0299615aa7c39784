/**
 * Routes as GoBGP has them, to what an overlay needs of them and back: type 2, where a MAC is and which address it has,
 * and type 3, who wants a copy of what is flooded (RFC 7432 section 7, RFC 8365 section 5).
 */
import { ipBytes, ipFamily, ipFromBytes, isMulticastMac, parseIp, parseMac } from '../../../address.js';
import { notUnicast } from '../underlay.js';
import { packRd, packTarget, targetsAmong } from './communities.js';
import type { Advertised, Keyed } from './route.js';
import {
  type Any,
  COMMUNITIES,
  ENCAP,
  EVPN,
  MAC_IP,
  MOBILITY,
  MP_REACH,
  MULTICAST,
  NEXT_HOP,
  nameOf,
  ORIGIN,
  type Path,
  PMSI,
  UNKNOWN,
} from './rpc.js';
import type { EvpnSettings, Fabric } from './settings.js';

/** Of the encapsulation community (RFC 9012, RFC 8365 section 5.1.3). */
const TUNNEL_VXLAN = 8;
/** Of the tunnel attribute (RFC 6514 section 5). */
const INGRESS_REPLICATION = 6;
/** RFC 9047: ARP/ND extended community. GoBGP does not know it, and hands over what follows the type. */
const EVPN_COMMUNITY = 6;
const NEIGHBOUR_SUBTYPE = 8;
const ROUTER_FLAG = 1;

/** For one connection: what GoBGP says of itself decides which routes are ours. */
export class RouteCodec {
  readonly #settings: EvpnSettings;
  readonly #targets: Fabric['targets'];
  readonly #rd: Any;
  readonly #rdText: string;

  constructor(settings: EvpnSettings, { rd, targets }: Fabric) {
    this.#settings = settings;
    this.#targets = targets;
    this.#rd = packRd(rd);
    this.#rdText = rdText(this.#rd);
  }

  /** null: it is of another kind. */
  read(path: Path): Keyed | null {
    if (path.nlri === null) return null;
    const name = nameOf(path.nlri);
    if (name === MAC_IP.name) return this.#readMac(path, path.nlri);
    return name === MULTICAST.name ? this.#readVtep(path, path.nlri) : null;
  }

  #readMac(path: Path, nlri: Any): Keyed {
    const { rd, ethernet_tag, mac_address, ip_address, labels } = MAC_IP.decode(nlri.value);
    const ip = parseIp(ip_address);
    const key = keyOf(rd, ethernet_tag, mac_address, ip ?? '');
    const said = this.#readCommon(path, rd);
    const mac = parseMac(mac_address);
    if (said === null || mac === null || !isHostMac(mac) || ethernet_tag !== 0) return useless(key);
    const { vtep, communities, isOwn } = said;
    const isForUs = labels[0] === this.#settings.vni;
    if (!isOwn && !isForUs) return useless(key);
    const moved = decoded(communities, MOBILITY)[0];
    const [sequence, isSticky] = [moved?.sequence_num ?? 0, moved?.is_sticky ?? false];
    const isRouter = decoded(communities, UNKNOWN).some(saysRouter);
    const atMs = (path.age?.seconds ?? 0) * 1000 + Math.floor((path.age?.nanos ?? 0) / 1e6);
    const isCurrent = isForUs && said.isCurrent;
    return { key, isOwn, isCurrent, route: { kind: 'mac', mac, ip, vtep, sequence, isSticky, isRouter, atMs } };
  }

  #readVtep(path: Path, nlri: Any): Keyed {
    const { rd, ethernet_tag, ip_address } = MULTICAST.decode(nlri.value);
    const key = keyOf(rd, ethernet_tag, 'vtep', ip_address);
    const said = this.#readCommon(path, rd);
    const tunnel = decoded(path.pattrs, PMSI)[0];
    if (said === null || tunnel?.type !== INGRESS_REPLICATION) return useless(key);
    const { isOwn } = said;
    const isForUs = tunnel.label === this.#settings.vni;
    const vtep = addressOf(tunnel.id);
    if (vtep === null || (!isOwn && !isForUs) || !this.#canBePeer(vtep)) return useless(key);
    if (isOwn && said.vtep !== this.#settings.vtep) return useless(key); // its key has the address that was ours
    return { key, isOwn, isCurrent: isForUs && said.isCurrent, route: { kind: 'vtep', vtep } };
  }

  /**
   * What all routes say; null: it is withdrawn, or not for this overlay. What this host has told is its own whatever it
   * imports, and also where it would tell it otherwise now (targets, label, next hop): then it is not current.
   */
  #readCommon({ is_withdraw, pattrs, neighbor_ip = '' }: Path, rd: Any) {
    if (is_withdraw) return null;
    const { vtep: own } = this.#settings;
    const communities = decoded(pattrs, COMMUNITIES).flatMap(({ communities: all }) => all);
    const hop = decoded(pattrs, MP_REACH)[0]?.next_hops[0] ?? decoded(pattrs, NEXT_HOP)[0]?.next_hop ?? '';
    const vtep = parseIp(hop);
    if (vtep === null) return null;
    const targets = targetsAmong(communities);
    // With another next hop it is of an instance before or after this one: it has our key, and came by an API.
    if (rdText(rd) === this.#rdText && (vtep === own || parseIp(neighbor_ip) === null)) {
      const isCurrent = vtep === own && isSameSet(targets, this.#targets.exports);
      return { communities, vtep, isOwn: true, isCurrent };
    }
    // What somebody else says of this host is not for us.
    if (vtep === own || !this.#canBePeer(vtep) || !this.#targets.imports(targets)) return null;
    const tunnels = decoded(communities, ENCAP);
    if (tunnels.length > 0 && !tunnels.some(({ tunnel_type }) => tunnel_type === TUNNEL_VXLAN)) return null;
    return { communities, vtep, isOwn: false, isCurrent: false };
  }

  /** One host of our family: the host refuses everything that a plugin says together with anything else. */
  #canBePeer(ip: string): boolean {
    return ipFamily(ip) === ipFamily(this.#settings.vtep) && notUnicast(ip) === null;
  }

  /** The route that says so, or takes it back. */
  write(advertised: Advertised, isWithdraw: boolean): Path {
    const { vtep, vni } = this.#settings;
    const rd = this.#rd;
    const isVtep = advertised === 'vtep';
    const nlri = isVtep
      ? MULTICAST.pack({ rd, ethernet_tag: 0, ip_address: vtep })
      : MAC_IP.pack({
          ...{ rd, ethernet_tag: 0, mac_address: advertised.mac, ip_address: advertised.ip ?? '', labels: [vni] },
          esi: { type: 0, value: new Uint8Array(9) },
        });
    const communities = [...this.#targets.exports.map(packTarget), ENCAP.pack({ tunnel_type: TUNNEL_VXLAN })];
    // GoBGP refuses a number below those that it knows, also of what is taken back.
    if (!isVtep && !isWithdraw && advertised.sequence > 0) {
      communities.push(MOBILITY.pack({ is_sticky: false, sequence_num: advertised.sequence }));
    }
    const pattrs = [
      ORIGIN.pack({ origin: 0 }),
      MP_REACH.pack({ family: EVPN, next_hops: [vtep], nlris: [nlri] }),
      COMMUNITIES.pack({ communities }),
    ];
    if (isVtep) pattrs.push(PMSI.pack({ flags: 0, type: INGRESS_REPLICATION, label: vni, id: ipBytes(vtep) }));
    return { nlri, pattrs, is_withdraw: isWithdraw, family: EVPN };
  }
}

/** Withdrawn, or nothing for this overlay: whatever was there before is no more. */
function useless(key: string): Keyed {
  return { key, isOwn: false, isCurrent: false, route: null };
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return [...new Set(a)].sort().join() === [...new Set(b)].sort().join();
}

function isHostMac(mac: string): boolean {
  return !isMulticastMac(mac) && mac !== '00:00:00:00:00:00';
}

function saysRouter({ type, value }: { readonly type: number; readonly value: Uint8Array }): boolean {
  return type === EVPN_COMMUNITY && value[0] === NEIGHBOUR_SUBTYPE && ((value[1] ?? 0) & ROUTER_FLAG) !== 0;
}

function decoded<T>(all: readonly Any[], codec: { readonly name: string; decode(bytes: Uint8Array): T }): T[] {
  return all.filter((each) => nameOf(each) === codec.name).map(({ value }) => codec.decode(value));
}

function rdText({ type_url, value }: Any): string {
  return `${type_url} ${Buffer.from(value).toString('hex')}`;
}

function keyOf(rd: Any, tag: number, what: string, ip: string): string {
  return `${rdText(rd)} ${tag} ${what} ${ip}`;
}

function addressOf(id: Uint8Array): string | null {
  return id.length === 4 || id.length === 16 ? ipFromBytes(id) : null;
}
