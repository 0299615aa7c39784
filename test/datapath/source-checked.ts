// An overlay that looks who sends, without a worker; and who sends to it.

import assert from 'node:assert/strict';
import type { OverlayConfig, UpcallRecord } from '../../src/datapath/types.js';
import { type Build, Core, type Output, OVERLAY } from '../support/core.js';
import { datagram, frame } from '../support/frames.js';

export const HERE = '02:00:00:00:00:0a';
export const FAR = '02:00:00:00:00:0c';
export const VTEP = '10.0.0.1';
export const OTHER = '10.0.0.2';
export const STRANGER = '10.0.0.9';
export const PORT = 4789;

export interface Checked {
  readonly core: Core;
  readonly overlay: number;
  /** Frames of `mac` come from `ip`, one datagram each. */
  send(mac: string, ip: string, to?: string, count?: number): Output[];
  know(...ips: string[]): void;
}

export function setUp(build: Build, config: Partial<OverlayConfig> = {}): Checked {
  const core = new Core(build);
  const overlay = core.overlay({ sourceCheck: 'vtep', lookup: false, ...config });
  core.vnic(overlay, HERE);
  return {
    core,
    overlay,
    send: (mac, ip, to = HERE, count = 1) =>
      core.decap(
        Array.from({ length: count }, () => datagram(OVERLAY.vni, frame(to, mac))),
        { from: ip },
      ),
    know: (...ips) => {
      for (const ip of ips) assert.ok(core.fdb.putVtep(overlay, ip, core.nowMs));
    },
  };
}

export const lastByte = (output: Output): number | undefined => ('vnic' in output ? output.frame.at(-1) : undefined);
export const strangers = (records: readonly UpcallRecord[]) =>
  records.flatMap((record) =>
    record.kind === 'stranger' ? [`${record.frames} of ${record.mac} at ${record.ip}`] : [],
  );
