// Addresses of the fixed tables: overlays, VNICs, sockets, endpoints, flood lists. The host fills them through typed
// arrays; the field names are the offsets of layout.ts.

import {
  ENDPOINTS_BASE,
  ENDPOINTS_MAX,
  EP_SIZE,
  FLOOD_BASE,
  FLOOD_LISTS_MAX,
  FLOOD_LIST_SIZE,
  HDR_TRUNKS,
  LIMITS_BASE,
  OVERLAYS_BASE,
  OVERLAYS_MAX,
  OVL_SIZE,
  SOCKETS_BASE,
  SOCK_OWNER,
  SOCK_SIZE,
  TRUNKS_BASE,
  TRUNKS_MAX,
  TRUNK_SIZE,
  VNICS_BASE,
  VNICS_MAX,
  VNIC_LIMITS_SIZE,
  VNIC_SIZE,
  VNIC_TAG,
} from '../layout';

@inline
export function overlayAt(index: u32): usize {
  assert(index < <u32>OVERLAYS_MAX);
  return <usize>OVERLAYS_BASE + <usize>index * OVL_SIZE;
}

@inline
export function vnicAt(index: u32): usize {
  assert(index < <u32>VNICS_MAX);
  return <usize>VNICS_BASE + <usize>index * VNIC_SIZE;
}

// Whether a VNIC shares its TAP, where its frames need a tag, or tell it from others by having none. Most hosts have no
// such TAP, and then its record is not looked at.
@inline
export function vnicHasTag(index: u32): bool {
  return load<u32>(HDR_TRUNKS) != 0 && load<u32>(vnicAt(index), VNIC_TAG) != 0;
}

// The VNICs of a trunk by VLAN id.
@inline
export function trunkAt(index: u32): usize {
  assert(index < <u32>TRUNKS_MAX);
  return <usize>TRUNKS_BASE + <usize>index * TRUNK_SIZE;
}

// The buckets of a VNIC.
@inline
export function limitsAt(index: u32): usize {
  assert(index < <u32>VNICS_MAX);
  return <usize>LIMITS_BASE + <usize>index * VNIC_LIMITS_SIZE;
}

@inline
export function socketAt(index: u32): usize {
  return <usize>SOCKETS_BASE + <usize>index * SOCK_SIZE;
}

// The socket whose overlays get what arrives on this one.
@inline
export function socketOwner(index: u32): u32 {
  return load<u32>(socketAt(index), SOCK_OWNER);
}

@inline
export function endpointAt(index: u32): usize {
  assert(index < <u32>ENDPOINTS_MAX);
  return <usize>ENDPOINTS_BASE + <usize>index * EP_SIZE;
}

@inline
export function floodListAt(index: u32): usize {
  assert(index < <u32>FLOOD_LISTS_MAX);
  return <usize>FLOOD_BASE + <usize>index * FLOOD_LIST_SIZE;
}
