/** The proxies of src/proxy, fed with whatever frames the datapath hands over. */
import type { ProxyUpcall } from '../../src/datapath/types.js';
import { announcementOf } from '../../src/proxy/announcement.js';
import { arpAnnouncement, arpQuestion, arpReply } from '../../src/proxy/arp.js';
import { dhcpClient, redirect } from '../../src/proxy/dhcp.js';
import { withMtuOption } from '../../src/proxy/dhcp-mtu.js';
import { ndpQuestion, neighbourAdvertisement, unsolicitedAdvertisement } from '../../src/proxy/ndp.js';
import { withRouterMtu } from '../../src/proxy/router-mtu.js';

const MTU = 1400;

/** What a proxy makes of the frame for an owner with this MAC. Throws where the datapath let too much through. */
export function proxied({ kind, frame }: ProxyUpcall, owner: string): Uint8Array {
  switch (kind) {
    case 'arp':
      arpQuestion(frame);
      return arpReply(frame, owner);
    case 'ndp':
      ndpQuestion(frame);
      return neighbourAdvertisement(frame, owner, { router: true });
    case 'dhcp_request':
      dhcpClient(frame);
      return redirect(frame, owner);
    case 'dhcp_reply':
      return redirect(withMtuOption(frame, MTU, 'always'), dhcpClient(frame));
    case 'router_advertisement':
      return withRouterMtu(frame, MTU, 'always');
    case 'announcement': {
      const { move, isArp } = announcementOf(frame);
      return isArp
        ? arpAnnouncement(move.ip, move.mac)
        : unsolicitedAdvertisement(move.ip, move.mac, { router: false });
    }
  }
}
