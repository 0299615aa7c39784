/** What a proxy would make of a frame: the same code answers, and nothing is sent, counted or believed. */
import type { DropReason, ProxyUpcall, VnicIndex } from '../../datapath/types.js';
import type { Neighbours } from '../forwarding/neighbours.js';
import { Durations } from './durations.js';
import { Proxies } from './proxies.js';
import type { UpcallsOptions } from './types.js';

export interface Rehearsal {
  /** null: it is answered, or sent on. */
  readonly reason: DropReason | null;
  readonly sent: readonly RehearsedFrame[];
}

export interface RehearsedFrame {
  /** `deliver`: to that VNIC; else as if that VNIC had sent it. */
  readonly how: 'deliver' | 'encap' | 'flood';
  readonly vnic: VnicIndex;
  readonly frame: Uint8Array;
}

/** Not of an announcement, which the search plugin would be told of. */
export function rehearse(record: ProxyUpcall, options: UpcallsOptions): Promise<Rehearsal> {
  return new Promise((resolve) => {
    const sent: RehearsedFrame[] = [];
    const take = (how: RehearsedFrame['how']) => (vnic: VnicIndex, frame: Uint8Array) => {
      sent.push({ how, vnic, frame });
      return true;
    };
    const datapath = {
      deliver: take('deliver'),
      encap: take('encap'),
      flood: take('flood'),
      countDrop: (_overlay: number, reason: DropReason) => resolve({ reason, sent }),
      countAnswered: () => resolve({ reason: null, sent }),
    };
    const durations = { miss: new Durations(), proxy: new Durations() };
    const neighbours = {
      ownerOf: (...asked: Parameters<Neighbours['ownerOf']>) => options.neighbours.ownerOf(...asked),
      heard() {},
      asked() {},
    };
    new Proxies({ ...options, datapath, durations, neighbours, heardAddress() {} }).handle(record);
  });
}
