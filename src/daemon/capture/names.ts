/** Names of what the datapath knows by number, and what became of a frame in words. */
import { formatEndpoint } from '../../address.js';
import type { CapturedFrame } from '../../datapath/capture-types.js';
import { DROP_TEXT } from '../../datapath/drops.js';
import type { OverlayIndex, VnicIndex } from '../../datapath/types.js';
import type { Registry } from '../commands/registry.js';

export class Names {
  readonly #registry: Registry;
  /** Where a VNIC was found last. */
  readonly #found = new Map<VnicIndex, { readonly name: string; readonly index: number | null }>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** `gone`: it was deleted meanwhile. */
  vnic(index: VnicIndex | null): string {
    if (index === null) return 'gone';
    const before = this.#found.get(index);
    if (before?.index === index) return before.name;
    const vnics = [...this.#registry.vnics.values()];
    const vnic = vnics.find((each) => each.index === index);
    if (vnic === undefined) return vnics.find((each) => each.trunkIndex === index)?.device ?? 'gone';
    this.#found.set(index, vnic);
    return vnic.name;
  }

  /** null: it is of none, or of one that was deleted meanwhile. */
  overlay(index: OverlayIndex | null): string | null {
    return index === null ? null : (this.#registry.overlayByIndex.get(index)?.name ?? null);
  }

  /** The comment of a frame: its overlay, what became of it, and what it stands for. */
  comment(frame: CapturedFrame): string {
    const overlay = this.overlay(frame.overlay);
    const whole = frame.frames > 1 ? [`super-frame of ${frame.frames} frames`] : [];
    return [overlay ?? 'no overlay', this.#fate(frame), ...whole].join('; ');
  }

  #fate(frame: CapturedFrame): string {
    const { point, reason, outputs, verdict } = frame;
    const dropped = reason === null ? null : `dropped: ${reason}: ${DROP_TEXT[reason]}`;
    if (outputs > 0) {
      const way = `goes to ${this.#destination(frame)}`;
      return dropped === null ? way : `${way}; a copy is ${dropped}`;
    }
    if (dropped !== null) return dropped;
    if (point === 'to_underlay') return 'sent';
    if (point === 'to_vnic') return 'delivered';
    if (verdict === 'held') return 'waits for an answer of the search plugin';
    return verdict === 'upcalled' ? 'is left to the proxies' : 'waits to be copied to VNICs';
  }

  #destination({ to, outputs }: CapturedFrame): string {
    const first = typeof to === 'object' && to !== null ? formatEndpoint(to) : this.vnic(to);
    return outputs > 1 ? `${first} and ${outputs - 1} more` : first;
  }
}
