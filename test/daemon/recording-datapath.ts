/** The narrow datapath that upcalls need, with a Map for the FDB: everything done to it can be looked at afterwards. */

import type { UpcallDatapath } from '../../src/daemon/upcalls/types.js';
import type { DropReason, FdbEntry, FdbTarget, OverlayIndex, VnicIndex } from '../../src/datapath/types.js';

export const OVERLAY: OverlayIndex = 1;

export class RecordingDatapath implements UpcallDatapath {
  readonly fdb = new Map<string, FdbEntry>();
  readonly delivered: { vnic: VnicIndex; frame: Uint8Array }[] = [];
  readonly encapped: { vnic: VnicIndex; frame: Uint8Array }[] = [];
  readonly flooded: { vnic: VnicIndex; frame: Uint8Array }[] = [];
  readonly drops: { overlay: OverlayIndex; reason: DropReason }[] = [];
  /** MACs that were written, in order. */
  readonly puts: string[] = [];
  answered = 0;
  /** Most entries; a put beyond that is refused. */
  capacity = Number.POSITIVE_INFINITY;
  /** The endpoint table takes another one. */
  hasEndpointRoom = true;
  get fdbCount(): number {
    return this.fdb.size;
  }

  /** The inject ring takes frames. */
  hasRoom = true;

  fdbPut(_overlay: OverlayIndex, mac: string, target: FdbTarget, options: { isStatic?: boolean } = {}): boolean {
    if (!this.fdb.has(mac) && this.fdb.size >= this.capacity) return false;
    if (target.kind === 'remote' && !this.hasEndpointRoom) return false;
    this.puts.push(mac);
    this.fdb.set(mac, {
      mac,
      target,
      isStatic: options.isStatic ?? false,
      isLearned: false,
      heardAtMs: null,
      usedAtMs: null,
    });
    return true;
  }

  /** A frame from here goes to the MAC. */
  use(mac: string, nowMs: number): void {
    const entry = this.fdb.get(mac);
    if (entry !== undefined) this.fdb.set(mac, { ...entry, usedAtMs: nowMs });
  }

  fdbRemove(_overlay: OverlayIndex, mac: string): boolean {
    return this.fdb.delete(mac);
  }

  fdbGet(_overlay: OverlayIndex, mac: string): FdbEntry | null {
    return this.fdb.get(mac) ?? null;
  }

  fdbHas(_overlay: OverlayIndex, mac: string): boolean {
    return this.fdb.has(mac);
  }

  fdbPage(_overlay: OverlayIndex, after: string | null, limit: number): FdbEntry[] {
    const above = [...this.fdb.values()].filter(({ mac }) => after === null || mac > after);
    return above.sort((a, b) => (a.mac < b.mac ? -1 : 1)).slice(0, limit);
  }

  deliver(vnic: VnicIndex, frame: Uint8Array): boolean {
    if (this.hasRoom) this.delivered.push({ vnic, frame });
    return this.hasRoom;
  }

  encap(vnic: VnicIndex, frame: Uint8Array): boolean {
    if (this.hasRoom) this.encapped.push({ vnic, frame });
    return this.hasRoom;
  }

  flood(vnic: VnicIndex, frame: Uint8Array): boolean {
    if (this.hasRoom) this.flooded.push({ vnic, frame });
    return this.hasRoom;
  }

  countDrop(overlay: OverlayIndex, reason: DropReason): void {
    this.drops.push({ overlay, reason });
  }

  countAnswered(): void {
    this.answered++;
  }
}
