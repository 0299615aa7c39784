/** What a VNIC announces unasked; the datapath has checked it, and that it is about the MAC that sent it. */
import { arpQuestion } from './arp.js';
import { ETHERTYPE_ARP, etherHeaderLength, viewOf } from './bytes.js';
import { advertisementFlags, ndpQuestion } from './ndp.js';

export interface Announcement {
  readonly move: { readonly mac: string; readonly ip: string };
  /** Gratuitous ARP; else an unsolicited neighbour advertisement. */
  readonly isArp: boolean;
}

/** What a host says of an address of its own, in ARP of any kind or in an advertisement. */
export interface AddressClaim {
  readonly mac: string;
  readonly ip: string;
  readonly isRouter: boolean;
  /** False: another owner's word is as good (RFC 4861 section 4.4): of an address that several have. */
  readonly overrides: boolean;
}

/** Reads it; the datapath has checked it, and that it is about the MAC that sent it. */
export function addressClaimOf(frame: Uint8Array): AddressClaim {
  const { move, isArp } = announcementOf(frame);
  if (isArp) return { ...move, isRouter: false, overrides: true };
  return { ...move, ...advertisementFlags(frame) };
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
