/** An instance of the `evpn` plugin on a real GoBGP, and another host that tells that GoBGP where MACs are. */
import { after } from 'node:test';
import type { DynamicInstance, Ending, PluginContext } from '../../src/search/api.js';
import { evpn } from '../../src/search/plugins/evpn/evpn.js';
import { RouteCodec } from '../../src/search/plugins/evpn/routes.js';
import { type Any, COMMUNITIES, MAC_IP, MOBILITY, MP_REACH, nameOf } from '../../src/search/plugins/evpn/rpc.js';
import { fabricOf, settingsOf } from '../../src/search/plugins/evpn/settings.js';
import { Speaker } from '../../src/search/plugins/evpn/speaker.js';
import { plainQuery } from '../../src/search/testing/query.js';
import { silentLog } from '../daemon/harness.js';
import type { GoBgp } from '../support/gobgp.js';

export const MAC = 'de:ad:be:ef:00:01';
export const [HERE, LOW, HIGH] = ['192.0.2.1', '192.0.2.10', '192.0.2.20'] as const;

/** What another host would tell GoBGP. */
export class OtherHost {
  readonly #speaker: Speaker;
  readonly #codec: RouteCodec;

  /** `more`: properties. */
  constructor(gobgp: GoBgp, vtep: string, more: Readonly<Record<string, string | number>> = {}) {
    const values = { 'evpn/gobgp': gobgp.endpoint, 'evpn/rd': `${vtep}:23`, ...more };
    const settings = settingsOf(values, 23, { ip: vtep, port: 4789 });
    this.#speaker = new Speaker(settings);
    this.#codec = new RouteCodec(settings, fabricOf(settings, 65_000, '192.0.2.9'));
    after(() => this.#speaker.close());
  }

  tell(macs: readonly string[], sequence = 0, ip: string | null = null): Promise<void> {
    return this.#speaker.send(macs.map((mac) => this.#codec.write({ mac, ip, sequence }, false)));
  }

  takeBack(mac: string, ip: string | null = null): Promise<void> {
    return this.#speaker.send([this.#codec.write({ mac, ip, sequence: 0 }, true)]);
  }

  tellSticky(mac: string): Promise<void> {
    return this.tellWith(mac, null, MOBILITY.pack({ is_sticky: true, sequence_num: 0 }));
  }

  /** With one more extended community, and perhaps an Ethernet segment. */
  async tellWith(mac: string, ip: string | null, community: Any, segment?: Uint8Array): Promise<void> {
    const path = this.#codec.write({ mac, ip, sequence: 0 }, false);
    const esi = { type: 0, value: segment ?? new Uint8Array(9) };
    const nlri = MAC_IP.pack({ ...MAC_IP.decode(path.nlri!.value), esi });
    const pattrs = path.pattrs.map((each) => {
      if (nameOf(each) === MP_REACH.name) return MP_REACH.pack({ ...MP_REACH.decode(each.value), nlris: [nlri] });
      if (nameOf(each) !== COMMUNITIES.name) return each;
      return COMMUNITIES.pack({ communities: [...COMMUNITIES.decode(each.value).communities, community] });
    });
    await this.#speaker.send([{ ...path, nlri, pattrs }]);
  }
}

type Values = Readonly<Record<string, string | number>>;

export interface Rig {
  readonly instance: DynamicInstance;
  readonly said: string[];
  at(mac: string): Promise<string | null>;
  stop(ending: Ending, next?: Values): Promise<void>;
}

export async function started(gobgp: GoBgp, values: Values = {}): Promise<Rig> {
  const said: string[] = [];
  const abort = new AbortController();
  const context: PluginContext = {
    ...{ vni: 23, listen: { ip: HERE, port: 4789 }, log: silentLog, signal: abort.signal },
    put: (mac, target) => said.push(`put ${mac} ${target === 'drop' ? target : target.ip}`),
    withdraw: (mac) => said.push(`withdraw ${mac}`),
    moved: (ip, mac) => said.push(`moved ${ip} ${mac}`),
    floodChanged: () => said.push('flood changed'),
    degrade: (reason) => said.push(`degraded: ${reason}`),
    restore: () => said.push('restored'),
  };
  const instance = evpn.create(context, { 'evpn/gobgp': gobgp.endpoint, ...values });
  await instance.start();
  const stop = async (ending: Ending, next?: Values) => {
    abort.abort();
    await instance.stop(ending, next && { 'evpn/gobgp': gobgp.endpoint, ...next });
  };
  after(() => stop('to_resume'));
  const at = async (mac: string) => {
    const answer = await instance.lookup(plainQuery(mac));
    return answer === null || answer.target === 'drop' ? null : answer.target.ip;
  };
  return { instance, said, at, stop };
}
