// The one description of the shared memory. PORTABLE: asc and tsc both compile this very file, so
//  * no type annotations, decorators or imports; integers in 0..2^31-1; only + * <<, & to align, and earlier names;
//  * every offset is the previous offset plus the previous size;
//  * each line ends with what it is and who writes it: host (control thread), worker (datapath), fixed (once, at
// start). Pages of the compiler come first, then: header, VNI index, overlays, VNICs, sockets, endpoints, senders,
// flood lists, worker areas, FDB. The FDB is last because its size is chosen at start (`--fdb-size`); everything before
// it has a constant address.

export const CACHE_LINE = 64;
export const PAGE_SIZE = 65536; // a WebAssembly page
export const KERNEL_PAGE = 4096; // io_uring wants its rings on page boundaries

// ---- limits ---------------------------------------------------------------------------------------------------
export const OVERLAYS_MAX = 4096; // overlay index 0 means none
export const SHARE = 3; // what an overlay has of something is no more than so often what is left: datapath/share.ts
export const VNICS_MAX = 1024; // VNIC index 0 means none
export const UNDERLAY_TAP = 0; // ... and stands for the underlay TAP where TAPs are read
export const SOCKETS_MAX = 64; // one per (listen address, port)
export const ENDPOINTS_MAX = 65536; // endpoint index 0 means none
export const FLOOD_MAX = 512; // endpoints of one overlay's flood list
export const WORKERS_MAX = 16;
export const DROP_REASONS_MAX = 64;
export const SOURCES_MAX = 64; // source ports of one underlay socket
export const BATCH_MAX = 64; // frames per read batch
export const HELD_KEYS_MAX = 256; // upcalls in flight, per worker
export const HELD_BYTES_PER_KEY_MAX = 128 << 10; // bytes waiting for one (overlay, MAC)
export const HELD_BYTES_MAX = 8 << 20; // bytes waiting in all, per worker
export const UPCALLS_PER_SECOND_MAX = 1000; // token bucket of one VNIC
export const LOOPBACKS_PER_SECOND_MAX = 1000; // OAM frames for the VTEP itself: of one overlay and worker
export const LEARNS_PER_SECOND_MAX = 2667; // of one worker, of all overlays; one alone has three quarters
export const STRANGERS_PER_SECOND_MAX = 200; // times that the host is told of senders that are refused
export const HELD_STRANGERS_MAX = 32; // keys, of a worker, that wait to know whether a MAC is at its sender
export const HELD_STRANGERS_BYTES_MAX = HELD_BYTES_PER_KEY_MAX >> 1; // of those waiting for one (overlay, MAC)
export const VNIC_FILTER_SHIFT = 40; // OVL_VNIC_FILTER has a bit for a MAC: the last 5 of its last byte say which
export const LEARN_REPEAT_MS = 100; // the host is not told the same again before
export const LOOKUP_DEADLINE_MS = 3000; // then held frames drop as lookup_timeout
export const TOO_BIG_PER_SECOND_MAX = 100; // ICMP answers to frames that do not fit their path: of one VNIC
export const PROXY_FRAME_MAX = 2048; // a frame handed to a proxy is never larger
export const FRAME_MAX = 9216; // inner Ethernet frame without FCS: MTU 8900 + headers + two tags, and room to spare
export const CAPTURES_MAX = 8; // clients that frames are mirrored for at a time
export const VXLAN_HLEN = 8; // bytes of the VXLAN header, RFC 7348 section 5; of those of all kinds, but for options
export const HEADROOM = 64; // bytes free before every frame; the VXLAN header is built there
export const VNET_SIZE = 10; // bytes of struct virtio_net_hdr, which a TAP puts before a frame
export const SEGMENTS_MAX = 64; // datagrams of one send with UDP_SEGMENT; newer kernels take 128
export const UDP_PAYLOAD_MAX = 65507; // bytes of one send: an IPv4 packet of 65535

// ---- enums ----------------------------------------------------------------------------------------------------
// Why a frame was dropped. The text of each stands in src/datapath/drops.ts, by the same name.
export enum Drop {
  none,
  truncated,
  oversized,
  bad_source,
  spoofed_source,
  bad_vlan,
  vlan_discarded,
  bad_vxlan_header,
  reserved_bits,
  unknown_vni,
  no_local_port,
  hairpin,
  no_such_mac,
  drop_entry,
  no_flood_list,
  host_chatter,
  bad_arp,
  arp_gratuitous,
  arp_unknown,
  bad_ndp,
  ndp_unknown,
  bad_dhcp,
  dhcp_unknown,
  owner_answers,
  lookup_timeout,
  lookup_failed,
  hold_full,
  upcall_limited,
  upcall_ring_full,
  inject_ring_full,
  overlay_gone,
  exceeds_pmtu,
  underlay_busy,
  underlay_unreachable,
  underlay_error,
  tap_error,
  worker_restarted,
  bad_offload,
  bad_outer_checksum,
  ce_not_ect,
  outer_fragment,
  replication_full,
  source_local,
  source_unknown,
  source_elsewhere,
  spoofed_lladdr,
  spoofed_ip,
  spoofed_dhcp,
  rogue_dhcp,
  rogue_ra,
  restricted_type,
  bad_headers,
  rate_limited,
  storm_limited,
  oam_limited,
  oam_refused,
  vlan_unknown,
  not_ethernet,
  other_policy_group,
  bad_geneve_header,
  critical_option,
  bad_nvgre_header,
}
// Bits of the reasons that say nothing of trouble: what hosts send unasked, and nobody misses where nothing is flooded.
export const DROPS_EXPECTED = (1 << Drop.host_chatter) | (1 << Drop.arp_gratuitous) | (1 << Drop.owner_answers);

// What an FDB entry says of a MAC.
export enum FdbKind {
  none,
  remote,
  local,
  drop,
  vtep, // under a key of table/vteps.ts: of a VTEP that may send to the overlay
}

// Record types of the upcall ring (worker to host).
export enum Upcall {
  pad,
  miss,
  arp,
  ndp,
  dhcp_request,
  dhcp_reply,
  learn,
  too_long,
  announcement,
  router_advertisement,
  stranger,
  loopback,
  address,
}

// Record types of the inject ring (host to worker).
export enum Inject {
  pad,
  deliver,
  encap,
  flood,
  tunnel,
}

// Record types of the capture ring (worker to host): where a frame was when it was mirrored.
export enum Capture {
  pad,
  from_vnic,
  to_underlay,
  from_underlay,
  to_vnic,
  dropped, // after it had waited, or was to be copied: it went nowhere
}

// What became of a frame that came from a VNIC or the underlay; also Drop, beside this.
export enum Verdict {
  none,
  listed, // it leaves, for CAP_OUTPUTS destinations
  held, // it waits for an answer
  upcalled, // the host has it
}

// Whether a worker has to be woken (W_SLEEP), see src/datapath/wakes.ts.
export enum Sleep {
  awake, // it looks before it sleeps
  idle, // it holds no frames, so a new FDB entry is nothing to it
  holding, // frames wait for FDB entries
}

// How a datagram carries a frame: the header before it (wire/tunnel.ts).
export enum Encapsulation {
  vxlan,
  vxlan_gpe,
  geneve,
  nvgre,
}

// What to do with an inner 802.1Q tag (RFC 7348 section 6.1 leaves it to configuration).
export enum VlanPolicy {
  pass,
  strip,
  discard,
}

// ---- header ---------------------------------------------------------------------------------------------------
export const REGION = PAGE_SIZE; // the compiler keeps page 0
export const HDR_STAMP = REGION; // u32 layout stamp (fixed)
export const HDR_MEMORY_BASE = HDR_STAMP + 8; // u64 address of byte 0 of this memory in the process (fixed)
export const HDR_FDB_BASE = HDR_MEMORY_BASE + 8; // u32 offset of the FDB's buckets (fixed)
export const HDR_FDB_BUCKETS = HDR_FDB_BASE + 4; // u32 how many there are (fixed)
export const HDR_FDB_LIMIT = HDR_FDB_BUCKETS + 4; // u32 most entries that may be live (fixed)
export const HDR_WORKERS = HDR_FDB_LIMIT + 4; // u32 number of workers (fixed)
export const HDR_HASH_KEYS = HDR_WORKERS + 4; // u64[4] random numbers, the last one odd: see table/hash.ts (fixed)
export const HASH_KEYS_SIZE = 32;
export const HDR_CONFIG_GENERATION = HDR_STAMP + CACHE_LINE; // u32, raised when sockets or VNICs change (host)
export const HDR_STOP = HDR_CONFIG_GENERATION + 4; // u32, 1 asks every worker to end (host)
export const HDR_TRAP = HDR_STOP + 4; // u32, 1 makes the next worker of the debug build trap (host)
export const HDR_FDB_VERSION = HDR_CONFIG_GENERATION + CACHE_LINE; // u32, raised before a way changes keys (host)
export const HDR_FDB_COUNT = HDR_FDB_VERSION + 4; // u32 live entries (host)
export const HDR_FDB_VTEPS = HDR_FDB_COUNT + 4; // u32 known VTEPs of overlays, which are no entries (host)
export const HDR_FDB_EVICTABLE = HDR_FDB_VTEPS + 4; // u32 entries that are not static (host)
export const HDR_FDB_OWNERS = HDR_FDB_EVICTABLE + 4; // u32 overlays that have such entries (host)
export const HDR_SENDERS_VERSION = HDR_FDB_OWNERS + 4; // u32, raised when a list of senders has changed (host)
export const HDR_TRUNKS = HDR_SENDERS_VERSION + 4; // u32 TAPs that several VNICs share; 0: no VNIC has a tag (host)
export const VICTIMS_MAX = 512; // entries that may go next, see table/evict.ts
export const HDR_VICTIMS = HDR_FDB_VERSION + CACHE_LINE; // u64 worth and slot per victim, least last (host)
export const PATHS_MAX = 128; // buckets that a search for room looks at
// u32 bucket, u32 how it was come by: see fdb-write.ts (host)
export const HDR_PATHS = HDR_VICTIMS + VICTIMS_MAX * 8;
export const HDR_SOCKADDR = HDR_PATHS + PATHS_MAX * 8; // 28 bytes sockaddr of the VTEP that is written (host)
// what each capture wants, written before its bit is set (host)
export const CAPTURE_FILTERS = CAPTURES_MAX + 1; // the last is that of a trace, see src/datapath/tracer.ts
export const HDR_CAPTURE_FILTERS = HDR_SOCKADDR + 32; // CAPTURE_FILTERS of them
export const CF_OVERLAY = 0; // u32, 0: of any, and of none
export const CF_OVERLAY_INCARNATION = CF_OVERLAY + 4; // u32
export const CF_VNIC = CF_OVERLAY_INCARNATION + 4; // u32 a VNIC that sends or gets it, 0: any
export const CF_VNIC_INCARNATION = CF_VNIC + 4; // u32
export const CF_MAC = CF_VNIC_INCARNATION + 4; // u64 source or destination, 0: any
export const CF_ADDRESS = CF_MAC + 8; // 16 bytes: source or destination inside, IPv4 as ::ffff:a.b.c.d; zero: any
export const CF_REASONS = CF_ADDRESS + 16; // u64 bit per Drop: only what is dropped for one of them; 0: everything
export const CF_SNAPLEN = CF_REASONS + 8; // u32 bytes of a frame that it wants
export const CF_SIZE = 64;
export const HDR_CAPTURE_FRAME = HDR_CAPTURE_FILTERS + CAPTURE_FILTERS * CF_SIZE; // a frame that the host drops (host)
export const HDR_SIZE = 8192;

// ---- VNI index: open addressing, slot = key + 1 in the low, overlay index in the high 32 bits (host) ------------
export const VNI_SOCKET_SHIFT = 24; // a key is a socket and a VNI
export const VNI_SLOTS = OVERLAYS_MAX * 2;
export const VNI_MASK = VNI_SLOTS + -1;
export const VNI_SLOT_SIZE = 8;
export const VNI_BASE = REGION + HDR_SIZE;
export const VNI_SIZE = VNI_SLOTS * VNI_SLOT_SIZE;

// ---- entries of the FDB by overlay: u32 how many are not static (host) --------------------------------------------
export const FDB_OWNED_BASE = VNI_BASE + VNI_SIZE;
export const FDB_OWNED_SIZE = OVERLAYS_MAX * 4;

// ---- overlays (all written by host) -----------------------------------------------------------------------------
export const OVERLAYS_BASE = FDB_OWNED_BASE + FDB_OWNED_SIZE;
export const OVL_VNI = 0; // u32
export const OVL_SOCKET = OVL_VNI + 4; // u32 socket index frames of this overlay leave and arrive by
export const OVL_FLAGS = OVL_SOCKET + 4; // u32 OVL_FLAG_*, 0 = slot is free
export const OVL_VLAN = OVL_FLAGS + 4; // u32 VlanPolicy
export const OVL_POINT = OVL_VLAN + 4; // u32 endpoint of a point plugin, else 0
export const OVL_FIRST_VNIC = OVL_POINT + 4; // u32 head of the list of local VNICs
export const OVL_ANY_MAC_VNIC = OVL_FIRST_VNIC + 4; // u32 the VNIC behind which other MACs live, else 0
export const OVL_POLICY = OVL_ANY_MAC_VNIC + 4; // u32 POLICY_GROUP and its group policy id, 0: it has none
export const OVL_HEADER = OVL_POLICY + 4; // u64 its header as it stands on the wire, of its socket's kind
export const OVL_FLOOD = OVL_HEADER + 8; // u32 its flood list, 0: none, or an empty one
// u32 raised when the index is given to another overlay: what outlives a turn names both (host)
export const OVL_INCARNATION = OVL_FLOOD + 4;
export const OVL_FRAME_MAX = OVL_INCARNATION + 4; // u32 bytes of a frame without tags that its MTU allows
// u32 what its datagrams' outer headers say, MARK_*; and which bits of that a frame's own IP header says
export const OVL_MARK = OVL_FRAME_MAX + 4;
export const OVL_MARK_COPIED = OVL_MARK + 4;
export const OVL_VNIC_FILTER = OVL_MARK_COPIED + 4; // u32 bits of the MACs of its VNICs, see datapath/source-check.ts
export const OVL_SIZE = 64;
export const OVL_FLAG_LIVE = 1;
export const OVL_FLAG_STRICT_HEADER = 2; // drop datagrams with reserved bits set
export const OVL_FLAG_PROXY_ARP = 4; // the plugin knows IPv4 addresses
export const OVL_FLAG_PROXY_NDP = 8; // the plugin knows IPv6 addresses
export const OVL_FLAG_PROXY_DHCP = 16; // the plugin knows DHCP servers
export const OVL_FLAG_LOOKUP = 32; // misses may be asked of the plugin
export const OVL_FLAG_POINT = 64; // every frame goes to OVL_POINT (0 there: is dropped)
export const OVL_FLAG_SEGMENT = 128; // several datagrams may leave in one send (UDP_SEGMENT)
export const OVL_FLAG_COALESCE_TCP = 256; // TCP frames for a VNIC may be joined into a super-frame
export const OVL_FLAG_COALESCE_UDP = 512; // UDP frames as well
export const OVL_FLAG_FLOOD_UNKNOWN = 1024; // unicast to an unknown MAC is flooded; misses are never asked
export const OVL_FLAG_LEARN = 2048; // the host is told where MACs are heard from
export const OVL_FLAG_ACCEPT_PARTIAL = 4096; // frames from the underlay may come as they are inside a kernel
export const OVL_FLAG_RETURNS = 8192; // the host is told when a MAC that came here is heard from elsewhere
export const OVL_FLAG_ECN = 16384; // congestion marks of outer headers are carried inside (RFC 6040)
export const OVL_FLAG_REFUSE_FRAGMENTS = 32768; // datagrams that came in fragments are dropped
export const OVL_FLAG_ANNOUNCED = 65536; // the host is told of announcements, and floods them
export const OVL_FLAG_ROUTERS = 131072; // router advertisements pass through the host, which tells of the MTU
export const OVL_FLAG_CHECK_VTEP = 262144; // only known VTEPs may send to it
export const OVL_FLAG_CHECK_FDB = 524288; // ... and only what the FDB has there
export const OVL_FLAG_SNOOP = 1048576; // with LEARN: the host is told what senders say of their addresses
export const POLICY_GROUP = 65536; // in OVL_POLICY, beside an id of 16 bits
// A mark: what an outer header says beside addresses and ports. 0: TOS 0, OUTER_TTL, not to be fragmented.
export const MARK_TOS = 0xff; // TOS or traffic class: DSCP and ECN
export const MARK_TTL_SHIFT = 8; // TTL or hop limit, 0: OUTER_TTL
export const MARK_TTL = 0xff << MARK_TTL_SHIFT;
export const MARK_FRAGMENT_SHIFT = 16;
export const MARK_FRAGMENT = 1 << MARK_FRAGMENT_SHIFT; // it may be fragmented, here or on its way
export const OUTER_TTL = 64;
export const ARRIVED_IN_FRAGMENTS = 0x100; // beside the TOS of what arrives
export const OVERLAYS_SIZE = OVERLAYS_MAX * OVL_SIZE;

// ---- VNICs (all written by host) ----------------------------------------------------------------------------------
export const VNICS_BASE = OVERLAYS_BASE + OVERLAYS_SIZE;
export const VNIC_MAC = 0; // u64 48-bit MAC, first byte on the wire least significant
export const VNIC_OVERLAY = VNIC_MAC + 8; // u32 overlay index
export const VNIC_FLAGS = VNIC_OVERLAY + 4; // u32 VNIC_FLAG_*, 0 = slot is free
export const VNIC_NEXT = VNIC_FLAGS + 4; // u32 next VNIC of the same overlay, 0 ends the list
export const VNIC_INCARNATION = VNIC_NEXT + 4; // u32 as OVL_INCARNATION
export const VNIC_PROTECTION = VNIC_INCARNATION + 4; // u32 where its protection in force is; 0: it never had one
export const VNIC_TRUNK = VNIC_PROTECTION + 4; // u32 of one whose tags select VNICs: its place there; 0: it is none
export const VNIC_TAG = VNIC_TRUNK + 4; // u32 the tag that its frames have on its TAP, as on the wire; 0: none
export const VNIC_UNTAGGED = 1; // a VNIC_TAG: its own frames have none there, those of others do
export const VNIC_SIZE = 64;
export const VNIC_FLAG_LIVE = 1;
export const VNIC_FLAG_ANY_MAC = 2;
export const VNIC_FLAG_PROTECTED = 4; // its frames are looked at, see datapath/protect.ts
export const VNIC_FLAG_LIMITED = 8; // they are counted against limits, see datapath/rate-limit.ts
export const VNIC_FLAG_GUARDED = VNIC_FLAG_PROTECTED + VNIC_FLAG_LIMITED;
export const VNICS_SIZE = VNICS_MAX * VNIC_SIZE;

// ---- trunks: by VLAN id, the VNIC whose frames have it on a TAP that several share; 0: nobody's (host) -----------
export const TRUNKS_MAX = 64; // 0 means none
export const VLANS_MAX = 4096; // VLAN id 0: frames without a tag
export const TRUNKS_BASE = VNICS_BASE + VNICS_SIZE;
export const TRUNK_SIZE = VLANS_MAX * 4;
export const TRUNKS_SIZE = TRUNKS_MAX * TRUNK_SIZE;

// ---- link protection: what frames of a VNIC may say (all written by host) -------------------------------------------
// Two a VNIC: one in force, which is not written, and one to write the next into.
export const PROTECTIONS_BASE = TRUNKS_BASE + TRUNKS_SIZE;
export const ALLOWED_MAX = 32; // prefixes of each family
export const PROT_FLAGS = 0; // u32 PROTECT_*
export const PROT_IPV4_COUNT = PROT_FLAGS + 4; // u32
export const PROT_IPV6_COUNT = PROT_IPV4_COUNT + 4; // u32
export const PROT_IPV4 = CACHE_LINE; // u32 network and u32 mask of each prefix, as numbers
export const PROT_IPV6 = PROT_IPV4 + ALLOWED_MAX * 8; // u64[2] network and u64[2] mask of each, high and low
export const PROT_SIZE = PROT_IPV6 + ALLOWED_MAX * 32;
export const PROTECTIONS_SIZE = 2 * VNICS_MAX * PROT_SIZE;
export const PROTECT_MAC = 1;
export const PROTECT_IP = 2;
export const PROTECT_DHCP = 4;
export const PROTECT_RA = 8;
export const PROTECT_RESTRICTED = 16;

// ---- rate limits of VNICs: three buckets each, see datapath/rate-limit.ts -------------------------------------------
export const LIMITS_BASE = PROTECTIONS_BASE + PROTECTIONS_SIZE;
export const LIMIT_COST = 0; // u64 what one byte, frame or group frame costs, BUCKET_FRACTION; 0: no limit (host)
export const LIMIT_DEPTH = LIMIT_COST + 8; // u64 what may be had at once, in sixteenths of a nanosecond (host)
export const LIMIT_FULL_AT = LIMIT_DEPTH + 8; // u64 when it is full again, likewise (any worker, by compare and swap)
export const LIMIT_SIZE = 32;
export const LIMIT_BYTES = 0; // the buckets of a VNIC
export const LIMIT_FRAMES = LIMIT_BYTES + LIMIT_SIZE;
export const LIMIT_GROUP_FRAMES = LIMIT_FRAMES + LIMIT_SIZE;
export const VNIC_LIMITS_SIZE = 2 * CACHE_LINE;
export const LIMITS_SIZE = VNICS_MAX * VNIC_LIMITS_SIZE;
export const BUCKET_FRACTION = 16; // bits of a cost behind the point

// ---- underlay sockets (all written by host) -------------------------------------------------------------------------
export const SOCKETS_BASE = LIMITS_BASE + LIMITS_SIZE;
export const SOCK_LIVE = 0; // u32, 0 = slot is free
export const SOCK_SOURCES = SOCK_LIVE + 4; // u32 source ports it sends from, up to SOURCES_MAX; 0: it only receives
export const SOCK_OWNER = SOCK_SOURCES + 4; // u32 the socket to whose overlays belongs what arrives here, mostly itself
export const SOCK_FLAGS = SOCK_OWNER + 4; // u32 SOCK_FLAG_*
export const SOCK_ADDRESS = SOCK_FLAGS + 4; // 16 bytes where it listens, IPv4 as ::ffff:a.b.c.d; zero: on any address
export const SOCK_PORT = SOCK_ADDRESS + 16; // u32 the port it listens on
export const SOCK_SOURCE_PORTS = SOCK_PORT + 4; // u16[SOURCES_MAX] the ports it sends from
export const SOCK_ENCAPSULATION = SOCK_SOURCE_PORTS + SOURCES_MAX * 2; // u32 Encapsulation of all that comes and goes
export const SOCK_FLAG_CHECKSUM = 1; // the outer UDP checksum of super-frames is made
export const SOCK_FLAG_ZERO_CHECKSUM6 = 2; // over IPv6, datagrams without a checksum are received
export const SOCK_FLAG_CHECKSUM_FRAGMENTABLE = 4; // that of super-frames that may be fragmented (MARK_FRAGMENT)
export const SOCK_SIZE = 192;
export const SOCKETS_SIZE = SOCKETS_MAX * SOCK_SIZE;

// ---- endpoints: where datagrams of one socket go (all written by host) ----------------------------------------------
// A ready sockaddr, used as msg_name; and for the underlay TAP two templates of the headers before a VXLAN header (see
// wire/outer.ts), one in force and one to write the next into.
export const ENDPOINTS_BASE = SOCKETS_BASE + SOCKETS_SIZE;
export const EP_SOCKADDR = 0; // 28 bytes sockaddr_in or sockaddr_in6
export const EP_SOCKADDR_MAX = 28;
export const EP_SOCKADDR_LEN = EP_SOCKADDR + EP_SOCKADDR_MAX; // u32 16 or 28
export const EP_ROUTE = EP_SOCKADDR_LEN + 4; // u32 where in the record the template in force is, 0: by socket alone
// u32 bytes of a frame that its path takes, tags included; the largest number: nothing is known of the path
export const EP_FRAME_MAX = EP_ROUTE + 4;
export const EP_SOURCE = EP_FRAME_MAX + 4; // 16 bytes the address to send from, while a template is written
export const EP_SOCKET = EP_SOURCE + 16; // u32 the socket that sends to it
export const EP_NEXT = EP_SOCKET + 4; // u32 next endpoint of its list of senders, 0 ends the list
export const EP_TEMPLATES = CACHE_LINE; // two, at multiples of EP_TEMPLATE_SIZE
export const EP_TEMPLATE_MTU = 62; // u16 in a template, behind the headers: IP bytes that the route takes
export const EP_TEMPLATE_SIZE = 64;
export const EP_SIZE = EP_TEMPLATES + 2 * EP_TEMPLATE_SIZE;
export const ENDPOINTS_SIZE = ENDPOINTS_MAX * EP_SIZE;

// ---- senders: u32 per hash of an address: the first endpoint of a list, see table/senders.ts (host) -----------------
export const SENDERS_BASE = ENDPOINTS_BASE + ENDPOINTS_SIZE;
export const SENDER_LISTS = 65536;
export const SENDERS_SIZE = SENDER_LISTS * 4;

// ---- flood lists: written while no overlay names them, not changed again before no worker can read them (host) ------
export const FLOOD_BASE = SENDERS_BASE + SENDERS_SIZE;
export const FLOOD_LISTS_MAX = OVERLAYS_MAX * 2; // every overlay's, and those that workers may still read; 0 means none
export const FLOOD_COUNT = 0; // u32 endpoints of the list, 1..FLOOD_MAX
export const FLOOD_ENDPOINTS = FLOOD_COUNT + CACHE_LINE; // u32[FLOOD_MAX]
export const FLOOD_LIST_SIZE = FLOOD_ENDPOINTS + FLOOD_MAX * 4;
export const FLOOD_SIZE = FLOOD_LISTS_MAX * FLOOD_LIST_SIZE;

// ---- one worker's area: all written by that worker, but for the lines that say otherwise ----------------------------
export const WORKERS_BASE = (FLOOD_BASE + FLOOD_SIZE + KERNEL_PAGE + -1) & -KERNEL_PAGE;
export const W_TURN = 0; // u32 turns of the loop so far; the host waits on it to know that a change was seen
export const W_CONFIG_SEEN = W_TURN + CACHE_LINE; // u32 config generation the poll set was built from
export const W_EVENTFD = W_CONFIG_SEEN + 4; // i32 descriptor that wakes the worker (fixed)
export const W_GSO_REFUSED = W_EVENTFD + 4; // i32 errno that refused UDP_SEGMENT, until the host is told
export const W_GSO_SOCKET = W_GSO_REFUSED + 4; // u32 on which socket
export const W_FRAMES_LEFT = W_GSO_SOCKET + 4; // u32 frames read from a TAP, not taken yet
export const W_DATAGRAMS_LEFT = W_FRAMES_LEFT + 4; // u32 datagrams received, not taken yet
export const W_NO_VNET = W_DATAGRAMS_LEFT + 4; // 10 bytes virtio_net_hdr of a complete frame (fixed)
export const W_CAPTURES = W_NO_VNET + 12; // u32, bit n: frames are mirrored for capture n; 0: for none (host)
export const W_CLOCK = W_CONFIG_SEEN + CACHE_LINE; // struct timespec: the monotonic time that a pass works with
export const W_HOLD_TIMEOUT = W_CLOCK + 16; // struct timespec: how long to wait while frames are held
export const W_NO_WAIT = W_HOLD_TIMEOUT + 16; // struct timespec of zero: only look

// totals; the books: in + copies + injected = out + delivered + drops + held + upcalled
// its descriptors: every worker has sockets and TAP queues of its own (host)
export const W_SOCKET_FDS = W_CLOCK + CACHE_LINE; // i32 per socket: where it receives, -1: nowhere
export const W_VNIC_FDS = W_SOCKET_FDS + SOCKETS_MAX * 4; // i32 per VNIC: its queue of the TAP, -1: none
// i32 per socket, source port and kind: where it sends. Kind 0 sends several datagrams at once, and so with checksums;
// kind 1 sends single ones; 2 and 3 likewise what may be fragmented (MARK_FRAGMENT).
export const W_SOURCE_FDS = W_VNIC_FDS + VNICS_MAX * 4;
export const SOURCE_KINDS = 4;
export const W_NO_SEGMENT = W_SOURCE_FDS + SOCKETS_MAX * SOURCES_MAX * SOURCE_KINDS * 4; // u32 per socket: 1 = refused

export const W_COUNTERS = W_NO_SEGMENT + SOCKETS_MAX * 4;
export const C_ENCAP_IN = 0; // u64 frames read from TAPs
export const C_DECAP_IN = C_ENCAP_IN + 8; // u64 datagrams read from the underlay
export const C_INJECTED = C_DECAP_IN + 8; // u64 frames from the inject ring
export const C_COPIES = C_INJECTED + 8; // u64 extra copies made of multicast and broadcast frames
export const C_ENCAP_OUT = C_COPIES + 8; // u64 datagrams sent
export const C_DELIVERED = C_ENCAP_OUT + 8; // u64 frames written to TAPs
export const C_UPCALLED = C_DELIVERED + 8; // u64 frames handed to the host for a proxy
export const C_HELD = C_UPCALLED + 8; // u64 frames held now
export const C_HELD_BYTES = C_HELD + 8; // u64 bytes held now
export const C_UPCALLS = C_HELD_BYTES + 8; // u64 misses asked of the host
export const C_ENCAP_OUT_BYTES = C_UPCALLS + 8; // u64 frame bytes sent
export const C_ENCAP_IN_BYTES = C_ENCAP_OUT_BYTES + 8; // u64 frame bytes read from TAPs
export const C_DECAP_IN_BYTES = C_ENCAP_IN_BYTES + 8; // u64 datagram bytes read from the underlay
export const C_DELIVERED_BYTES = C_DECAP_IN_BYTES + 8; // u64 frame bytes written to TAPs
export const C_LEARNS = C_DELIVERED_BYTES + 8; // u64 times the host was told where a MAC was heard from
export const C_LEARN_SKIPPED = C_LEARNS + 8; // u64 times it was not: too many a second, or the ring was full
export const C_IO_REFUSED = C_LEARN_SKIPPED + 8; // u64 system calls that failed, but for those that send or write
export const C_TOO_BIG_ANSWERS = C_IO_REFUSED + 8; // u64 ICMP answers to frames that do not fit their path
export const C_UNKNOWN_VNI = C_TOO_BIG_ANSWERS + 8; // u32 1 + the last VNI that nobody has, 0: none came
export const C_UNKNOWN_FROM = C_UNKNOWN_VNI + 4; // 28 bytes sockaddr: who sent it
export const C_SIZE = 192;

// counters of one overlay; drops of frames that belong to no overlay count under overlay 0
export const W_OVERLAY_COUNTERS = W_COUNTERS + C_SIZE;
export const OC_ENCAP_FRAMES = 0; // u64 datagrams sent
export const OC_ENCAP_BYTES = OC_ENCAP_FRAMES + 8; // u64 frame bytes sent
export const OC_DECAP_FRAMES = OC_ENCAP_BYTES + 8; // u64 datagrams received for it
export const OC_DECAP_BYTES = OC_DECAP_FRAMES + 8; // u64 frame bytes received for it
export const OC_DROPS = OC_DECAP_BYTES + 8; // u64 per Drop
export const OC_FRAGMENTS = OC_DROPS + DROP_REASONS_MAX * 8; // u64 datagrams for it that came in fragments, and may
export const OC_TOKENS = OC_FRAGMENTS + 8; // u32, u32: as VC_TOKENS and VC_REFILLED, of what comes from the underlay
export const OC_LOOPBACK_TOKENS = OC_TOKENS + 8; // u32, u32: likewise, of OAM frames for the VTEP itself
export const OC_SIZE = OC_FRAGMENTS + 32;
export const W_OVERLAY_COUNTERS_SIZE = OVERLAYS_MAX * OC_SIZE;

// counters of one VNIC, named as its owner sees them
export const W_VNIC_COUNTERS = W_OVERLAY_COUNTERS + W_OVERLAY_COUNTERS_SIZE;
export const VC_TX_FRAMES = 0; // u64 frames read from the TAP
export const VC_TX_BYTES = VC_TX_FRAMES + 8; // u64
export const VC_RX_FRAMES = VC_TX_BYTES + 8; // u64 frames written to the TAP
export const VC_RX_BYTES = VC_RX_FRAMES + 8; // u64
export const VC_DROPS = VC_RX_BYTES + 8; // u64 frames of this VNIC's sending that were dropped
export const VC_DROPS_EXPECTED = VC_DROPS + 8; // u64 those of them whose reason is one of DROPS_EXPECTED
export const VC_TOKENS = VC_DROPS_EXPECTED + 8; // u32 upcalls the VNIC may cause now, in thousandths
export const VC_REFILLED = VC_TOKENS + 4; // u32 low bits of the millisecond of the last refill
export const VC_TOO_BIG_TOKENS = VC_REFILLED + 4; // u32, u32: as the two before, of ICMP answers
export const VC_SIZE = 64;
export const W_VNIC_COUNTERS_SIZE = VNICS_MAX * VC_SIZE;

// counters of one endpoint
export const W_ENDPOINT_COUNTERS = W_VNIC_COUNTERS + W_VNIC_COUNTERS_SIZE;
export const EC_FRAMES = 0; // u64 datagrams sent to it
export const EC_BYTES = EC_FRAMES + 8; // u64 frame bytes
export const EC_SIZE = 16;
export const W_ENDPOINT_COUNTERS_SIZE = ENDPOINTS_MAX * EC_SIZE;
// The rest of them, apart: sending touches as few cache lines as may be. Endpoint 0: of all senders that are none.
export const W_SENDER_COUNTERS = W_ENDPOINT_COUNTERS + W_ENDPOINT_COUNTERS_SIZE;
export const SC_FRAMES = 0; // u64 datagrams received from it, as OC_DECAP_FRAMES
export const SC_BYTES = SC_FRAMES + 8; // u64 frame bytes
export const SC_LOST = SC_BYTES + 8; // u64 frames for it that were dropped: too long for its path, or not sent
export const SC_SIZE = 32;
export const W_SENDER_COUNTERS_SIZE = ENDPOINTS_MAX * SC_SIZE;

// rings: head is the producer's byte count, tail the consumer's; both run freely modulo 2^32
export const RING_HEAD = 0; // u32 published (producer)
export const RING_RESERVED = RING_HEAD + 4; // u32 reserved, not yet published (producer)
export const RING_SETTLED = RING_RESERVED + 4; // u32 records before count for their overlays no more (producer)
export const RING_TAIL = CACHE_LINE; // u32 given back (consumer)
export const RING_READ = RING_TAIL + 4; // u32 read, not yet given back (consumer)
export const RING_DATA = RING_TAIL + CACHE_LINE;
export const RING_CAPACITY = 1 << 20; // bytes, a power of two
export const RING_SHARES = RING_DATA + RING_CAPACITY; // u32 per overlay: bytes of its records (producer)
export const RING_SIZE = RING_SHARES + OVERLAYS_MAX * 4;
export const W_UPCALL_RING = W_SENDER_COUNTERS + W_SENDER_COUNTERS_SIZE; // worker to host
export const W_INJECT_RING = W_UPCALL_RING + RING_SIZE; // host to worker

// a ring record; its bytes follow, and the next record starts at a multiple of 8
export const REC_SIZE = 0; // u32 whole record in bytes, header included
export const REC_TYPE = REC_SIZE + 4; // u32 Upcall or Inject
export const REC_OVERLAY = REC_TYPE + 4; // u32 overlay index
export const REC_VNIC = REC_OVERLAY + 4; // u32 VNIC index (0: the frame came from the underlay)
export const REC_INCARNATION = REC_VNIC + 4; // u32 of the overlay; of the VNIC in a record from the host
export const REC_MAC = REC_INCARNATION + 4 + 4; // u64 the MAC that is asked for
export const REC_SOURCE_MAC = REC_MAC + 8; // u64 source MAC of the frame
export const REC_ETHERTYPE = REC_SOURCE_MAC + 8; // u32 EtherType inside the tag, if any
export const REC_VLAN = REC_ETHERTYPE + 4; // u32 VLAN id, 0 untagged
export const REC_FRAME_LEN = REC_VLAN + 4; // u32 bytes of frame
export const REC_FRAME = REC_FRAME_LEN + 4 + HEADROOM; // the frame, after room for a VXLAN header
// a record of Upcall.learn has no frame, and after REC_MAC:
export const REC_SOCKADDR = REC_MAC + 8; // 28 bytes sockaddr where frames of that MAC come from, unless REC_VNIC
export const REC_LEARN_SIZE = REC_SOCKADDR + 32;
export const REC_FRAMES = REC_VNIC; // u32 of Upcall.stranger, else as the former: how many it stands for
// a record of Upcall.too_long has neither overlay nor frame, and after REC_INCARNATION:
export const REC_ENDPOINT = REC_MAC; // u32 whose path did not take a datagram
export const REC_TOO_LONG_SIZE = REC_ENDPOINT + 8;
// a record of Inject.tunnel has the endpoint likewise, and the incarnation of the overlay
export const REC_SENDER = REC_FRAME_LEN + 4; // 28 bytes sockaddr of Upcall.loopback, before the frame

// held frames: a slot is a key, a header and one linear arena
export const HELD_FILTER_SLOTS = 1024;
export const W_HELD_FILTER = W_INJECT_RING + RING_SIZE; // u16 per hash: held keys with that hash
export const W_HELD_KEYS = W_HELD_FILTER + HELD_FILTER_SLOTS * 2; // u64 FDB key per slot, 0 = free
export const W_HELD = W_HELD_KEYS + HELD_KEYS_MAX * 8;
export const HK_SINCE = 0; // f64 ms when the first frame was held
export const HK_USED = HK_SINCE + 8; // u32 bytes of the arena in use
export const HK_RELEASED = HK_USED + 4; // u32 arena bytes already sent on
export const HK_FREED = HK_RELEASED + 4; // u32 pass in which the slot was freed: its bytes may be queued until the next
export const HK_INCARNATION = HK_FREED + 4; // u32 of the overlay when the first frame was held
export const HK_BY_SOURCE = HK_INCARNATION + 4; // u32 1: frames of this MAC's sending are among them
export const HK_SIZE = 64;
export const W_HELD_ARENAS = W_HELD + HELD_KEYS_MAX * HK_SIZE;
export const HELD_FRAME_LEN = 0; // u32
export const HELD_FRAME_VNIC = HELD_FRAME_LEN + 4; // u32 its sender, 0: the underlay
export const HELD_FRAME_FRAMES = HELD_FRAME_VNIC + 4; // u32 frames it is on the wire
export const HELD_FRAME_BYTES = HELD_FRAME_FRAMES + 4; // u32 bytes of those
export const HELD_FRAME_VNET = HELD_FRAME_BYTES + 4; // its struct virtio_net_hdr
export const HELD_FRAME_INCARNATION = HELD_FRAME_VNET + VNET_SIZE + 2; // u32 of its sender
export const HELD_FRAME_FROM = HELD_FRAME_INCARNATION + 4; // 28 bytes sockaddr of whom the MAC is to be at; 0: of none
export const HELD_FRAME = HELD_FRAME_FROM + 32 + VXLAN_HLEN; // the frame, after room for a VXLAN header
export const W_HELD_ARENAS_SIZE = HELD_KEYS_MAX * HELD_BYTES_PER_KEY_MAX;

// what the datapath decided to send, in order; the engine turns it into I/O descriptors and empties it
export const EMIT_MAX = 448; // messages, and writes, that are made ready together
export const COPIES_MAX = 128; // of broadcast and multicast frames to VNICs, that a turn makes
export const OUT_FRAME_MAX = COPIES_MAX + FLOOD_MAX; // entries that one frame makes at most
export const OUT_MAX = VNICS_MAX + OUT_FRAME_MAX; // a pass stops taking frames when fewer than OUT_FRAME_MAX are left
export const SEGMENTS_LISTED_MAX = 2048; // frames that listed super-frames make before the list is full
export const RUNS_MAX = 64; // flows that are coalesced side by side, RUN_WAYS of each set
export const RUN_WAYS = 4;
export const RUN_SIZE = 64; // one of them while its frames are joined, see engine/output/gro-flows.ts
export const W_RUN_KEYS = W_HELD_ARENAS + W_HELD_ARENAS_SIZE; // u64 per run
export const W_RUNS = W_RUN_KEYS + RUNS_MAX * 8; // RUNS_MAX of them
export const W_GRO_SEGMENT = W_RUNS + RUNS_MAX * RUN_SIZE; // the entry that is looked at, see offload/flow-of.ts
export const W_GRO_MESSAGE = W_GRO_SEGMENT + CACHE_LINE; // what datagrams of one message become, see offload/gro.ts
export const GRO_HEADERS_MAX = 192; // bytes of the headers of a datagram, outer and inner
export const W_GRO_HEADERS = W_GRO_MESSAGE + CACHE_LINE; // those of the datagram that is just joined
export const W_GRO_VNET = W_GRO_HEADERS + GRO_HEADERS_MAX; // 10 bytes struct virtio_net_hdr of what it became
export const W_FRAME = W_GRO_VNET + CACHE_LINE; // the frame that is on its way, see datapath/frame.ts
export const W_GSO = W_FRAME + CACHE_LINE; // the super-frame that is cut, see offload/gso.ts
export const W_OUT_COUNT = W_GSO + CACHE_LINE; // u32
export const W_OUT_SUPER = W_OUT_COUNT + 4; // u32 1: among them is a super-frame for the underlay
export const W_OUT = W_OUT_COUNT + CACHE_LINE;
export const OUT_FRAME = 0; // u32 where the frame starts; VXLAN_HLEN bytes before it may be written
export const OUT_LEN = OUT_FRAME + 4; // u32 bytes of frame
export const OUT_ENDPOINT = OUT_LEN + 4; // u32 endpoint to send it to, or 0: it goes to a VNIC
export const OUT_OVERLAY = OUT_ENDPOINT + 4; // u16
export const OUT_SOURCE = OUT_OVERLAY + 2; // u16 socket * SOURCES_MAX + which of its source ports
export const OUT_ROOM = OUT_SOURCE; // u16 of one to a VNIC, 1: the bytes before its frame are free for OUT_VNET
export const OUT_VNIC = OUT_SOURCE + 2; // u32 that VNIC
export const OUT_MARK = OUT_VNIC; // u32 of one to an endpoint: what its outer header says, MARK_*
export const OUT_SENDER = OUT_VNIC + 4; // u32 VNIC that sent it, 0: the underlay or a proxy
export const OUT_FRAMES = OUT_SENDER + 4; // u32 frames it is on the wire: a super-frame stands for several
export const OUT_BYTES = OUT_FRAMES + 4; // u32 bytes of those
export const OUT_SETTLED = OUT_BYTES + 4; // u32 of those, the ones whose fate is counted
export const OUT_NEXT = OUT_SETTLED + 4; // u32 where the entry is that leaves with this one, behind it; 0: none
export const OUT_JOINED = OUT_NEXT + 4; // u32 1: it leaves with an earlier entry
export const OUT_PAYLOAD = OUT_JOINED + 4; // u32 where the part starts that a joined entry adds
export const OUT_PAYLOAD_LEN = OUT_PAYLOAD + 4; // u32 bytes of that part
export const OUT_DROPPED = OUT_PAYLOAD_LEN + 4; // u16 Drop: why it, or some of it, was lost; see accounting.ts
export const OUT_VNET = OUT_DROPPED + 2; // 10 bytes struct virtio_net_hdr: what it leaves to its receiver
export const OUT_SIZE = 64;

// I/O descriptors of the mmsg engine, in the kernel's own layout (64-bit Linux)
export const POLLFD_SIZE = 8; // struct pollfd { i32 fd; i16 events; i16 revents }
export const POLLFDS_MAX = 16 + SOCKETS_MAX + VNICS_MAX; // the eventfd (a cache line), sockets, VNICs
export const IOVEC_SIZE = 16; // struct iovec { u64 base; u64 len }
export const MMSGHDR_SIZE = 64; // struct mmsghdr: msghdr of 56 bytes, u32 msg_len, padding
export const MSG_NAME = 0; // u64 address of a sockaddr
export const MSG_NAMELEN = MSG_NAME + 8; // u32, and padding
export const MSG_IOV = MSG_NAMELEN + 8; // u64 address of the iovecs
export const MSG_IOVLEN = MSG_IOV + 8; // u64
export const MSG_CONTROL = MSG_IOVLEN + 8; // u64
export const MSG_CONTROLLEN = MSG_CONTROL + 8; // u64
export const MSG_FLAGS = MSG_CONTROLLEN + 8; // i32, and padding
export const MSG_LEN = MSG_FLAGS + 8; // u32 bytes received or sent
export const CMSG_SPACE = 24; // struct cmsghdr of 16 bytes, a number of up to 4 and padding
// What a message has of those: sent, UDP_SEGMENT, TOS, TTL; received, UDP_GRO, TOS, IP_RECVFRAGSIZE; and padding, by
// which the uring engine has a virtio_net_hdr and the headers behind it in one cache line.
export const CONTROL_SIZE = 3 * CMSG_SPACE + 16;
export const W_POLLFDS = W_OUT + OUT_MAX * OUT_SIZE; // pollfd[POLLFDS_MAX]
export const W_POLL_INDEX = W_POLLFDS + POLLFDS_MAX * POLLFD_SIZE; // u32 per pollfd: socket or VNIC index

// datagrams received together: each buffer holds what UDP_GRO joins
export const RX_MAX = 64; // per recvmmsg, and a turn
export const RX_SLOT_SIZE = 65536 + 2 * CACHE_LINE; // not a power of two: those would share few cache sets
export const W_RX_MMSG = W_POLL_INDEX + POLLFDS_MAX * 4; // mmsghdr[RX_MAX] for recvmmsg
export const W_RX_IOV = W_RX_MMSG + RX_MAX * MMSGHDR_SIZE; // iovec[RX_MAX] into the slots
export const W_RX_CONTROL = W_RX_IOV + RX_MAX * IOVEC_SIZE; // CONTROL_SIZE each
export const RX_NAME_SIZE = 32; // room for the sockaddr it came from, and to align
export const W_RX_NAMES = W_RX_CONTROL + RX_MAX * CONTROL_SIZE; // one each

// frames read from a TAP stand one behind the other in one buffer: small ones touch little memory
export const TAP_READ_MAX = 65536 + 1024 + CACHE_LINE; // one read: a super-frame with its headers; as RX_SLOT_SIZE
export const TAP_BUFFER_SIZE = 98304; // reading goes on while less than this is used, which the cache holds
export const TAP_SLOTS = 64; // the uring engine hands the kernel slots of TAP_READ_MAX instead
export const W_TAP_IOV = W_RX_NAMES + RX_MAX * RX_NAME_SIZE; // the iovec of the next read
export const LOOKUP_KEY = 0; // u64 what the FDB is asked for in a batch, see table/fdb.ts
export const LOOKUP_VALUE = LOOKUP_KEY + 8; // u32 its answer; before that, where its first bucket is
export const LOOKUP_NEXT = LOOKUP_VALUE + 4; // u32 while it looks: the next that is not where it was looked for first
export const READ_AT = LOOKUP_NEXT + 4; // u32 where a read went; its destination is what the FDB is asked for
export const READ_LEN = READ_AT + 4; // u32 bytes of it
export const LOOKUP_SIZE = 32;
export const W_READS = W_TAP_IOV + CACHE_LINE; // BATCH_MAX of them
export const RECEIVED_AT = 0; // u32 where a datagram is, of those that are taken together
export const RECEIVED_LEN = RECEIVED_AT + 4; // u32 bytes of it
export const RECEIVED_FROM = RECEIVED_LEN + 4; // u32 where the struct sockaddr of its sender is
export const RECEIVED_SIZE = 16;
export const W_RECEIVED = W_READS + BATCH_MAX * LOOKUP_SIZE; // RX_MAX of them, and one that came otherwise

// messages: one send each, of one datagram or of several with UDP_SEGMENT
export const CHAINS_BITS = 9;
export const CHAINS_MAX = 1 << CHAINS_BITS; // chains side by side (datapath/gso-chains.ts)
export const CHAIN_SIZE = 16;
export const TX_IOV_MAX = 2048; // iovecs of the messages that are made ready together
export const W_CHAINS = W_RECEIVED + RX_MAX * RECEIVED_SIZE + CACHE_LINE; // CHAINS_MAX of them
export const TX_ARENA_SIZE = 131072; // bytes of datagrams made anew that wait to be sent: two sends
export const W_OUT_PLANNED = W_CHAINS + CHAINS_MAX * CHAIN_SIZE; // u32 1: what leaves together is decided
export const W_OUT_EMITTED = W_OUT_PLANNED + 4; // u32 entries before this one have their descriptors
export const W_TX_COUNT = W_OUT_EMITTED + 4; // u32 messages to send
export const TX_FD = 0; // i32 the socket of a message
export const TX_OUT = TX_FD + 4; // u32 where its first entry of W_OUT is
export const TX_FRAMES = TX_OUT + 4; // u32 its datagrams
export const TX_BYTES = TX_FRAMES + 4; // u32 frame bytes of those
export const TX_VECTORS = TX_BYTES + 4; // u32 its iovecs; 0: one datagram, of one piece and without control data
export const TX_RESULT = TX_VECTORS + 4; // i32 0, or what it was refused with (uring engine)
export const TX_SIZE = 32;
export const W_TX = W_OUT_PLANNED + CACHE_LINE; // EMIT_MAX of them
export const W_TX_MMSG = W_TX + EMIT_MAX * TX_SIZE; // mmsghdr[EMIT_MAX], by number
export const W_TX_IOV = W_TX_MMSG + EMIT_MAX * MMSGHDR_SIZE; // iovec[TX_IOV_MAX]
export const W_TX_LONE_IOV = W_TX_IOV + TX_IOV_MAX * IOVEC_SIZE; // iovec[EMIT_MAX] of those without (mmsg engine)
export const W_TX_CONTROL = W_TX_LONE_IOV + EMIT_MAX * IOVEC_SIZE; // CONTROL_SIZE per message
export const W_TX_ARENA = W_TX_CONTROL + EMIT_MAX * CONTROL_SIZE + CACHE_LINE; // and room to align
export const DELIVER_IOV_MAX = 4096;
export const W_DELIVER_COUNT = W_TX_ARENA + TX_ARENA_SIZE; // u32 frames to write to TAPs
export const W_DELIVER_IOV = W_DELIVER_COUNT + CACHE_LINE; // iovec[DELIVER_IOV_MAX]
export const DELIVER_FD = 0; // i32 the TAP of a write
export const DELIVER_OUT = DELIVER_FD + 4; // u32 where its first entry of W_OUT is
export const DELIVER_FIRST = DELIVER_OUT + 4; // u32 where its first iovec is
export const DELIVER_VECTORS = DELIVER_FIRST + 4; // u32 how many there are; 1: see engine/output/tap-writes.ts
export const DELIVER_RESULT = DELIVER_VECTORS + 4; // i32 what writev answered
export const DELIVER_SIZE = 32;
export const W_DELIVER = W_DELIVER_IOV + DELIVER_IOV_MAX * IOVEC_SIZE; // EMIT_MAX of them
export const W_TAP_BUFFER = W_DELIVER + EMIT_MAX * DELIVER_SIZE; // frames from TAPs
export const W_RX_SLOTS = W_TAP_BUFFER + TAP_SLOTS * TAP_READ_MAX; // RX_MAX slots for datagrams

// the uring engine: what the kernel and the worker both write lies in pages of its own
export const SQ_ENTRIES = 1024;
export const CQ_ENTRIES = 4096;
export const SQE_SIZE = 64;
export const CQE_SIZE = 16;
export const RECVMSG_HLEN = 16; // struct io_uring_recvmsg_out before what a multishot receive puts into a buffer
export const BUFFER_GROUP_TAP = 1; // what requests name the rings of buffers by
export const BUFFER_GROUP_UDP = 2;
export const W_SQES = (W_RX_SLOTS + RX_MAX * RX_SLOT_SIZE + KERNEL_PAGE + -1) & -KERNEL_PAGE; // the SQEs
export const W_RINGS = W_SQES + SQ_ENTRIES * SQE_SIZE; // indexes of both queues, then io_uring_cqe[CQ_ENTRIES]
export const W_RINGS_SIZE = KERNEL_PAGE + CQ_ENTRIES * CQE_SIZE;
export const W_TAP_RING = W_RINGS + W_RINGS_SIZE; // io_uring_buf[TAP_SLOTS]
export const W_UDP_RING = W_TAP_RING + KERNEL_PAGE; // io_uring_buf[RX_MAX]
// where the kernel put the queues' indexes, in bytes from W_RINGS (fixed)
export const W_URING_FD = W_UDP_RING + KERNEL_PAGE; // i32, -1: none; host closes and clears that of an ended thread
export const W_SQ_HEAD = W_URING_FD + 4; // u32
export const W_SQ_TAIL = W_SQ_HEAD + 4; // u32
export const W_CQ_HEAD = W_SQ_TAIL + 4; // u32
export const W_CQ_TAIL = W_CQ_HEAD + 4; // u32
export const W_CQES = W_CQ_TAIL + 4; // u32, 0: no ring has been opened since the last instance's was abandoned
export const W_VNIC_GONE = W_CQES + 4; // u32 the VNIC whose interface vanished, until the host is told
export const W_IN_HAND = W_VNIC_GONE + 4; // u32 oldest completions that are being taken, and W_..._LEFT count them
export const W_ENTER_ARG = W_URING_FD + CACHE_LINE; // struct io_uring_getevents_arg { u64 0; u64 0; u64 timespec }
export const W_RECVMSG = W_ENTER_ARG + CACHE_LINE; // struct msghdr that every multishot receive goes by
export const W_ARMED_SOCKETS = W_RECVMSG + CACHE_LINE; // i32 per socket: the descriptor a receive is armed on, -1: none
export const W_ARMED_VNICS = W_ARMED_SOCKETS + SOCKETS_MAX * 4; // i32 per VNIC: … a read
export const SLOT_POOL_SIZE = CACHE_LINE + TAP_SLOTS * 8; // see engine/uring/buffers.ts
export const W_SLOT_POOLS = W_ARMED_VNICS + VNICS_MAX * 4; // of reads from TAPs, and of datagrams
// what the host was told of late: see datapath/learn.ts
export const LEARNT_SLOTS = 1024;
export const LEARNT_SIZE = 32;
export const W_LEARNT = (W_SLOT_POOLS + 2 * SLOT_POOL_SIZE + CACHE_LINE + -1) & -CACHE_LINE; // LEARNT_SLOTS of them
export const W_LEARN_SHARES = W_LEARNT + LEARNT_SLOTS * LEARNT_SIZE; // per overlay, 0: all; see datapath/share.ts
// i32 per VNIC: where it writes: its own queue, or that of another worker when the TAP has fewer; -1: nowhere (host)
export const W_VNIC_WRITE_FDS = W_LEARN_SHARES + OVERLAYS_MAX * 8;
export const W_SLEEP = W_VNIC_WRITE_FDS + VNICS_MAX * 4; // u32 Sleep; host clears that of an ended thread
export const W_WAKES = W_SLEEP + CACHE_LINE; // u32 raised when tables or the inject ring have something for it (host)
export const W_REFUSED_SOCKET = W_SLEEP + 4; // u32 socket whose receive failed (uring engine), until the host is told
export const W_REFUSED_ERRNO = W_REFUSED_SOCKET + 4; // i32 with which errno
// the underlay TAP
export const TUNNEL_HEADERS_SIZE = 96; // virtio_net_hdr of 24 bytes, the headers before a VXLAN header, and to spare
export const W_TUNNEL_HEADERS = W_WAKES + CACHE_LINE; // EMIT_MAX of them, by the number of the write
export const W_TUNNEL_NAME = W_TUNNEL_HEADERS + EMIT_MAX * TUNNEL_HEADERS_SIZE; // 28 bytes sockaddr: who sent what came
// ICMP answers to frames that do not fit their path: see datapath/too-big.ts
export const TOO_BIG_MAX = 16; // of one pass
export const TOO_BIG_SIZE = 1344; // an IPv6 packet of 1280 bytes behind two tags
export const W_TOO_BIG_FRAME = W_TUNNEL_NAME + CACHE_LINE; // the answer that is on its way, as W_FRAME
export const W_TOO_LONG_TOKENS = W_TOO_BIG_FRAME + CACHE_LINE; // u32, u32: as VC_TOKENS and VC_REFILLED
export const W_TOO_BIG = W_TOO_LONG_TOKENS + CACHE_LINE; // TOO_BIG_MAX of them
// senders that were refused, and the host was told of: see datapath/source-check.ts
export const STRANGER_SLOTS = 64;
export const STRANGER_SIZE = 32;
export const W_STRANGERS = (W_TOO_BIG + TOO_BIG_MAX * TOO_BIG_SIZE + CACHE_LINE + -1) & -CACHE_LINE;
export const W_STRANGER_TOKENS = W_STRANGERS + STRANGER_SLOTS * STRANGER_SIZE; // u32, u32: as VC_TOKENS
// senders that were admitted of late: see datapath/senders.ts
export const RECENT_BITS = 4;
export const RECENT_SLOTS = 1 << RECENT_BITS;
export const RECENT_SIZE = 32;
export const W_RECENT_SENDERS = W_STRANGER_TOKENS + CACHE_LINE; // RECENT_SLOTS of them
export const FDB_NOTES_BITS = 9;
export const FDB_NOTES = 1 << FDB_NOTES_BITS;
export const W_FDB_NOTES = W_RECENT_SENDERS + RECENT_SLOTS * RECENT_SIZE; // u32[FDB_NOTES]: where MACs of VNICs stand
// broadcast and multicast frames that wait to be copied to VNICs: see datapath/replicate.ts
export const REPLICA_SMALL_MAX = 1024; // slots for frames that wait, numbered from 1
export const REPLICA_SMALL_SIZE = 2048;
export const REPLICA_LARGE_MAX = 16; // and for those that are too long for one of them, numbered on
export const REPLICA_LARGE_SIZE = TAP_READ_MAX + CACHE_LINE;
export const REPLICA_NEXT = 0; // u32 the slot behind it in its queue, or in the list of free ones; 0: none
export const REPLICA_FREED = REPLICA_NEXT + 4; // u32 pass in which it was freed: its bytes may be listed until the next
export const REPLICA_OVERLAY = REPLICA_FREED + 4; // u32
export const REPLICA_OVERLAY_INCARNATION = REPLICA_OVERLAY + 4; // u32
export const REPLICA_SENDER = REPLICA_OVERLAY_INCARNATION + 4; // u32 VNIC, 0: the underlay
export const REPLICA_SENDER_INCARNATION = REPLICA_SENDER + 4; // u32
export const REPLICA_BUT = REPLICA_SENDER_INCARNATION + 4; // u32 VNIC that gets no copy
export const REPLICA_CURSOR = REPLICA_BUT + 4; // u32 VNICs before this one have theirs
export const REPLICA_LEN = REPLICA_CURSOR + 4; // u32 bytes of frame
export const REPLICA_FRAMES = REPLICA_LEN + 4; // u32 frames it is on the wire
export const REPLICA_BYTES = REPLICA_FRAMES + 4; // u32 bytes of those
export const REPLICA_VNET = REPLICA_BYTES + 4; // its struct virtio_net_hdr
export const REPLICA_FRAME = CACHE_LINE; // the frame
export const W_REPLICAS = W_FDB_NOTES + FDB_NOTES * 4; // u32 how many wait
export const W_REPLICA_TURN = W_REPLICAS + 4; // u32 the queue whose turn has just been; the next is its REPLICAS_NEXT
export const W_COPIES_LEFT = W_REPLICA_TURN + 4; // u32 copies that the turn may still make
export const W_REPLICA_POOLS = W_COPIES_LEFT + 4; // that of small slots, then that of large ones
export const POOL_FREE = 0; // u32 the slot that was freed first, 0: none
export const POOL_LAST = POOL_FREE + 4; // u32 ... last
export const POOL_FRESH = POOL_LAST + 4; // u32 slots that were ever used
export const POOL_USED = POOL_FRESH + 4; // u32 slots in use
export const POOL_SIZE = 16;
// a queue per sender: of a VNIC by its number, of the underlay, per overlay, at VNICS_MAX + the overlay's
export const W_REPLICA_QUEUES = W_REPLICAS + CACHE_LINE;
export const QUEUE_HEAD = 0; // u16 slot, 0: the queue is empty
export const QUEUE_TAIL = QUEUE_HEAD + 2; // u16
export const QUEUE_COUNT = QUEUE_TAIL + 2; // u16
export const QUEUE_LARGE = QUEUE_COUNT + 2; // u16 of those, in slots for long frames
export const QUEUE_NEXT = QUEUE_LARGE + 2; // u16 the queue that has its turn after this one
export const QUEUE_SIZE = 16;
export const W_REPLICA_SMALL = W_REPLICA_QUEUES + (VNICS_MAX + OVERLAYS_MAX) * QUEUE_SIZE;
export const W_REPLICA_LARGE = W_REPLICA_SMALL + REPLICA_SMALL_MAX * REPLICA_SMALL_SIZE;
// frames that are mirrored for captures: see datapath/capture.ts
export const CAPTURE_CAPACITY = 1 << 22; // bytes of the ring, a power of two
// u32 per capture: frames that did not fit the ring, since the start
export const W_CAPTURE_LOST = W_REPLICA_LARGE + REPLICA_LARGE_MAX * REPLICA_LARGE_SIZE;
export const W_CAPTURE_RING = W_CAPTURE_LOST + CACHE_LINE; // worker to host
export const CAP_WANTED = REC_TYPE + 4; // u32 bit per capture that wants it
export const CAP_REASON = CAP_WANTED + 4; // u32 Drop
export const CAP_TIME = CAP_REASON + 4; // u64 nanoseconds of the monotonic clock
export const CAP_OVERLAY = CAP_TIME + 8; // u32, 0: none
export const CAP_OVERLAY_INCARNATION = CAP_OVERLAY + 4; // u32
export const CAP_VNIC = CAP_OVERLAY_INCARNATION + 4; // u32 who gets it (to_vnic) or sent it, 0: the underlay
export const CAP_VNIC_INCARNATION = CAP_VNIC + 4; // u32
export const CAP_HEADER = CAP_VNIC_INCARNATION + 4; // u64 the VXLAN header as it stands on the wire
export const CAP_SOCKADDR = CAP_HEADER + 8; // 28 bytes sockaddr of the VTEP it comes from or goes to; 0: not known
export const CAP_SOURCE = CAP_SOCKADDR + 32; // u32 socket * SOURCES_MAX + which of its source ports
export const CAP_MARK = CAP_SOURCE + 4; // u32 MARK_* of what leaves, or what arrival() said
export const CAP_FRAMES = CAP_MARK + 4; // u32 frames it is on the wire
export const CAP_LEN = CAP_FRAMES + 4; // u32 bytes of it
export const CAP_BYTES = CAP_LEN + 4; // u32 of those, the ones that are here
export const CAP_VERDICT = CAP_BYTES + 4; // u32 Verdict
export const CAP_OUTPUTS = CAP_VERDICT + 4; // u32 where to it was listed, 0: nowhere
export const CAP_TO_VNIC = CAP_OUTPUTS + 4; // u32 the first of these, 0: ...
export const CAP_TO_SOCKADDR = CAP_TO_VNIC + 4; // 28 bytes ... sockaddr of that endpoint
export const CAP_DATA = CAP_TO_SOCKADDR + 32; // the frame
export const W_CAPTURE_END = W_CAPTURE_RING + RING_DATA + CAPTURE_CAPACITY;
export const W_SIZE = (W_CAPTURE_END + KERNEL_PAGE + -1) & -KERNEL_PAGE;

// ---- FDB: bucketized cuckoo hashing; the place is in HDR_FDB_BASE ---------------------------------------------------
// A key may stand in any way of two buckets, which its hash names. How it is read and written: table/fdb.ts.
export const FDB_BUCKET_SIZE = CACHE_LINE;
export const FDB_WAYS = 4;
export const FDB_KEYS = 0; // u64 per way: overlay index << 48 | MAC, 0: the way is empty (host)
export const FDB_VALUES = FDB_KEYS + FDB_WAYS * 8; // u32 per way: index << 16 | flags << 8 | FdbKind (host)
// u32 per way: the tenth of a second of the monotonic clock when a frame last used it (any worker: all write the time
// that it is; host, before it publishes the key)
export const FDB_USED = FDB_VALUES + FDB_WAYS * 4;
export const FDB_FLAG_STATIC = 1; // set by the operator or a local VNIC: never evicted, never replaced by a plugin
export const FDB_FLAG_LEARNED = 2; // told by a frame that came from there; evicted as what a plugin says is
// After the buckets, one u32 per way of each, in such tenths: when it was written (host) ...
export const FDB_STAMP_SIZE = 4;
// ... and then one more: when a frame from there last came, 0: not since it was written (any worker: as above; host
// clears it when it writes the way, and moves it with the entry).

export const LAYOUT_VERSION = 54;
// Any change of the sizes above changes this number (host and module compare it at load).
export const LAYOUT_STAMP =
  LAYOUT_VERSION +
  OVERLAYS_BASE +
  VNICS_BASE * 3 +
  ENDPOINTS_BASE * 5 +
  (WORKERS_BASE & 0xffff) * 7 +
  (W_UPCALL_RING & 0xffff) * 11 +
  (W_POLLFDS & 0xffff) * 13 +
  (W_SIZE & 0xffff) * 17 +
  FDB_BUCKET_SIZE * 19;
