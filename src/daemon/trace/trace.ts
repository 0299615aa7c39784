/**
 * `vxlane trace`: what would become of a frame, decision by decision. The datapath's own code decides
 * (src/datapath/tracer.ts), and so do the proxies; here it is said in words. Nothing is sent, learned or counted, but
 * a search plugin is asked where a frame would have it asked.
 */
import { formatEndpoint, parseIp } from '../../address.js';
import type { TraceRequest, TraceView } from '../../control/protocol.js';
import type { CapturedFrame } from '../../datapath/capture-types.js';
import { DROP_TEXT } from '../../datapath/drops.js';
import type { Trace } from '../../datapath/tracer.js';
import type { DropReason, MissUpcall, ProxyUpcall } from '../../datapath/types.js';
import { badTrace, messageOf } from '../../errors.js';
import type { Owner, Target } from '../../search/api.js';
import { type Askable, PluginFault } from '../../search/host/types.js';
import { Names } from '../capture/names.js';
import { overlayOf, type Registry } from '../commands/registry.js';
import { cachedLookupView } from '../commands/views.js';
import type { Refusal } from '../forwarding/decision.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';
import { queryOf } from '../plugin/query.js';
import { arpProbe, discover, echo, frameTo, solicitation } from './frames.js';

/** In the order in which they are made; a reason that stands at none is the last one's. */
const DECIDED_BY: readonly [step: string, reasons: readonly DropReason[]][] = [
  [
    'frame',
    [
      ...(['truncated', 'oversized', 'bad_offload', 'bad_vxlan_header', 'reserved_bits'] as const),
      ...(['not_ethernet', 'bad_geneve_header', 'bad_nvgre_header', 'critical_option', 'other_policy_group'] as const),
    ],
  ],
  ['sender', ['unknown_vni', 'source_unknown', 'source_elsewhere', 'spoofed_source', 'bad_source', 'source_local']],
  ['tags', ['bad_vlan', 'vlan_discarded', 'vlan_unknown']],
  [
    'protection',
    [
      ...(['spoofed_lladdr', 'spoofed_ip', 'spoofed_dhcp', 'rogue_dhcp', 'rogue_ra', 'restricted_type'] as const),
      ...(['bad_headers', 'rate_limited', 'storm_limited'] as const),
    ],
  ],
];

interface Step {
  readonly step: string;
  readonly says: string;
}

interface End {
  readonly end: string;
  readonly reason: DropReason | null;
}

export async function trace(registry: Registry, name: string, request: TraceRequest): Promise<TraceView> {
  return new Tracing(registry, overlayOf(registry, name)).run(request);
}

class Tracing {
  readonly #registry: Registry;
  readonly #overlay: Overlay;
  readonly #names: Names;
  readonly #steps: Step[] = [];

  constructor(registry: Registry, overlay: Overlay) {
    this.#registry = registry;
    this.#overlay = overlay;
    this.#names = new Names(registry);
  }

  async run(request: TraceRequest): Promise<TraceView> {
    const { index } = this.#overlay.attached();
    const vnic = this.#vnicOf(request.from);
    const frame = await this.#frameOf(request, vnic);
    const source = vnic === null ? { ip: parseIp(request.from)! } : { vnic: vnic.index! };
    const traced = this.#registry.datapath.trace(index, source, frame);
    const { end, reason } = await this.#say(frame, vnic, traced, request.from);
    const from = vnic === null ? `VTEP ${parseIp(request.from)}` : `vnic ${vnic.name}`;
    return {
      overlay: this.#overlay.name,
      from,
      frame: Buffer.from(frame).toString('hex'),
      steps: this.#steps,
      end,
      reason,
    };
  }

  /** null: a VTEP is meant. */
  #vnicOf(from: string): Vnic | null {
    const vnic = this.#registry.vnics.get(from);
    if (vnic !== undefined && vnic.identity.overlay === this.#overlay.name) {
      if (vnic.index === null) throw badTrace(`VNIC ${from} is not up, and sends nothing: vxlane status says why`);
      return vnic;
    }
    if (parseIp(from) !== null) return null;
    throw badTrace(`--from ${from}: neither a VNIC of ${this.#overlay.name} nor the IP address of a VTEP`);
  }

  async #frameOf({ frame, arp, ns, ping, dhcp, to }: TraceRequest, vnic: Vnic | null): Promise<Uint8Array> {
    const asked = [frame, arp, ns, ping, dhcp || undefined, to].filter((each) => each !== undefined);
    if (asked.length !== 1) throw badTrace('expected one of frame, arp, ns, ping, dhcp and to');
    if (frame !== undefined) return bytesOf(frame);
    if (vnic === null) throw badTrace('of a VTEP a whole frame is needed: --frame HEX');
    if (arp !== undefined) return arpProbe(vnic.mac, ipOf(arp, 4));
    if (ns !== undefined) return solicitation(vnic.mac, ipOf(ns, 6));
    if (to !== undefined) return frameTo(to, vnic.mac);
    return ping === undefined ? discover(vnic.mac) : this.#echo(ping, vnic);
  }

  async #echo(text: string, vnic: Vnic): Promise<Uint8Array> {
    const ip = parseIp(text);
    if (ip === null) throw badTrace(`not an IP address: ${text}`);
    const isIpv4 = !ip.includes(':');
    const owner = await this.#ownerOf(ip);
    if (owner === null) throw badTrace(`the search plugin does not know who has ${ip}: trace --arp, --ns or --to MAC`);
    const own = vnic.identity.addresses
      .map((each) => each.split('/')[0]!)
      .find((each) => each.includes(':') !== isIpv4);
    this.#steps.push({ step: 'address', says: `${ip} is at ${owner.mac}: search plugin ${this.#plugin()} says so` });
    return echo(vnic.mac, own ?? (isIpv4 ? '0.0.0.0' : '::'), owner.mac, ip);
  }

  /** null: the plugin knows nobody. */
  async #ownerOf(ip: string): Promise<Owner | null> {
    try {
      return await this.#asked((plugin) => (ip.includes(':') ? plugin.ndp(ip, 0) : plugin.arp(ip, 0)));
    } catch (thrown) {
      if (!(thrown instanceof PluginFault)) throw thrown;
      throw badTrace(`nobody says who has ${ip}, trace --to MAC: ${thrown.message}`);
    }
  }

  #plugin(): string {
    return this.#overlay.plugin.name;
  }

  #asked<T>(question: (plugin: Askable) => Promise<T>): Promise<T> {
    return this.#overlay.attached().upcalls.consult(question);
  }

  async #say(
    frame: Uint8Array,
    vnic: Vnic | null,
    { frames: [came, ...left], upcalls }: Trace,
    from: string,
  ): Promise<End> {
    const reason = came?.reason ?? null;
    const stopped = DECIDED_BY.findIndex(([, reasons]) => reason !== null && reasons.includes(reason));
    const steps = [
      { step: 'frame', says: `${frame.length} bytes` },
      { step: 'sender', says: this.#sender(frame, vnic) },
      { step: 'tags', says: this.#tags(frame) },
      { step: 'protection', says: vnic === null ? 'none' : vnic.identity.protection.join(', ') || 'none' },
    ];
    this.#steps.push(...(stopped === -1 ? steps : steps.slice(0, stopped + 1)));
    if (stopped !== -1) return ended(reason!);
    this.#steps.push({ step: 'destination', says: this.#destination(frame) });
    for (const one of left) this.#steps.push({ step: 'leaves', says: this.#leaves(one) });
    if (upcalls.some(({ kind }) => kind === 'loopback')) {
      return { end: 'is for this VTEP itself: Ethernet OAM, which it answers or counts', reason: null };
    }
    const proxied = upcalls.find((record): record is ProxyUpcall => 'frame' in record);
    if (proxied !== undefined) return this.#proxy(proxied);
    const miss = upcalls.find((record): record is MissUpcall => record.kind === 'miss');
    if (miss !== undefined) return this.#ask(miss, frame, from);
    if (reason !== null) return ended(reason);
    return { end: `goes to ${left.length === 1 ? 'that' : `${left.length} destinations`}`, reason: null };
  }

  #sender(frame: Uint8Array, vnic: Vnic | null): string {
    const mac = macAt(frame, 6);
    if (vnic === null) return `${mac} behind a VTEP; the overlay has source-check=${this.#property('source-check')}`;
    return mac === vnic.mac ? `${mac} is the VNIC's own MAC` : `${mac} is not the VNIC's own MAC`;
  }

  #tags(frame: Uint8Array): string {
    const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    const isTagged = type === 0x8100 || type === 0x88a8;
    const vlan = (((frame[14] ?? 0) & 15) << 8) | (frame[15] ?? 0);
    return isTagged ? `VLAN ${vlan}; the overlay has vlan=${this.#property('vlan')}` : 'none';
  }

  #property(name: string): string {
    return String(this.#overlay.configuration.given[name] ?? 'its default');
  }

  #destination(frame: Uint8Array): string {
    const mac = macAt(frame, 0);
    if ((frame[0]! & 1) !== 0) return `${mac} is a group`;
    const entry = this.#overlay.attached().targets.entry(mac);
    if (entry === null) return `${mac} is not in the table`;
    const { destination, source } = cachedLookupView(this.#overlay, entry);
    return `${mac} is in the table: ${destination} (${source})`;
  }

  #leaves({ point, vnic, underlay, reason, frames }: CapturedFrame): string {
    const lost = reason === null ? '' : `; dropped: ${reason}`;
    if (point === 'to_vnic') return `to vnic ${this.#names.vnic(vnic)}${lost}`;
    const { peer, sourcePort, tos, ttl, mayBeFragmented } = underlay;
    const outer = `source port ${sourcePort}, TOS ${tos}, TTL ${ttl}, ${mayBeFragmented ? 'may be fragmented' : 'DF'}`;
    return `to ${formatEndpoint(peer!)} by ${outer}${frames > 1 ? `, as ${frames} frames` : ''}${lost}`;
  }

  async #proxy(record: ProxyUpcall): Promise<End> {
    const kind = record.kind.replaceAll('_', ' ');
    if (record.kind === 'announcement') {
      this.#steps.push({ step: 'proxy', says: 'an announcement: the search plugin is told' });
      const isFlooded = this.#overlay.plugin.facts.flood?.unknownOwners === true;
      return { end: isFlooded ? 'is flooded by the host' : 'is left to the search plugin', reason: null };
    }
    const { reason, sent } = await this.#overlay.attached().upcalls.rehearse(record);
    this.#steps.push({ step: 'proxy', says: `${kind}, for the proxy; search plugin ${this.#plugin()} is asked` });
    if (reason !== null) return ended(reason);
    const answer = sent.find(({ how }) => how === 'deliver');
    if (answer === undefined) return { end: `is sent on to ${macAt(sent[0]!.frame, 0)}`, reason: null };
    const also = sent.some(({ how }) => how === 'flood') ? ', and is flooded as well' : '';
    const by = `${this.#names.vnic(answer.vnic)}: by ${macAt(answer.frame, 6)}`;
    return { end: `is answered to vnic ${by}${also}`, reason: null };
  }

  async #ask(miss: MissUpcall, frame: Uint8Array, from: string): Promise<End> {
    const says = `${miss.mac}: search plugin ${this.#plugin()} is asked`;
    this.#steps.push({ step: 'lookup', says });
    try {
      const answer = await this.#asked((plugin) => plugin.lookup(queryOf(miss, this.#overlay.identity.vni)));
      const target = answer?.target ?? 'no_such_mac';
      return miss.mac === macAt(frame, 6) ? this.#admitted(target, from) : this.#resolved(target);
    } catch (thrown) {
      this.#steps.push({ step: 'lookup', says: messageOf(thrown) });
      return ended('lookup_failed');
    }
  }

  /** A frame that waits to know where its destination is. */
  #resolved(target: Target | Refusal): End {
    const found = this.#overlay.attached().targets.resolve(target);
    if (found.kind === 'drop') return ended(found.reason as DropReason);
    const where = found.kind === 'local' ? `vnic ${this.#names.vnic(found.vnic)}` : formatEndpoint(found.endpoint);
    return { end: `waits for the answer, and goes to ${where}`, reason: null };
  }

  /** One from a VTEP that waits to know whether its source MAC is there. */
  #admitted(target: Target | Refusal, from: string): End {
    const isEndpoint = typeof target === 'object';
    if (isEndpoint && target.ip === parseIp(from)) return { end: 'waits for the answer, and is let in', reason: null };
    const isElsewhere = isEndpoint && this.#property('source-check') === 'fdb';
    return ended(isElsewhere ? 'source_elsewhere' : 'source_unknown');
  }
}

const ended = (reason: DropReason): End => ({ end: `is dropped: ${reason}: ${DROP_TEXT[reason]}`, reason });

const macAt = (frame: Uint8Array, at: number): string =>
  Buffer.from(frame.subarray(at, at + 6))
    .toString('hex')
    .match(/../g)
    ?.join(':') ?? 'nothing';

function bytesOf(hex: string): Uint8Array {
  const digits = hex.replaceAll(/[\s:]/g, '');
  if (!/^([0-9a-f]{2}){1,9238}$/i.test(digits)) throw badTrace('a frame is 1 to 9238 bytes in hexadecimal digits');
  return Buffer.from(digits, 'hex');
}

function ipOf(text: string, family: 4 | 6): string {
  const ip = parseIp(text);
  if (ip === null || ip.includes(':') !== (family === 6)) throw badTrace(`not an IPv${family} address: ${text}`);
  return ip;
}
