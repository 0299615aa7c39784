// The header before a frame, behind UDP or IP, whatever its kind: the one table of what the kinds differ in.
//
//  kind        where it is specified               file
//  vxlan       RFC 7348                            vxlan.ts
//              draft-smith-vxlan-group-policy-05   gbp.ts, where the overlay has a group policy id
//  vxlan_gpe   draft-ietf-nvo3-vxlan-gpe-13        gpe.ts
//  geneve      RFC 8926                            geneve.ts
//  nvgre       RFC 7637                            nvgre.ts, behind IP
//
// All have 8 bytes, and the VNI in the same three. So an overlay's header is a word that is copied, and a datagram
// whose word is that of the last one needs no second look, whatever the kind is. Options are taken off before.

import { Drop, Encapsulation, VXLAN_HLEN } from '../layout';
import { load32be, store64be } from './bytes';
import { GBP_BITS, gbpWord } from './gbp';
import {
  GENEVE_WORD,
  geneveHasOptions,
  geneveIsControl,
  geneveRefusal,
  geneveReservedBits,
  geneveSkipOptions,
} from './geneve';
import { GPE_WORD, gpeIsControl, gpeRefusal, gpeReservedBits } from './gpe';
import { NVGRE_WORD, nvgreHasKey, nvgreIsOwn, nvgreRefusal, nvgreReservedBits, nvgreWithFlow } from './nvgre';
import { VXLAN_WORD, vxlanHasVni, vxlanReservedBitsBut } from './vxlan';

const VNI: usize = 4; // u32: 24 bits of VNI, 8 that are not

/** Whether `len` bytes hold the header; what reads it may be used only after this. */
@inline
export function tunnelCheck(len: u32): bool {
  return len >= <u32>VXLAN_HLEN;
}

/** All of the header as one word, in memory's order: only to compare. */
@inline
export function tunnelHeader(datagram: usize): u64 {
  return load<u64>(datagram);
}

/** The VNI, 0..16777215. */
@inline
export function tunnelVni(datagram: usize): u32 {
  return load32be(datagram, VNI) >> 8;
}

/** Writes the 8 bytes of the header. `policy`: as in OVL_POLICY, 0 where the kind has no such thing. */
export function tunnelStamp(datagram: usize, kind: Encapsulation, vni: u32, policy: u32): void {
  assert(vni <= 0xff_ffff);
  store64be(datagram, 0, (<u64>firstWord(kind, policy) << 32) | (<u64>vni << 8));
}

function firstWord(kind: Encapsulation, policy: u32): u32 {
  if (kind == Encapsulation.vxlan_gpe) return GPE_WORD;
  if (kind == Encapsulation.geneve) return GENEVE_WORD;
  if (kind == Encapsulation.nvgre) return NVGRE_WORD;
  return policy == 0 ? VXLAN_WORD : VXLAN_WORD | gbpWord(policy);
}

/** Whether the VNI means something. */
@inline
export function tunnelHasVni(kind: Encapsulation, datagram: usize): bool {
  if (kind == Encapsulation.nvgre) return nvgreHasKey(datagram);
  return kind == Encapsulation.geneve || vxlanHasVni(datagram);
}

/** Why what is behind the header may not be looked at as an Ethernet frame. */
export function tunnelRefusal(kind: Encapsulation, datagram: usize): Drop {
  if (kind == Encapsulation.vxlan_gpe) return gpeRefusal(datagram);
  if (kind == Encapsulation.geneve) return geneveRefusal(datagram);
  if (kind == Encapsulation.nvgre) return nvgreRefusal(datagram);
  return vxlanHasVni(datagram) ? Drop.none : Drop.bad_vxlan_header;
}

/** Whether a bit is set that means nothing in an overlay of this `policy` (OVL_POLICY). */
export function tunnelReservedBits(kind: Encapsulation, datagram: usize, policy: u32): bool {
  if (kind == Encapsulation.vxlan_gpe) return gpeReservedBits(datagram);
  if (kind == Encapsulation.geneve) return geneveReservedBits(datagram);
  if (kind == Encapsulation.nvgre) return nvgreReservedBits(datagram);
  return vxlanReservedBitsBut(datagram, policy == 0 ? 0 : GBP_BITS);
}

/** Whether it says that it is for the VTEP itself. */
export function tunnelIsControl(kind: Encapsulation, datagram: usize): bool {
  if (kind == Encapsulation.vxlan_gpe) return gpeIsControl(datagram);
  return kind == Encapsulation.geneve && geneveIsControl(datagram);
}

/**
 * Bytes of options between header and frame of a datagram of `len` bytes; the header then stands behind them, and says
 * of none. To be called before anything else looks at the datagram, but to compare its header.
 */
@inline
export function tunnelSkipOptions(kind: Encapsulation, datagram: usize, len: u32): u32 {
  return kind == Encapsulation.geneve ? geneveSkipOptions(datagram, len) : 0;
}

/** Whether a frame does not stand behind the header: {@link tunnelSkipOptions} comes first. */
@inline
export function tunnelHasOptions(kind: Encapsulation, datagram: usize): bool {
  return kind == Encapsulation.geneve && geneveHasOptions(datagram);
}

/**
 * Whether an overlay's header, as one word, has a place for the flow of a frame ({@link tunnelWithFlow}). That of the
 * others is told by the UDP source port.
 */
@inline
export function tunnelHasFlow(header: u64): bool {
  return nvgreIsOwn(header);
}

/** The header of an overlay, with the flow of a frame in it, of which `hash` is made. */
@inline
export function tunnelWithFlow(header: u64, hash: u32): u64 {
  return nvgreWithFlow(header, hash);
}

/** Whether datagrams come by a raw socket, which over IPv4 gives their IP header along (raw(7)). */
@inline
export function tunnelIsBehindIp(kind: Encapsulation): bool {
  return kind == Encapsulation.nvgre;
}
