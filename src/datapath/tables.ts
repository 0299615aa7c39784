/** The host's end of the fixed tables: sockets, overlays and VNICs, and the indexes they are known by. */
import {
  HDR_CONFIG_GENERATION,
  OVERLAYS_BASE,
  OVERLAYS_MAX,
  OVL_ANY_MAC_VNIC,
  OVL_FIRST_VNIC,
  OVL_FLAGS,
  OVL_FLOOD,
  OVL_FRAME_MAX,
  OVL_INCARNATION,
  OVL_MARK,
  OVL_MARK_COPIED,
  OVL_POINT,
  OVL_POLICY,
  OVL_SIZE,
  OVL_SOCKET,
  OVL_VLAN,
  OVL_VNI,
  OVL_VNIC_FILTER,
  SOCK_ENCAPSULATION,
  SOCK_LIVE,
  SOCK_OWNER,
  SOCK_SIZE,
  SOCK_SOURCES,
  SOCKETS_BASE,
  SOCKETS_MAX,
  SOURCE_KINDS,
  SOURCES_MAX,
  UNDERLAY_TAP,
  VlanPolicy,
  VNIC_FLAG_ANY_MAC,
  VNIC_FLAG_LIMITED,
  VNIC_FLAG_LIVE,
  VNIC_FLAG_PROTECTED,
  VNIC_FLAGS,
  VNIC_INCARNATION,
  VNIC_MAC,
  VNIC_NEXT,
  VNIC_OVERLAY,
  VNIC_SIZE,
  VNICS_BASE,
  VNICS_MAX,
  W_NO_SEGMENT,
  W_SIZE,
  W_SOCKET_FDS,
  W_SOURCE_FDS,
  W_VNIC_FDS,
  W_VNIC_WRITE_FDS,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { tableFull } from '../errors.js';
import { type RateLimits, UNLIMITED } from '../rate-limits.js';
import { encapsulationOf } from './encapsulation.js';
import type { FloodList } from './flood-lists.js';
import { Indexes } from './indexes.js';
import { writeLimits } from './limits.js';
import { macWord } from './mac.js';
import type { Views } from './memory.js';
import { copiedMark, filterBit, overlayFlags, ownMark, policyWord } from './overlay-words.js';
import { writeProtection } from './protections.js';
import { NO_FD, Reading, UNDERLAY_TAP_FDS } from './reading.js';
import { writeNames, writePorts } from './socket-names.js';
import { Trunks } from './trunks.js';
import type {
  OverlayConfig,
  OverlayIndex,
  SocketConfig,
  SocketIndex,
  UnderlayTapConfig,
  VnicConfig,
  VnicIndex,
  VnicProtection,
} from './types.js';

const ETHERNET_HEADER = 14; // bytes
const UNPROTECTED: VnicProtection = { kinds: [], allowed: [] };

const overlayAt = (index: OverlayIndex): number => (OVERLAYS_BASE + index * OVL_SIZE) >> 2;
const vnicAt = (index: VnicIndex): number => (VNICS_BASE + index * VNIC_SIZE) >> 2;
const socketAt = (index: SocketIndex): number => (SOCKETS_BASE + index * SOCK_SIZE) >> 2;

/** What an overlay's configuration names, as indexes; 0: none. */
export interface OverlayTargets {
  readonly point: number;
  readonly flood: FloodList;
}

export class Tables {
  readonly #views: Views;
  readonly #workers: number;
  readonly #sockets = new Indexes(SOCKETS_MAX);
  readonly #overlays = new Indexes(OVERLAYS_MAX);
  readonly #vnics = new Indexes(VNICS_MAX);
  readonly #trunks: Trunks;
  readonly #reading: Reading;

  /** `isReading`: workers read what there is at once, else from {@link startReading} on. */
  constructor(views: Views, workers: number, isReading = true) {
    this.#views = views;
    this.#workers = workers;
    this.#trunks = new Trunks(views);
    this.#reading = new Reading(views, workers, isReading);
  }

  startReading(): void {
    this.#reading.start();
    this.#changed();
  }

  /** {@link Reading.stop} */
  stopReading(): void {
    this.#reading.stop();
    this.#changed();
  }

  #set(base: number, field: number, value: number): void {
    Atomics.store(this.#views.u32, base + (field >> 2), value);
  }

  #get(base: number, field: number): number {
    return this.#views.u32[base + (field >> 2)]!;
  }

  #changed(): void {
    Atomics.add(this.#views.u32, HDR_CONFIG_GENERATION >> 2, 1);
  }

  addSocket(config: SocketConfig): SocketIndex {
    const index = this.#sockets.take();
    if (index === 0) throw tableFull('underlay sockets', SOCKETS_MAX - 1);
    this.#set(socketAt(index), SOCK_SOURCES, config.sources[0]?.length ?? 0);
    this.#set(socketAt(index), SOCK_OWNER, config.receivesFor ?? index);
    this.#setDescriptors(index, config);
    writeNames(this.#views, socketAt(index), config.names);
    this.#set(socketAt(index), SOCK_ENCAPSULATION, encapsulationOf(config.encap));
    this.#set(socketAt(index), SOCK_LIVE, 1);
    this.#changed();
    return index;
  }

  /** As many source ports as before. */
  replaceSocket(index: SocketIndex, config: SocketConfig): void {
    this.#setDescriptors(index, config);
    if (config.names !== undefined) writePorts(this.#views, socketAt(index), config.names);
    this.#changed();
  }

  #setDescriptors(index: SocketIndex, { listeners, sources, fragmentable = sources }: SocketConfig): void {
    this.#reading.set(W_SOCKET_FDS + index * 4, listeners);
    for (let worker = 0; worker < this.#workers; worker++) {
      this.#set((WORKERS_BASE + worker * W_SIZE) >> 2, W_NO_SEGMENT + index * 4, 0);
    }
    this.#setSources(index, sources, 0);
    this.setFragmentable(index, fragmentable);
  }

  /** {@link SocketConfig.fragmentable}. */
  setFragmentable(index: SocketIndex, sources: SocketConfig['sources']): void {
    this.#setSources(index, sources, SOURCE_KINDS / 2);
  }

  /** `kind`: of those that make checksums; the next one is of the others. */
  #setSources(index: SocketIndex, sources: SocketConfig['sources'], kind: number): void {
    for (let worker = 0; worker < this.#workers; worker++) {
      const area = (WORKERS_BASE + worker * W_SIZE) >> 2;
      for (let port = 0; port < this.#get(socketAt(index), SOCK_SOURCES); port++) {
        const source = W_SOURCE_FDS + ((index * SOURCES_MAX + port) * SOURCE_KINDS + kind) * 4;
        const fds = sources[worker]?.[port];
        this.#set(area, source, fds?.withChecksum ?? NO_FD);
        this.#set(area, source + 4, fds?.withoutChecksum ?? NO_FD);
      }
    }
  }

  removeSocket(index: SocketIndex): void {
    this.#set(socketAt(index), SOCK_LIVE, 0);
    this.#changed();
  }

  /** 0: there are too many. */
  addOverlay(config: OverlayConfig, targets: OverlayTargets): OverlayIndex {
    const index = this.#overlays.take();
    if (index === 0) return 0;
    this.#set(overlayAt(index), OVL_INCARNATION, this.#get(overlayAt(index), OVL_INCARNATION) + 1);
    this.#set(overlayAt(index), OVL_FIRST_VNIC, 0);
    for (const field of [OVL_ANY_MAC_VNIC, OVL_VNIC_FILTER]) this.#set(overlayAt(index), field, 0);
    this.setOverlay(index, config, targets);
    return index;
  }

  setOverlay(index: OverlayIndex, config: OverlayConfig, { point, flood }: OverlayTargets): void {
    const record = overlayAt(index);
    this.#set(record, OVL_VNI, config.vni);
    this.#set(record, OVL_SOCKET, config.socket);
    this.#set(record, OVL_POLICY, policyWord(config.policyGroup));
    this.#set(record, OVL_VLAN, VlanPolicy[config.vlan]);
    this.#set(record, OVL_POINT, point);
    this.#set(record, OVL_FLOOD, flood);
    this.#set(record, OVL_FRAME_MAX, ETHERNET_HEADER + config.mtu);
    this.#set(record, OVL_MARK, ownMark(config.outer));
    this.#set(record, OVL_MARK_COPIED, copiedMark(config.outer));
    this.#set(record, OVL_FLAGS, overlayFlags(config));
  }

  removeOverlay(index: OverlayIndex): void {
    this.#set(overlayAt(index), OVL_FLAGS, 0);
  }

  /** Workers read it, and send super-frames by it. */
  setUnderlayTap({ fds }: UnderlayTapConfig): void {
    this.#reading.set(UNDERLAY_TAP_FDS, fds);
    this.#set(vnicAt(UNDERLAY_TAP), VNIC_FLAGS, VNIC_FLAG_LIVE);
    this.#changed();
  }

  removeUnderlayTap(): void {
    this.#set(vnicAt(UNDERLAY_TAP), VNIC_FLAGS, 0);
    this.#changed();
  }

  /** A TAP that VNICs may share, see {@link VnicConfig.trunk}. Queues as theirs. */
  addTrunk(fds: readonly number[]): VnicIndex {
    const index = this.#takeVnic();
    try {
      this.#trunks.add(index);
    } catch (thrown) {
      this.#vnics.give(index);
      throw thrown;
    }
    const record = vnicAt(index);
    this.#set(record, VNIC_OVERLAY, 0);
    this.#set(record, VNIC_INCARNATION, this.#get(record, VNIC_INCARNATION) + 1);
    this.#reading.set(W_VNIC_FDS + index * 4, fds);
    this.#set(record, VNIC_FLAGS, VNIC_FLAG_LIVE);
    this.#changed();
    return index;
  }

  /** It has no VNICs any more. */
  removeTrunk(index: VnicIndex): void {
    this.#set(vnicAt(index), VNIC_FLAGS, 0);
    this.#changed();
  }

  releaseTrunk(index: VnicIndex): void {
    this.#trunks.release(index);
    this.#vnics.give(index);
  }

  #takeVnic(): VnicIndex {
    const index = this.#vnics.take();
    if (index === 0) throw tableFull('VNICs', VNICS_MAX - 1);
    return index;
  }

  /**
   * `admit` is called when the record is complete, and no worker sees it yet: for what leads to the VNIC, such as the
   * FDB entry of its MAC. False takes everything back, and the answer is 0.
   */
  addVnic(config: VnicConfig, admit: (index: VnicIndex) => boolean = () => true): VnicIndex {
    const index = this.#takeVnic();
    const { trunk = null } = config;
    const record = vnicAt(index);
    const overlay = overlayAt(config.overlay);
    this.#views.u64[((record << 2) + VNIC_MAC) >> 3] = BigInt(macWord(config.mac));
    this.#set(record, VNIC_OVERLAY, config.overlay);
    this.#set(record, VNIC_INCARNATION, this.#get(record, VNIC_INCARNATION) + 1);
    this.#trunks.tag(index, trunk);
    this.#reading.set(W_VNIC_FDS + index * 4, trunk === null ? config.fds : []);
    for (let worker = 0; worker < this.#workers; worker++) {
      const fd = config.fds[worker] ?? config.fds[0] ?? NO_FD;
      this.#set((WORKERS_BASE + worker * W_SIZE) >> 2, W_VNIC_WRITE_FDS + index * 4, fd);
    }
    if (!admit(index)) {
      this.#vnics.give(index);
      return 0;
    }
    this.#set(overlay, OVL_VNIC_FILTER, this.#get(overlay, OVL_VNIC_FILTER) | filterBit(macWord(config.mac)));
    this.#set(record, VNIC_NEXT, this.#get(overlay, OVL_FIRST_VNIC));
    const isProtected = writeProtection(this.#views, index, config.protection ?? UNPROTECTED);
    const isLimited = writeLimits(this.#views, index, config.limits ?? UNLIMITED);
    const isAnyMac = config.allowAnyMac ? VNIC_FLAG_ANY_MAC : 0;
    this.#set(record, VNIC_FLAGS, VNIC_FLAG_LIVE | isAnyMac | isProtected | isLimited);
    this.#set(overlay, OVL_FIRST_VNIC, index);
    if (config.allowAnyMac) this.#set(overlay, OVL_ANY_MAC_VNIC, index);
    if (trunk !== null) this.#trunks.join(index, trunk);
    this.#changed();
    return index;
  }

  /** Not again before no worker can still read the one before. */
  setVnicProtection(index: VnicIndex, protection: VnicProtection): void {
    this.#setVnicFlag(index, VNIC_FLAG_PROTECTED, writeProtection(this.#views, index, protection));
  }

  setVnicLimits(index: VnicIndex, limits: RateLimits): void {
    this.#setVnicFlag(index, VNIC_FLAG_LIMITED, writeLimits(this.#views, index, limits));
  }

  #setVnicFlag(index: VnicIndex, flag: number, value: number): void {
    const record = vnicAt(index);
    this.#set(record, VNIC_FLAGS, (this.#get(record, VNIC_FLAGS) & ~flag) | value);
  }

  /** In one store: no worker sees half of it. */
  setVnicMac(index: VnicIndex, mac: string): void {
    Atomics.store(this.#views.u64, ((vnicAt(index) << 2) + VNIC_MAC) >> 3, BigInt(macWord(mac)));
    this.#setFilter(overlayAt(this.overlayOf(index)));
  }

  #setFilter(overlay: number): void {
    let bits = 0;
    for (let vnic = this.#get(overlay, OVL_FIRST_VNIC); vnic !== 0; vnic = this.#get(vnicAt(vnic), VNIC_NEXT)) {
      bits |= filterBit(Number(this.#views.u64[((vnicAt(vnic) << 2) + VNIC_MAC) >> 3]!));
    }
    this.#set(overlay, OVL_VNIC_FILTER, bits);
  }

  /** The VNIC leaves its overlay's list; its own link stays, for a worker that is just following it. */
  removeVnic(index: VnicIndex): void {
    this.#trunks.leave(index);
    const overlay = overlayAt(this.#get(vnicAt(index), VNIC_OVERLAY));
    const next = this.#get(vnicAt(index), VNIC_NEXT);
    if (this.#get(overlay, OVL_FIRST_VNIC) === index) this.#set(overlay, OVL_FIRST_VNIC, next);
    else this.#set(vnicAt(this.#before(index, overlay)), VNIC_NEXT, next);
    this.#set(vnicAt(index), VNIC_FLAGS, 0);
    this.#setFilter(overlay);
    if (this.#get(overlay, OVL_ANY_MAC_VNIC) === index) this.#set(overlay, OVL_ANY_MAC_VNIC, this.#anyMacVnic(overlay));
    this.#changed();
  }

  #before(index: VnicIndex, overlay: number): VnicIndex {
    let vnic = this.#get(overlay, OVL_FIRST_VNIC);
    while (this.#get(vnicAt(vnic), VNIC_NEXT) !== index) vnic = this.#get(vnicAt(vnic), VNIC_NEXT);
    return vnic;
  }

  #anyMacVnic(overlay: number): VnicIndex {
    let vnic = this.#get(overlay, OVL_FIRST_VNIC);
    while (vnic !== 0 && !(this.#get(vnicAt(vnic), VNIC_FLAGS) & VNIC_FLAG_ANY_MAC)) {
      vnic = this.#get(vnicAt(vnic), VNIC_NEXT);
    }
    return vnic;
  }

  socketOf(overlay: OverlayIndex): SocketIndex {
    return this.#get(overlayAt(overlay), OVL_SOCKET);
  }

  overlayOf(vnic: VnicIndex): OverlayIndex {
    return this.#get(vnicAt(vnic), VNIC_OVERLAY);
  }

  releaseSocket(index: SocketIndex): void {
    this.#sockets.give(index);
  }

  releaseOverlay(index: OverlayIndex): void {
    this.#overlays.give(index);
  }

  releaseVnic(index: VnicIndex): void {
    this.#vnics.give(index);
  }

  targetsOf(overlay: OverlayIndex): OverlayTargets {
    const record = overlayAt(overlay);
    return { point: this.#get(record, OVL_POINT), flood: this.#get(record, OVL_FLOOD) };
  }

  /** What overlays point and flood to. */
  *targetsInUse(): Iterable<OverlayTargets> {
    for (let index = 1; index < OVERLAYS_MAX; index++) {
      if (this.#get(overlayAt(index), OVL_FLAGS) !== 0) yield this.targetsOf(index);
    }
  }
}
