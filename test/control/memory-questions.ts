/** What a controller without a datapath and a search plugin answers to those who ask one. */
import type {
  CreateTrunk,
  CreateVnic,
  OwnerView,
  PingRequest,
  PingView,
  TraceRequest,
  TraceView,
  VnicView,
} from '../../src/control/protocol.js';
import { noSuchOverlay } from '../../src/errors.js';
import { memberName } from '../../src/trunk.js';

export abstract class MemoryQuestions {
  abstract createVnic(request: CreateVnic): Promise<VnicView>;

  async createTrunk({ members, ...common }: CreateTrunk): Promise<VnicView[]> {
    for (const { overlay } of members) this.#check(overlay);
    const requests = members.map(({ vlan, overlay }) => {
      const trunk = { name: common.name, vlan };
      return { ...common, name: memberName(trunk), overlay, trunk, allowAnyMac: true };
    });
    return Promise.all(requests.map((request) => this.createVnic(request)));
  }

  abstract readonly overlaysByName: ReadonlyMap<string, unknown>;

  #check(overlay: string): void {
    if (!this.overlaysByName.has(overlay)) throw noSuchOverlay(overlay);
  }

  owner(overlay: string, ip: string): OwnerView {
    this.#check(overlay);
    return { overlay, ip, mac: null, source: 'files', reason: 'nobody' };
  }

  ping(overlay: string, _request: PingRequest, _gone?: AbortSignal): PingView | Promise<PingView> {
    this.#check(overlay);
    return { overlay, vni: 1, mtu: 1450, left: 0, vteps: [] };
  }

  trace(overlay: string, { from, frame = '' }: TraceRequest): TraceView {
    this.#check(overlay);
    return { overlay, from, frame, steps: [{ step: 'frame', says: 'seen' }], end: 'goes nowhere', reason: null };
  }
}
