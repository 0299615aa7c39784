// What the kernel does for the whole-batch benches: new frames in the slots.

import { VNET_SIZE, VXLAN_HLEN } from '../../assembly/layout';
import { ethSetDst, ethSetSrc } from '../../assembly/wire/ethernet';
import { vnetClear } from '../../assembly/wire/virtio';
import { vxlanStamp } from '../../assembly/wire/vxlan';
import { keyAt } from './random';

// Writes the MAC of `slots` keys from `from` on as the destinations of the frames in the slots.
export function addressFrames(base: usize, stride: u32, slots: u32, keys: usize, from: u32): void {
  for (let index: u32 = 0; index < slots; index++) {
    ethSetDst(base + <usize>(index * stride), load<u64>(keyAt(keys, from + index)) & 0xffff_ffff_ffff);
  }
}

// The same of the frames in datagrams, and a VXLAN header before each: the datapath may have written over the last one.
export function addressDatagrams(base: usize, stride: u32, slots: u32, keys: usize, from: u32, vni: u32): void {
  for (let index: u32 = 0; index < slots; index++) vxlanStamp(base + <usize>(index * stride) - VXLAN_HLEN, vni);
  addressFrames(base, stride, slots, keys, from);
}

// The same of their sources.
export function nameSenders(base: usize, stride: u32, slots: u32, keys: usize, from: u32): void {
  for (let index: u32 = 0; index < slots; index++) {
    ethSetSrc(base + <usize>(index * stride), load<u64>(keyAt(keys, from + index)) & 0xffff_ffff_ffff);
  }
}

// What reads of a TAP put into slots: a virtio_net_hdr, and a frame with the MAC of a key as its destination.
export function readFrames(base: usize, stride: u32, slots: u32, keys: usize, from: u32): void {
  for (let index: u32 = 0; index < slots; index++) {
    const at = base + <usize>(index * stride);
    vnetClear(at);
    ethSetDst(at + VNET_SIZE, load<u64>(keyAt(keys, from + index)) & 0xffff_ffff_ffff);
  }
}
