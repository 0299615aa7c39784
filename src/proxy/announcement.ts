/** What a VNIC announces unasked; the datapath has checked it, and that it is about the MAC that sent it. */
import { arpQuestion } from './arp.js';
import { ETHERTYPE_ARP, etherHeaderLength, viewOf } from './bytes.js';
import { ndpQuestion } from './ndp.js';

export interface Announcement {
  readonly move: { readonly mac: string; readonly ip: string };
  /** Gratuitous ARP; else an unsolicited neighbour advertisement. */
  readonly isArp: boolean;
}

/** Reads either: the target of an advertisement stands where that of a solicitation does. */
export function announcementOf(frame: Uint8Array): Announcement {
  const isArp = viewOf(frame).getUint16(etherHeaderLength(frame) - 2) === ETHERTYPE_ARP;
  if (isArp) {
    const { senderMac, senderIp } = arpQuestion(frame);
    return { move: { mac: senderMac, ip: senderIp }, isArp };
  }
  const { sourceMac, target } = ndpQuestion(frame);
  return { move: { mac: sourceMac, ip: target }, isArp };
}
