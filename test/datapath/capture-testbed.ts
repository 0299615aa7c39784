/** The datapath with two VNICs and a far MAC, and what a capture sees of it. */

import type { CapturedFrame, CaptureFilter } from '../../src/datapath/capture-types.js';
import { Captures } from '../../src/datapath/captures.js';
import { type Build, Core } from '../support/core.js';

export const A = '02:00:00:00:00:0a';
export const B = '02:00:00:00:00:0b';
export const FAR = '02:00:00:00:01:01';
export const NOBODY = '02:00:00:00:02:02';
export const PEER = '10.0.0.1';
export const ALL: CaptureFilter = { overlay: null, vnic: null, mac: null, ip: null, reasons: [], snapLength: 1 << 18 };

export type Seen = CapturedFrame & { readonly copy: Buffer };

export class Testbed {
  readonly core: Core;
  readonly captures: Captures;
  readonly overlay: number;
  readonly a: number;
  readonly b: number;

  constructor(build: Build) {
    this.core = new Core(build);
    this.captures = new Captures(this.core.module, this.core.views, 1, async () => {});
    this.overlay = this.core.overlay({ segment: true, coalesceTcp: true, coalesceUdp: true, strictHeader: true });
    this.a = this.core.vnic(this.overlay, A);
    this.b = this.core.vnic(this.overlay, B);
    this.core.remote(this.overlay, FAR, { ip: PEER, port: 4789 });
  }

  /** What a capture sees of what `body` does. */
  async seen(filter: Partial<CaptureFilter>, body: () => void): Promise<Seen[]> {
    const frames: Seen[] = [];
    const capture = this.captures.open({ ...ALL, ...filter }, (one) => {
      frames.push({ ...one, copy: Buffer.from(one.bytes) });
    });
    body();
    await capture.close();
    return frames;
  }
}

export const short = ({ point, vnic, reason, verdict, outputs, to }: Seen) => {
  const where = typeof to === 'object' && to !== null ? to.ip : to;
  return [point, vnic, reason, verdict, outputs, where];
};
