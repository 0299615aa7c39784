// Addresses of the fixed tables: overlays, VNICs, sockets, endpoints. The host fills them through typed arrays; the
// field names are the offsets of layout.ts.

import {
  ENDPOINTS_BASE,
  ENDPOINTS_MAX,
  EP_SIZE,
  OVERLAYS_BASE,
  OVERLAYS_MAX,
  OVL_SIZE,
  SOCKETS_BASE,
  SOCK_SIZE,
  VNICS_BASE,
  VNICS_MAX,
  VNIC_SIZE,
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

@inline
export function socketAt(index: u32): usize {
  return <usize>SOCKETS_BASE + <usize>index * SOCK_SIZE;
}

@inline
export function endpointAt(index: u32): usize {
  assert(index < <u32>ENDPOINTS_MAX);
  return <usize>ENDPOINTS_BASE + <usize>index * EP_SIZE;
}
