/** What an overlay's record says in bits. */
import {
  MARK_FRAGMENT,
  MARK_TOS,
  MARK_TTL,
  MARK_TTL_SHIFT,
  OUTER_TTL,
  OVL_FLAG_ACCEPT_PARTIAL,
  OVL_FLAG_ANNOUNCED,
  OVL_FLAG_CHECK_FDB,
  OVL_FLAG_CHECK_VTEP,
  OVL_FLAG_COALESCE_TCP,
  OVL_FLAG_COALESCE_UDP,
  OVL_FLAG_ECN,
  OVL_FLAG_FLOOD_UNKNOWN,
  OVL_FLAG_LEARN,
  OVL_FLAG_LIVE,
  OVL_FLAG_LOOKUP,
  OVL_FLAG_POINT,
  OVL_FLAG_PROXY_ARP,
  OVL_FLAG_PROXY_DHCP,
  OVL_FLAG_PROXY_NDP,
  OVL_FLAG_REFUSE_FRAGMENTS,
  OVL_FLAG_RETURNS,
  OVL_FLAG_ROUTERS,
  OVL_FLAG_SEGMENT,
  OVL_FLAG_SNOOP,
  OVL_FLAG_STRICT_HEADER,
  POLICY_GROUP,
  VNIC_FILTER_SHIFT,
} from '../../assembly/layout.js';
import type { OuterHeader } from '../outer-header.js';
import type { OverlayConfig } from './types.js';

const DSCP_SHIFT = 2; // in a TOS, above ECN
const ECN_BITS = 3;

/** What the outer headers of its datagrams say whatever is inside (MARK_* of the layout). */
export function ownMark({ dscp, ttl, df }: OuterHeader): number {
  const ownTtl = ttl === 'inherit' || ttl === OUTER_TTL ? 0 : ttl;
  return (
    (dscp === 'inherit' ? 0 : dscp << DSCP_SHIFT) | (ownTtl << MARK_TTL_SHIFT) | (df === 'unset' ? MARK_FRAGMENT : 0)
  );
}

/** The bits of a mark that the packet inside decides. */
export function copiedMark({ ecn, dscp, ttl, df }: OuterHeader): number {
  return (
    (ecn === 'normal' ? ECN_BITS : 0) |
    (dscp === 'inherit' ? MARK_TOS & ~ECN_BITS : 0) |
    (ttl === 'inherit' ? MARK_TTL : 0) |
    (df === 'inherit' ? MARK_FRAGMENT : 0)
  );
}

function sourceFlags({ sourceCheck }: OverlayConfig): number {
  if (sourceCheck === 'vtep') return OVL_FLAG_CHECK_VTEP;
  return sourceCheck === 'fdb' ? OVL_FLAG_CHECK_VTEP | OVL_FLAG_CHECK_FDB : 0;
}

/** The bit of a VNIC's MAC, as a number of 48 bits, in its overlay's OVL_VNIC_FILTER. */
export function filterBit(mac: number): number {
  return 1 << (Math.floor(mac / 2 ** VNIC_FILTER_SHIFT) % 32);
}

/** A group policy id as OVL_POLICY has it. */
export function policyWord(group: number | null = null): number {
  return group === null ? 0 : POLICY_GROUP + group;
}

export function overlayFlags(config: OverlayConfig): number {
  return (
    OVL_FLAG_LIVE |
    (config.strictHeader ? OVL_FLAG_STRICT_HEADER : 0) |
    (config.proxyArp ? OVL_FLAG_PROXY_ARP : 0) |
    (config.proxyNdp ? OVL_FLAG_PROXY_NDP : 0) |
    (config.proxyDhcp ? OVL_FLAG_PROXY_DHCP : 0) |
    (config.lookup ? OVL_FLAG_LOOKUP : 0) |
    (config.flood?.unknown ? OVL_FLAG_FLOOD_UNKNOWN : 0) |
    (config.learn ? OVL_FLAG_LEARN : 0) |
    (config.returns ? OVL_FLAG_RETURNS : 0) |
    sourceFlags(config) |
    (config.snoop ? OVL_FLAG_SNOOP : 0) |
    (config.announced ? OVL_FLAG_ANNOUNCED : 0) |
    (config.routers ? OVL_FLAG_ROUTERS : 0) |
    (config.point === null ? 0 : OVL_FLAG_POINT) |
    (config.segment ? OVL_FLAG_SEGMENT : 0) |
    (config.coalesceTcp ? OVL_FLAG_COALESCE_TCP : 0) |
    (config.coalesceUdp ? OVL_FLAG_COALESCE_UDP : 0) |
    (config.acceptPartial ? OVL_FLAG_ACCEPT_PARTIAL : 0) |
    (config.outer.ecn === 'off' ? 0 : OVL_FLAG_ECN) |
    (config.outer.fragments === 'drop' ? OVL_FLAG_REFUSE_FRAGMENTS : 0)
  );
}
