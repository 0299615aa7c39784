/** The MTU of an overlay: what the operator wants, or what the underlay leaves. */

import { checkMtu, defaultMtu } from '../../overlay-properties/mtu.js';
import type { OverlaySettings } from '../../overlay-properties/overlay-properties.js';
import { underlayMtu } from '../../system/link.js';

export class OverlayMtu {
  #underlay: number | null = null;

  /** MTU of the underlay when it was last looked at; null: no interface has the listen address. */
  get underlay(): number | null {
    return this.#underlay;
  }

  look({ socket: { listen } }: OverlaySettings): void {
    this.#underlay = underlayMtu(listen.ip);
  }

  /** Of the overlay and all its VNICs, in bytes. */
  of({ mtu, socket: { listen } }: OverlaySettings): number {
    return mtu ?? defaultMtu(this.#underlay, listen.ip);
  }

  /** Refuses settings whose MTU does not fit the underlay as it is now. */
  check({ mtu, socket: { listen } }: OverlaySettings): void {
    const underlay = underlayMtu(listen.ip);
    checkMtu(mtu ?? defaultMtu(underlay, listen.ip), underlay, listen.ip);
    this.#underlay = underlay;
  }
}
