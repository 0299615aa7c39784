/** One sentence for each drop reason of the layout; a reason without a text does not compile. */
import { DROPS_EXPECTED, Drop } from '../../assembly/layout.js';

type Reason = Exclude<keyof typeof Drop, 'none'>;

export const DROP_TEXT: Readonly<Record<Reason, string>> = {
  truncated: 'shorter than its own headers say',
  oversized: 'longer than the largest frame vxlane carries',
  bad_source: 'source MAC is a group address or all zero',
  spoofed_source: "source MAC is not the VNIC's (see create-vnic --allow-any-mac)",
  bad_vlan: 'more than two VLAN tags',
  vlan_discarded: 'carries a VLAN tag and the overlay has vlan=discard',
  bad_vxlan_header: 'the I flag of the VXLAN header is not set (RFC 7348 section 5)',
  reserved_bits: 'reserved bits of the VXLAN header are set and the overlay has strict-header=true',
  unknown_vni: 'no overlay with this VNI listens on the address the datagram came to',
  no_local_port: 'no VNIC here has the destination MAC, and it may not go back to the underlay',
  hairpin: 'the destination is behind the VNIC the frame came from',
  no_such_mac: 'the search plugin knows no such MAC',
  drop_entry: 'the table says drop for this MAC',
  no_flood_list: 'broadcast or multicast, and the search plugin does not flood',
  host_chatter: 'MLD, IGMP, router solicitation, mDNS, LLMNR, SSDP, LLDP or STP, and the search plugin does not flood',
  bad_arp: 'malformed ARP',
  arp_gratuitous: 'ARP announcement or other gratuitous ARP, which is not forwarded',
  arp_unknown: 'ARP request for an address the search plugin does not know',
  bad_ndp: 'neighbour solicitation that RFC 4861 section 7.1.1 forbids',
  ndp_unknown: 'neighbour solicitation for an address the search plugin does not know',
  bad_dhcp: 'malformed DHCPv4',
  dhcp_unknown: 'DHCPv4 broadcast of a client without a dhcp-proxy',
  owner_answers: 'the owner of the address is the asker or a VNIC here, which answers itself',
  lookup_timeout: 'no answer from the search plugin within the deadline',
  lookup_failed: 'the search plugin failed or is not there',
  hold_full: 'too many bytes already wait for this MAC or in all',
  upcall_limited: 'too many lookups in flight, or too many per second from this VNIC',
  upcall_ring_full: 'the control thread did not keep up with upcalls',
  inject_ring_full: 'the datapath did not keep up with answers of the proxies',
  overlay_gone: 'the overlay or VNIC was removed meanwhile',
  exceeds_pmtu: 'the datagram does not fit the underlay path (its sender is told), and VXLAN must not be fragmented',
  underlay_busy: 'the send buffer of the underlay is full',
  underlay_unreachable: 'no route to the endpoint',
  underlay_error: 'the kernel refused the datagram',
  tap_error: 'the kernel refused the frame (VNIC interface down?)',
  bad_offload: 'the frame is not what its virtio_net_hdr says (checksum or segments left to do)',
  bad_outer_checksum: 'the UDP checksum of the datagram is wrong, or missing where there has to be one',
  ce_not_ect: 'a router marked congestion, and the packet inside is of a sender that knows no such marks (RFC 6040)',
  outer_fragment: 'came in fragments and the overlay has vxlan/fragments=drop',
  replication_full: 'too much broadcast of this sender, or in all, already waits to be copied to the VNICs here',
  source_local: 'came from the underlay with the MAC of a VNIC here: a loop, or forged',
  source_unknown: 'its sender is no VTEP that the overlay knows (see source-check)',
  source_elsewhere: 'its source MAC is not at the VTEP that sent it, and the overlay has source-check=fdb',
  spoofed_lladdr: "ARP or neighbour discovery names a MAC that is not the VNIC's (protection=mac-nospoof)",
  spoofed_ip: 'an address that the VNIC may not use: source, ARP sender or ND target (protection=ip-nospoof)',
  spoofed_dhcp: 'DHCP request that is not about the VNIC itself, or cannot be read (protection=dhcp-nospoof)',
  rogue_dhcp: 'what DHCP servers and relays send (protection=dhcp-nospoof)',
  rogue_ra: 'router advertisement (protection=ra-guard)',
  restricted_type: 'neither IPv4, IPv6 nor ARP (protection=restricted)',
  bad_headers: 'unreadable for link protection: cut off, or a first fragment without all headers (RFC 7112)',
  worker_restarted: 'was under way in a datapath worker that was restarted',
};

/** Whether the reason says nothing of trouble; see DROPS_EXPECTED. */
export function isExpectedDrop(reason: Reason): boolean {
  return Drop[reason] < 32 && (DROPS_EXPECTED & (1 << Drop[reason])) !== 0;
}
