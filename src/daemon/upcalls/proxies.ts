/**
 * ARP, neighbour discovery and DHCPv4 for overlays without flooding: the frames that the datapath hands over whole are
 * answered in the owner's name, or sent on as unicast. Router advertisements go on to everybody, in all overlays, with
 * the MTU in them. Each frame ends as exactly one answer or one drop with a reason.
 */
import { ipFamily } from '../../address.js';
import type { AddressUpcall, DropReason, ProxyUpcall } from '../../datapath/types.js';
import { addressClaimOf, announcementOf } from '../../proxy/announcement.js';
import { arpAnnouncement, arpQuestion, arpReply } from '../../proxy/arp.js';
import { dhcpClient, redirect } from '../../proxy/dhcp.js';
import { withMtuOption } from '../../proxy/dhcp-mtu.js';
import { ndpQuestion, neighbourAdvertisement, unsolicitedAdvertisement } from '../../proxy/ndp.js';
import { withRouterMtu } from '../../proxy/router-mtu.js';
import type { Owner } from '../../search/api.js';
import { isHostAddress } from '../../search/host/answers.js';
import { type Askable, PluginFault } from '../../search/host/types.js';
import { stackOf } from '../../stack.js';
import type { LocalVnic, ProxiesOptions } from './types.js';

/** Questions of proxies that may be in flight, per overlay. */
export const PROXY_QUESTIONS_MAX = 256;

const SAY_LOST_EVERY_MS = 1000;

/** null: answered. */
type Result = DropReason | null;

export class Proxies {
  readonly #options: ProxiesOptions;
  #inFlight = 0;
  /** Announcements since the log last spoke of them. */
  #lost = 0;
  #saidLostAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: ProxiesOptions) {
    this.#options = options;
  }

  handle(record: ProxyUpcall): void {
    const vnic = this.#options.overlay.vnics.get(record.vnic);
    if (vnic === undefined) this.#count('overlay_gone', record);
    else if (this.#inFlight >= PROXY_QUESTIONS_MAX) this.#count('upcall_limited', record);
    else void this.#finish(record, vnic);
  }

  /** Somebody on the underlay says which address is his; it has reached whom it was for. */
  heardElsewhere({ frame, vlan }: AddressUpcall): void {
    const { neighbours, now } = this.#options;
    const { overrides, ...claimed } = addressClaimOf(frame);
    if (overrides && isHostAddress(claimed.ip)) neighbours.heard({ vlan, ...claimed }, now());
  }

  /** Tells VNICs here that `ip` is at `mac` now; not the owner itself. */
  announce(ip: string, mac: string): void {
    if (ipFamily(ip) === 4) this.#deliverToOthers(arpAnnouncement(ip, mac), mac);
    else void this.#announceNdp(ip, mac);
  }

  close(): void {
    this.#isClosed = true;
  }

  async #announceNdp(ip: string, mac: string): Promise<void> {
    // An advertisement also says whether the owner is a router, and a wrong word would cost the listeners their route.
    const owner = await this.#options.overlay.plugin?.ndp(ip, 0).catch(() => null);
    if (this.#isClosed) return;
    const router = owner?.mac === mac && owner.router === true;
    this.#deliverToOthers(unsolicitedAdvertisement(ip, mac, { router }), mac);
  }

  #deliverToOthers(frame: Uint8Array, ownerMac: string): void {
    const { datapath, overlay } = this.#options;
    for (const vnic of overlay.vnics.values()) {
      if (vnic.mac !== ownerMac && !datapath.deliver(vnic.index, frame)) this.#lost++;
    }
    this.#sayLost();
  }

  /** A table of which many addresses moved would otherwise fill the log. */
  #sayLost(): void {
    const nowMs = this.#options.now();
    if (this.#lost === 0 || nowMs - this.#saidLostAtMs < SAY_LOST_EVERY_MS) return;
    this.#options.overlay.log.warn('announcements were lost: the datapath did not keep up', { count: this.#lost });
    this.#lost = 0;
    this.#saidLostAtMs = nowMs;
  }

  async #finish(record: ProxyUpcall, vnic: LocalVnic): Promise<void> {
    const { now, durations } = this.#options;
    const askedAtMs = now();
    this.#inFlight++;
    const result = await this.#answer(record, vnic).catch((thrown: unknown) => this.#failed(thrown));
    this.#inFlight--;
    durations.proxy.observe(now() - askedAtMs);
    this.#count(result !== null && this.#isClosed ? 'overlay_gone' : result, record);
  }

  #answer(record: ProxyUpcall, vnic: LocalVnic): Promise<Result> {
    switch (record.kind) {
      case 'arp':
        return this.#arp(record, vnic);
      case 'ndp':
        return this.#ndp(record, vnic);
      case 'dhcp_request':
        return this.#dhcpRequest(record, vnic);
      case 'dhcp_reply':
        return this.#dhcpReply(record, vnic);
      case 'announcement':
        return Promise.resolve(this.#announcement(record, vnic));
      case 'router_advertisement':
        return Promise.resolve(this.#routerAdvertisement(record, vnic));
    }
  }

  /** The VNICs here have had it as a broadcast, and nobody answers it. */
  #announcement(record: ProxyUpcall, vnic: LocalVnic): Result {
    const { move, isArp } = announcementOf(record.frame);
    this.#heard(record, move.mac, move.ip);
    void this.#options.overlay.plugin?.moved(move);
    return this.#flood(record, vnic, isArp ? 'arp_gratuitous' : 'no_flood_list');
  }

  /** Nobody has had it yet: neither the other VNICs here, nor those elsewhere. */
  #routerAdvertisement({ frame }: ProxyUpcall, vnic: LocalVnic): Result {
    const { datapath, overlay } = this.#options;
    const told = withRouterMtu(frame, overlay.mtu, overlay.ndpMtuOption);
    const others = [...overlay.vnics.values()].filter((other) => other !== vnic);
    const delivered = others.map((other) => datapath.deliver(other.index, told));
    return datapath.flood(vnic.index, told) && delivered.every(Boolean) ? null : 'inject_ring_full';
  }

  async #arp(record: ProxyUpcall, vnic: LocalVnic): Promise<Result> {
    const { targetIp, senderMac, senderIp } = arpQuestion(record.frame);
    // Without mac-nospoof a guest may ask in the name of any MAC: that one is not to lose its addresses.
    if (senderMac === record.sourceMac) this.#heard(record, senderMac, senderIp);
    const isProbe = senderIp === '0.0.0.0';
    const told = await this.#ask((plugin) => plugin.arp(targetIp, record.vlan));
    const owner = told ?? (isProbe ? null : this.#neighbour(record, vnic, targetIp));
    if (owner === null) return this.#flood(record, vnic, 'arp_unknown');
    if (owner.mac === senderMac || this.#isHere(owner.mac, record)) return 'owner_answers';
    return this.#deliver(vnic, arpReply(record.frame, owner.mac));
  }

  async #ndp(record: ProxyUpcall, vnic: LocalVnic): Promise<Result> {
    const { target, source, sourceMac, isDad } = ndpQuestion(record.frame);
    this.#heard(record, sourceMac, source);
    const told = await this.#ask((plugin) => plugin.ndp(target, record.vlan));
    const owner = told ?? (isDad ? null : this.#neighbour(record, vnic, target));
    if (owner === null) return this.#flood(record, vnic, 'ndp_unknown');
    if (this.#isHere(owner.mac, record)) return 'owner_answers';
    return this.#deliver(vnic, neighbourAdvertisement(record.frame, owner.mac, { router: owner.router === true }));
  }

  /** A MAC here uses an address: then it is not at a host elsewhere any more. */
  #heard({ vlan }: ProxyUpcall, mac: string, ip: string): void {
    const { neighbours, now, heardAddress } = this.#options;
    heardAddress(mac, ip);
    if (isHostAddress(ip)) neighbours.heard({ vlan, ip, mac, isRouter: false }, now());
  }

  /**
   * Who has an address elsewhere, by his own word, and whose MAC is known to be there. Before that gets too old, and
   * when it is new, the request is flooded as well: what he answers keeps it, and what another answers contests it.
   * Whether an address is taken is for its owner to say.
   */
  #neighbour(record: ProxyUpcall, vnic: LocalVnic, ip: string): Owner | null {
    const { neighbours, targets, now } = this.#options;
    const found = neighbours.ownerOf(record.vlan, ip, now());
    if (found === null || targets.entry(found.mac)?.target.kind !== 'remote') return null;
    if (found.isDue && this.#flood(record, vnic, 'no_flood_list') === null) neighbours.asked(record.vlan, ip, now());
    return { mac: found.mac, router: found.isRouter };
  }

  async #dhcpRequest(record: ProxyUpcall, vnic: LocalVnic): Promise<Result> {
    const server = await this.#ask((plugin) => plugin.dhcp(record.sourceMac));
    if (server === null) return 'dhcp_unknown';
    if (this.#isHere(server, record)) return 'owner_answers';
    return this.#encap(vnic, redirect(record.frame, server));
  }

  async #dhcpReply(record: ProxyUpcall, vnic: LocalVnic): Promise<Result> {
    const client = dhcpClient(record.frame);
    const server = await this.#ask((plugin) => plugin.dhcp(client));
    if (server === null) return 'dhcp_unknown';
    if (this.#isHere(client, record)) return 'owner_answers';
    const { mtu, dhcpMtuOption } = this.#options.overlay;
    return this.#encap(vnic, redirect(withMtuOption(record.frame, mtu, dhcpMtuOption), client));
  }

  async #ask<T>(question: (plugin: Askable) => Promise<T>): Promise<T> {
    const { overlay } = this.#options;
    const { plugin } = overlay;
    if (plugin === null) throw new PluginFault('the search plugin is not running', false, null);
    try {
      const answer = await question(plugin);
      if (!this.#isClosed) overlay.health.restore('lookup');
      return answer;
    } catch (thrown) {
      // another instance has taken over meanwhile
      if (overlay.plugin !== plugin && overlay.plugin !== null) return this.#ask(question);
      throw thrown;
    }
  }

  /** The asker itself, or behind a VNIC here, which the broadcast has reached: a second copy would be one too many. */
  #isHere(mac: string, record: ProxyUpcall): boolean {
    const { overlay, targets } = this.#options;
    if (mac === record.sourceMac || targets.entry(mac)?.target.kind === 'local') return true;
    return [...overlay.vnics.values()].some((vnic) => vnic.mac === mac);
  }

  #deliver(vnic: LocalVnic, frame: Uint8Array): Result {
    if (this.#isGone(vnic)) return 'overlay_gone';
    return this.#options.datapath.deliver(vnic.index, frame) ? null : 'inject_ring_full';
  }

  #encap(vnic: LocalVnic, frame: Uint8Array): Result {
    if (this.#isGone(vnic)) return 'overlay_gone';
    return this.#options.datapath.encap(vnic.index, frame) ? null : 'inject_ring_full';
  }

  /** Nobody is known to have what a frame asks for: whoever is elsewhere may know, if the plugin wants that. */
  #flood({ frame }: ProxyUpcall, vnic: LocalVnic, otherwise: DropReason): Result {
    const { datapath, overlay } = this.#options;
    if (!overlay.floodsUnknownOwners) return otherwise;
    if (this.#isGone(vnic)) return 'overlay_gone';
    return datapath.flood(vnic.index, frame) ? null : 'inject_ring_full';
  }

  /** The VNIC was removed while the plugin thought; its index may be another VNIC's by now. */
  #isGone(vnic: LocalVnic): boolean {
    return this.#isClosed || this.#options.overlay.vnics.get(vnic.index) !== vnic;
  }

  #failed(thrown: unknown): Result {
    const { overlay } = this.#options;
    if (!(thrown instanceof PluginFault)) {
      overlay.log.error('bug while answering a proxy frame', {
        stack: stackOf(thrown),
      });
      return 'lookup_failed';
    }
    if (!this.#isClosed && overlay.plugin !== null) overlay.health.degrade('lookup', thrown.message);
    return thrown.isTimeout ? 'lookup_timeout' : 'lookup_failed';
  }

  #count(result: Result, record: ProxyUpcall): void {
    const { datapath, overlay } = this.#options;
    if (result === null) datapath.countAnswered();
    // the index of an overlay that is gone may be another's by now
    else datapath.countDrop(this.#isClosed ? 0 : overlay.index, result, record);
  }
}
