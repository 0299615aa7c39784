/** Records of a capture ring as plain data. */
import {
  ARRIVED_IN_FRAGMENTS,
  CAP_BYTES,
  CAP_DATA,
  CAP_FRAMES,
  CAP_HEADER,
  CAP_LEN,
  CAP_MARK,
  CAP_OUTPUTS,
  CAP_OVERLAY,
  CAP_OVERLAY_INCARNATION,
  CAP_REASON,
  CAP_SOCKADDR,
  CAP_SOURCE,
  CAP_TIME,
  CAP_TO_SOCKADDR,
  CAP_TO_VNIC,
  CAP_VERDICT,
  CAP_VNIC,
  CAP_VNIC_INCARNATION,
  CAP_WANTED,
  Capture,
  Drop,
  EP_SOCKADDR_MAX,
  MARK_FRAGMENT,
  MARK_TOS,
  MARK_TTL,
  MARK_TTL_SHIFT,
  OUTER_TTL,
  OVERLAYS_BASE,
  OVL_HEADER,
  OVL_INCARNATION,
  OVL_SIZE,
  OVL_SOCKET,
  REC_TYPE,
  SOCK_ADDRESS,
  SOCK_ENCAPSULATION,
  SOCK_PORT,
  SOCK_SIZE,
  SOCK_SOURCE_PORTS,
  SOCKETS_BASE,
  SOURCES_MAX,
  Verdict,
  VNIC_INCARNATION,
  VNIC_SIZE,
  VNICS_BASE,
  VXLAN_HLEN,
} from '../../assembly/layout.js';
import { type Endpoint, ipFromBytes } from '../address.js';
import { endpointOfSockaddr } from '../system/sockaddr.js';
import type { CapturedFrame, CapturedUnderlay } from './capture-types.js';
import { encapOf } from './encapsulation.js';
import type { Views } from './memory.js';
import type { DropReason, OverlayIndex, VnicIndex } from './types.js';

export class CaptureRecords {
  readonly #views: Views;

  constructor(views: Views) {
    this.#views = views;
  }

  /** A bit per capture that wants it. */
  wanted(record: number): number {
    return this.#views.u32[(record + CAP_WANTED) >> 2]!;
  }

  decode(record: number): CapturedFrame {
    const { u8, u32, u64 } = this.#views;
    const field = (offset: number): number => u32[(record + offset) >> 2]!;
    const reason = field(CAP_REASON);
    const start = record + CAP_DATA;
    const point = Capture[field(REC_TYPE)] as CapturedFrame['point'];
    return {
      point,
      timeNs: u64[(record + CAP_TIME) >> 3]!,
      overlay: this.#overlay(field(CAP_OVERLAY), field(CAP_OVERLAY_INCARNATION)),
      vnic: this.#vnic(field(CAP_VNIC), field(CAP_VNIC_INCARNATION)),
      underlay: {
        ...this.#socket(field(CAP_SOURCE), point === 'to_underlay'),
        peer: this.#peer(record + CAP_SOCKADDR),
        ...outerOf(field(CAP_MARK), point === 'to_underlay'),
        vxlanHeader: u8.slice(record + CAP_HEADER, record + CAP_HEADER + VXLAN_HLEN),
      },
      frames: field(CAP_FRAMES),
      length: field(CAP_LEN),
      bytes: u8.subarray(start, start + field(CAP_BYTES)),
      reason: reason === Drop.none ? null : (Drop[reason] as DropReason),
      verdict: Verdict[field(CAP_VERDICT)] as CapturedFrame['verdict'],
      outputs: field(CAP_OUTPUTS),
      to: field(CAP_TO_VNIC) !== 0 ? field(CAP_TO_VNIC) : this.#peer(record + CAP_TO_SOCKADDR),
    };
  }

  /** A frame of a VNIC that the host drops. */
  dropped(overlay: OverlayIndex, vnic: VnicIndex, frame: Uint8Array, reason: DropReason, timeNs: bigint) {
    const { u8, u32 } = this.#views;
    const record = OVERLAYS_BASE + overlay * OVL_SIZE;
    const dropped: CapturedFrame = {
      ...{ point: 'dropped', timeNs, overlay, vnic, reason, verdict: 'none', outputs: 0, to: null, frames: 1 },
      underlay: {
        ...this.#socket(u32[(record + OVL_SOCKET) >> 2]! * SOURCES_MAX, false),
        ...outerOf(0, false),
        peer: null,
        vxlanHeader: u8.slice(record + OVL_HEADER, record + OVL_HEADER + VXLAN_HLEN),
      },
      length: frame.length,
      bytes: frame,
    };
    return dropped;
  }

  /** null: it is gone, and its index may be another's. */
  #overlay(index: OverlayIndex, incarnation: number): OverlayIndex | null {
    const now = this.#views.u32[(OVERLAYS_BASE + index * OVL_SIZE + OVL_INCARNATION) >> 2];
    return index === 0 || now === incarnation ? index : null;
  }

  #vnic(index: VnicIndex, incarnation: number): VnicIndex | null {
    const now = this.#views.u32[(VNICS_BASE + index * VNIC_SIZE + VNIC_INCARNATION) >> 2];
    return index === 0 || now === incarnation ? index : null;
  }

  #socket(source: number, isSent: boolean): Pick<CapturedUnderlay, 'socket' | 'listen' | 'encap' | 'sourcePort'> {
    const { u8, u16, u32 } = this.#views;
    const socket = Math.floor(source / SOURCES_MAX);
    const record = SOCKETS_BASE + socket * SOCK_SIZE;
    const bytes = u8.slice(record + SOCK_ADDRESS, record + SOCK_ADDRESS + 16);
    const isIpv4 = bytes[10] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
    const ports = (record + SOCK_SOURCE_PORTS) >> 1;
    const listen = { ip: ipFromBytes(isIpv4 ? bytes.subarray(12) : bytes), port: u32[(record + SOCK_PORT) >> 2]! };
    const encap = encapOf(u32[(record + SOCK_ENCAPSULATION) >> 2]!);
    return { socket, listen, encap, sourcePort: isSent ? u16[ports + (source % SOURCES_MAX)]! : null };
  }

  #peer(sockaddr: number): Endpoint | null {
    const { u8 } = this.#views;
    return u8[sockaddr] === 0 ? null : endpointOfSockaddr(u8.slice(sockaddr, sockaddr + EP_SOCKADDR_MAX));
  }
}

function outerOf(mark: number, isSent: boolean) {
  const ttl = (mark & MARK_TTL) >> MARK_TTL_SHIFT;
  return {
    tos: mark & MARK_TOS,
    ttl: isSent ? ttl || OUTER_TTL : null,
    mayBeFragmented: isSent && (mark & MARK_FRAGMENT) !== 0,
    cameInFragments: !isSent && (mark & ARRIVED_IN_FRAGMENTS) !== 0,
  };
}
