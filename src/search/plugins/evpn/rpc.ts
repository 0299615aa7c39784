/**
 * The part of GoBGP's gRPC interface (3.x) that is used here: names, types and field numbers are those of its
 * `gobgp.proto` and `attribute.proto`. What may be one of several messages is an Any, whose type is in its URL.
 */
import { type Codec, Interface, message } from '../../grpc/messages.js';

const ANY = 'Any';

const MESSAGES = {
  Any: message({ type_url: [1, 'string'], value: [2, 'bytes'] }),
  Timestamp: message({ seconds: [1, 'int64'], nanos: [2, 'int32'] }),
  Family: message({ afi: [1, 'uint32'], safi: [2, 'uint32'] }),
  Path: message({
    nlri: [1, ANY],
    pattrs: [2, `${ANY}[]`],
    age: [3, 'Timestamp'],
    best: [4, 'bool'],
    is_withdraw: [5, 'bool'],
    family: [9, 'Family'],
    neighbor_ip: [15, 'string'],
  }),
  EthernetSegmentIdentifier: message({ type: [1, 'uint32'], value: [2, 'bytes'] }),
  EVPNMACIPAdvertisementRoute: message({
    rd: [1, ANY],
    esi: [2, 'EthernetSegmentIdentifier'],
    ethernet_tag: [3, 'uint32'],
    mac_address: [4, 'string'],
    ip_address: [5, 'string'],
    labels: [6, 'uint32[]'],
  }),
  EVPNInclusiveMulticastEthernetTagRoute: message({
    rd: [1, ANY],
    ethernet_tag: [2, 'uint32'],
    ip_address: [3, 'string'],
  }),
  RouteDistinguisherTwoOctetASN: message({ admin: [1, 'uint32'], assigned: [2, 'uint32'] }),
  RouteDistinguisherIPAddress: message({ admin: [1, 'string'], assigned: [2, 'uint32'] }),
  RouteDistinguisherFourOctetASN: message({ admin: [1, 'uint32'], assigned: [2, 'uint32'] }),
  OriginAttribute: message({ origin: [1, 'uint32'] }),
  MpReachNLRIAttribute: message({ family: [1, 'Family'], next_hops: [2, 'string[]'], nlris: [3, `${ANY}[]`] }),
  NextHopAttribute: message({ next_hop: [1, 'string'] }),
  ExtendedCommunitiesAttribute: message({ communities: [1, `${ANY}[]`] }),
  PmsiTunnelAttribute: message({
    flags: [1, 'uint32'],
    type: [2, 'uint32'],
    label: [3, 'uint32'],
    id: [4, 'bytes'],
  }),
  TwoOctetAsSpecificExtended: message({
    is_transitive: [1, 'bool'],
    sub_type: [2, 'uint32'],
    asn: [3, 'uint32'],
    local_admin: [4, 'uint32'],
  }),
  IPv4AddressSpecificExtended: message({
    is_transitive: [1, 'bool'],
    sub_type: [2, 'uint32'],
    address: [3, 'string'],
    local_admin: [4, 'uint32'],
  }),
  FourOctetAsSpecificExtended: message({
    is_transitive: [1, 'bool'],
    sub_type: [2, 'uint32'],
    asn: [3, 'uint32'],
    local_admin: [4, 'uint32'],
  }),
  EncapExtended: message({ tunnel_type: [1, 'uint32'] }),
  MacMobilityExtended: message({ is_sticky: [1, 'bool'], sequence_num: [2, 'uint32'] }),
  UnknownExtended: message({ type: [1, 'uint32'], value: [2, 'bytes'] }),
  Global: message({ asn: [1, 'uint32'], router_id: [2, 'string'] }),
  GetBgpRequest: message({}),
  GetBgpResponse: message({ global: [1, 'Global'] }),
  PeerConf: message({ neighbor_address: [4, 'string'], admin_down: [15, 'bool'] }),
  PeerState: message({ neighbor_address: [5, 'string'], session_state: [13, 'uint32'] }),
  Peer: message({ conf: [2, 'PeerConf'], state: [5, 'PeerState'] }),
  PeerFilter: message({}),
  TableFilter: message({ filters: [1, 'PathFilter[]'] }),
  PathFilter: message({ type: [1, 'uint32'], init: [2, 'bool'] }),
  WatchEventRequest: message({ peer: [1, 'PeerFilter'], table: [2, 'TableFilter'] }),
  WatchEventResponse: message({ peer: [2, 'PeerEvent'], table: [3, 'TableEvent'] }, { event: ['peer', 'table'] }),
  PeerEvent: message({ type: [1, 'uint32'], peer: [2, 'Peer'] }),
  TableEvent: message({ paths: [2, 'Path[]'] }),
  ListPathRequest: message({ table_type: [1, 'uint32'], family: [3, 'Family'] }),
  ListPathResponse: message({ destination: [1, 'Destination'] }),
  Destination: message({ prefix: [1, 'string'], paths: [2, 'Path[]'] }),
  AddPathStreamRequest: message({ table_type: [1, 'uint32'], paths: [3, 'Path[]'] }),
  Empty: message({}),
};

/** AFI L2VPN, SAFI EVPN (RFC 7432 section 20). */
export const EVPN = { afi: 25, safi: 70 } as const;

/** `type_url` ends with the name of the message. */
export interface Any {
  readonly type_url: string;
  readonly value: Uint8Array;
}

export interface Path {
  readonly nlri: Any | null;
  readonly pattrs: readonly Any[];
  /** When GoBGP got it. */
  readonly age?: { readonly seconds: number; readonly nanos: number } | null;
  readonly best?: boolean;
  readonly is_withdraw: boolean;
  readonly family: { readonly afi: number; readonly safi: number } | null;
  /** Who sent it; of what was added by an API, no address. */
  readonly neighbor_ip?: string;
}

export interface MacIpRoute {
  readonly rd: Any;
  readonly esi: { readonly type: number; readonly value: Uint8Array };
  readonly ethernet_tag: number;
  readonly mac_address: string;
  /** Empty, or GoBGP's `<nil>`: none. */
  readonly ip_address: string;
  readonly labels: readonly number[];
}

export interface MulticastRoute {
  readonly rd: Any;
  readonly ethernet_tag: number;
  readonly ip_address: string;
}

/** RFC 6514 section 5; type 6 is ingress replication, and `id` the address of the VTEP. */
export interface PmsiTunnel {
  readonly flags: number;
  readonly type: number;
  readonly label: number;
  readonly id: Uint8Array;
}

/** A route target: 2 octets of type and an administrator's number, whatever kind that is. */
export interface Specific {
  readonly is_transitive: boolean;
  readonly sub_type: number;
  readonly asn?: number;
  readonly address?: string;
  readonly local_admin: number;
}

export interface Peer {
  readonly conf: { readonly neighbor_address: string; readonly admin_down: boolean } | null;
  readonly state: { readonly neighbor_address: string; readonly session_state: number } | null;
}

export const PeerEvent = { init: 1, endOfInit: 2, state: 3 } as const;
export const SESSION_ESTABLISHED = 6;

export interface WatchEvent {
  readonly peer?: { readonly type: number; readonly peer: Peer | null };
  readonly table?: { readonly paths: readonly Path[] };
}

const GOBGP = new Interface('apipb.GobgpApi/', MESSAGES);
const TYPE = 'type.googleapis.com/apipb.';

function any<T>(name: string): { readonly name: string } & Codec<T> & { pack(value: T): Any } {
  const codec = GOBGP.codec<T>(name);
  return { name, ...codec, pack: (value) => ({ type_url: TYPE + name, value: codec.encode(value) }) };
}

/** What an Any holds; without the package, which differs between versions. */
export function nameOf({ type_url }: Any): string {
  return type_url.slice(type_url.lastIndexOf('.') + 1);
}

export const MAC_IP = any<MacIpRoute>('EVPNMACIPAdvertisementRoute');
export const MULTICAST = any<MulticastRoute>('EVPNInclusiveMulticastEthernetTagRoute');
export const RD_AS2 = any<{ admin: number; assigned: number }>('RouteDistinguisherTwoOctetASN');
export const RD_IP = any<{ admin: string; assigned: number }>('RouteDistinguisherIPAddress');
export const RD_AS4 = any<{ admin: number; assigned: number }>('RouteDistinguisherFourOctetASN');
export const ORIGIN = any<{ origin: number }>('OriginAttribute');
export const MP_REACH = any<{ family: typeof EVPN; next_hops: readonly string[]; nlris: readonly Any[] }>(
  'MpReachNLRIAttribute',
);
export const NEXT_HOP = any<{ next_hop: string }>('NextHopAttribute');
export const COMMUNITIES = any<{ communities: readonly Any[] }>('ExtendedCommunitiesAttribute');
export const PMSI = any<PmsiTunnel>('PmsiTunnelAttribute');
export const AS2_SPECIFIC = any<Specific>('TwoOctetAsSpecificExtended');
export const IP_SPECIFIC = any<Specific>('IPv4AddressSpecificExtended');
export const AS4_SPECIFIC = any<Specific>('FourOctetAsSpecificExtended');
export const ENCAP = any<{ tunnel_type: number }>('EncapExtended');
export const MOBILITY = any<{ is_sticky: boolean; sequence_num: number }>('MacMobilityExtended');
export const UNKNOWN = any<{ type: number; value: Uint8Array }>('UnknownExtended');

export const GET_BGP = GOBGP.method<object, { readonly global: { asn: number; router_id: string } | null }>(
  'GetBgp',
  'GetBgpRequest',
  'GetBgpResponse',
);
export const WATCH = GOBGP.method<object, WatchEvent>('WatchEvent', 'WatchEventRequest', 'WatchEventResponse');
export const LIST_PATH = GOBGP.method<object, { readonly destination: { readonly paths: readonly Path[] } | null }>(
  'ListPath',
  'ListPathRequest',
  'ListPathResponse',
);
export const ADD_PATHS = GOBGP.method<{ table_type: number; paths: readonly Path[] }, object>(
  'AddPathStream',
  'AddPathStreamRequest',
  'Empty',
);
