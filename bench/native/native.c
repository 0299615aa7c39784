/*
 * The work of the datapath as a native program would do it, for bench/native.bench.ts: what a turn of the uring engine
 * does, with a table of the same shape (table.h), frames of the same size in slots of the same distance, and rings of
 * the same entries (rings.h).
 *
 *   encap  completions of reads; hash all of a batch and touch their buckets; look up, check, choose the source port by
 *          the flow's hash, chain what may leave in one send; VXLAN header; SEND, or SENDMSG of a chain with
 *          UDP_SEGMENT; a record of each message
 *   decap  completions of receives with their control data; overlay, sender and MAC, each once a run of equal ones;
 *          look up; of UDP, whether one of its flow came before that it could join, or its checksum is a partial one
 *          (flows.h); virtio_net_hdr; WRITE; a record of each
 *   both   a next turn settles what was submitted, by the records, in the counters; slots go back to the ring
 *
 * Not in it: what is done about anything else than such frames (it is dropped and fails the run).
 *
 *   native ENTRIES FRAME_LEN SOURCES FLOWS
 *
 * FLOWS: 1, datagrams carry UDP, of 64 flows; 0, what is of no flow.
 *
 * A line on standard input, "encap MS" or "decap MS", is answered by a line with nanoseconds a frame: of the work, and
 * of only what the kernel does, which is writing frames' addresses and completions.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "flows.h"
#include "rings.h"
#include "table.h"

enum { ENDPOINTS = 256, VNICS = 64, VNI_SLOTS = 8192, DRAWN = 1 << 20, VNI = 23, SOCKET = 1, OVERLAY = 1 };
enum { IPV4 = 20, SOURCES_MAX = 16 };
enum { VNET = 10, VXLAN = 8, ETHER = 14, STRIDE = 66624, MTU_FRAME = 1464, SEGMENTS = 64, PAYLOAD_MAX = 65507 };
enum { OUT = 16, NAME = 32, CONTROL = 80, RECEIVED = OUT + NAME + CONTROL }; /* what stands before a datagram */
enum { NONE, REMOTE, LOCAL };
enum { LIVE = 1, STRICT = 2, LEARNS = 4, CHECKS = 8 };

struct overlay {
  uint32_t vni, socket, flags, filter, frame_max, copied;
  uint64_t header;
} __attribute__((aligned(64)));
struct count {
  uint64_t frames, bytes;
};
struct vnic {
  uint64_t mac;
  int32_t fd;
  struct count tx, rx;
  uint64_t drops;
} __attribute__((aligned(64)));

struct endpoint {
  uint8_t sockaddr[28];
  uint32_t len, frame_max;
} __attribute__((aligned(64)));
struct chain { /* of datagrams to an endpoint by a source port */
  uint32_t turn, tail, count, bytes;
};
struct entry { /* a frame that is sent or delivered */
  uint8_t *frame;
  uint32_t len, to, source, next, joined;
};
static uint32_t turns, sources;
static int source_fds[SOURCES_MAX];
static struct overlay overlays[2];
static struct vnic vnics[VNICS + 1];
static struct endpoint endpoints[ENDPOINTS + 1];
static struct chain chains[(ENDPOINTS + 1) * SOURCES_MAX];
static struct count encap_in, encap_out, decap_in, delivered, overlay_encap, overlay_decap;
static struct count to_endpoint[ENDPOINTS + 1], from_endpoint[ENDPOINTS + 1];
static uint64_t drops, vni_index[VNI_SLOTS], *drawn, *drawn_vnics;
static uint8_t *slots, arena[131072], controls[BATCH][24];
static struct msghdr messages[BATCH];
static struct iovec vectors[BATCH];
static struct entry entries[BATCH];
static uint32_t is_encapsulating;

static inline uint64_t mac_at(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
  return word & 0xffffffffffff;
}

static inline void count(struct count *counter, uint64_t frames, uint64_t bytes) {
  counter->frames += frames;
  counter->bytes += bytes;
}

static inline uint16_t type_of(const uint8_t *frame) { return frame[12] << 8 | frame[13]; }

static inline int is_tagged(const uint8_t *frame) { return type_of(frame) == 0x8100 || type_of(frame) == 0x88a8; }

/* What the last turn has submitted has succeeded: only failures would have completions. */
static void settle(void) {
  struct count all = {0, 0};
  for (uint32_t at = cq_head; at != cq_tail; at++)
    if (cqes[at & (QUEUE - 1)].user >> 58) exit(1);
  for (uint32_t index = 0; index < submitted; index++) {
    const struct record *record = &records[index];
    if (record->result < 0) exit(1);
    count(&all, record->frames, record->bytes);
    const struct entry *entry = &entries[record->entry];
    count(is_encapsulating ? &to_endpoint[entry->to] : &vnics[entry->to].rx, record->frames, record->bytes);
  }
  count(is_encapsulating ? &encap_out : &delivered, all.frames, all.bytes);
  if (is_encapsulating) count(&overlay_encap, all.frames, all.bytes);
  submitted = 0;
}

/* Made of the addresses, the protocol and the ports of UDP in IPv4. */
static inline uint32_t flow_hash(const uint8_t *packet, uint32_t len) {
  const uint64_t multiplier = 0x9e3779b97f4a7c15;
  uint32_t total = packet[2] << 8 | packet[3], ports;
  int is_fragment = (packet[6] & 0xbf) | packet[7];
  if (packet[0] != 0x45 || is_fragment || packet[9] != 17 || total < IPV4 + 4 || total > len) exit(1);
  uint64_t addresses;
  memcpy(&addresses, packet + 12, 8);
  memcpy(&ports, packet + IPV4, 4);
  uint64_t hash = addresses * multiplier;
  hash ^= hash >> 32;
  return ((hash ^ ((uint64_t)packet[9] << 32 | ports)) * multiplier) >> 32;
}

static inline void chain(uint32_t index, uint32_t len, uint32_t endpoint, uint32_t source) {
  struct chain *chain = &chains[endpoint * sources + source];
  struct entry *entry = &entries[index];
  entry->next = entry->joined = 0;
  if (chain->turn == turns && entries[chain->tail].len == len && chain->count < SEGMENTS &&
      chain->bytes + len + VXLAN <= PAYLOAD_MAX) {
    entries[chain->tail].next = index;
    entry->joined = 1;
    *chain = (struct chain){turns, index, chain->count + 1, chain->bytes + len + VXLAN};
  } else
    *chain = (struct chain){turns, index, 1, len + VXLAN};
}

static void send_chain(uint32_t head, uint32_t *made) {
  const struct endpoint *endpoint = &endpoints[entries[head].to];
  uint32_t start = *made, size = entries[head].len + VXLAN, frames = 0;
  for (uint32_t index = head; frames == 0 || index != 0; index = entries[index].next, frames++, *made += size)
    memcpy(arena + *made, entries[index].frame - VXLAN, size);
  struct cmsghdr *control = (struct cmsghdr *)controls[submitted];
  *control = (struct cmsghdr){18, 17, 103};
  memcpy(CMSG_DATA(control), &(uint64_t){size}, 8);
  vectors[submitted] = (struct iovec){arena + start, *made - start};
  void *name = (void *)endpoint->sockaddr;
  messages[submitted] = (struct msghdr){name, endpoint->len, &vectors[submitted], 1, control, 24, 0};
  submit(OP_SENDMSG, source_fds[entries[head].source], 0, &messages[submitted], 1, MSG_DONTWAIT, 0);
  records[submitted++] = (struct record){head, frames, frames * entries[head].len, 0};
}

static void emit_messages(uint32_t listed) {
  uint32_t made = 0;
  for (uint32_t index = 0; index < listed; index++) {
    const struct entry *entry = &entries[index];
    if (entry->joined) continue;
    if (entry->next) {
      send_chain(index, &made);
      continue;
    }
    const struct endpoint *endpoint = &endpoints[entry->to];
    submit(OP_SEND, source_fds[entry->source], (uint64_t)endpoint->sockaddr, entry->frame - VXLAN, entry->len + VXLAN,
           MSG_DONTWAIT, (uint64_t)endpoint->len << 32);
    records[submitted++] = (struct record){index, 1, entry->len, 0};
  }
}

static void encap(uint32_t vnic) {
  uint64_t keys[BATCH], hashes[BATCH];
  uint32_t lens[BATCH], listed = 0, filled = 0, bytes = 0;
  const struct overlay *overlay = &overlays[OVERLAY];
  settle();
  turns++;
  for (; cq_head != cq_tail && filled < BATCH; filled++, cq_head++) {
    const struct cqe *cqe = &cqes[cq_head & (QUEUE - 1)];
    if (cqe->user != ((uint64_t)READ << 56 | vnic) || !(cqe->flags & HAS_BUFFER) || !(cqe->flags & MORE)) exit(1);
    used[filled] = cqe->flags >> 16;
    lens[filled] = cqe->result;
    keys[filled] = (uint64_t)OVERLAY << 48 | mac_at(slots + (size_t)used[filled] * STRIDE + VNET);
    hashes[filled] = hash64(keys[filled]);
    __builtin_prefetch(first_of(hashes[filled]));
  }
  for (uint32_t index = 0; index < filled; index++) {
    uint8_t *vnet = slots + (size_t)used[index] * STRIDE, *frame = vnet + VNET;
    uint32_t value = find(hashes[index], keys[index]), len = lens[index] - VNET, endpoint = value >> 16;
    if (vnet[0] | vnet[1] || len < ETHER || len > overlay->frame_max || mac_at(frame + 6) != vnics[vnic].mac ||
        frame[0] & 1 || is_tagged(frame) || type_of(frame) != 0x800 || frame[ETHER + 1] & overlay->copied ||
        (value & 0xff) != REMOTE || len > endpoints[endpoint].frame_max) {
      drops++;
      continue;
    }
    memcpy(frame - VXLAN, &overlay->header, VXLAN);
    entries[listed].frame = frame;
    entries[listed].len = len;
    entries[listed].to = endpoint;
    uint32_t hash = sources > 1 ? flow_hash(frame + ETHER, len - ETHER) : 0;
    entries[listed].source = (uint64_t)hash * sources >> 32;
    chain(listed, len, endpoint, entries[listed].source);
    listed++;
    bytes += len;
  }
  count(&encap_in, filled, bytes);
  count(&vnics[vnic].tx, filled, bytes);
  is_encapsulating = 1;
  emit_messages(listed);
  give_back(filled);
}

static uint32_t overlay_of(uint32_t vni) {
  for (uint32_t index = hash64(vni) % VNI_SLOTS;; index = (index + 1) % VNI_SLOTS) {
    if (vni_index[index] == 0) return 0;
    if ((uint32_t)vni_index[index] == vni + 1) return vni_index[index] >> 32;
  }
}

static const struct overlay *overlay_of_header(const uint8_t *header) {
  uint32_t number = header[0] & 8 ? overlay_of(header[4] << 16 | header[5] << 8 | header[6]) : 0;
  const struct overlay *overlay = &overlays[number];
  int is_right = number != 0 && overlay->flags & LIVE && overlay->socket == SOCKET;
  return is_right && !(overlay->flags & STRICT && header[7]) ? overlay : NULL;
}

/* A unicast source without a tag that is no VNIC's; the overlay neither learns nor checks senders. */
static int is_ordinary_sender(const struct overlay *overlay, const uint8_t *frame) {
  uint64_t source = mac_at(frame + 6), key = (uint64_t)OVERLAY << 48 | source;
  if (source == 0 || source & 1 || is_tagged(frame) || overlay->flags & (LEARNS | CHECKS)) return 0;
  return !(overlay->filter >> (source >> 40 & 31) & 1) || (find(hash64(key), key) & 0xff) != LOCAL;
}

static inline uint64_t word_at(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
  return word;
}

/* Neither joined by the kernel, nor cut off, nor marked on its way. */
static inline int is_plain(const uint8_t *slot) {
  const struct cmsghdr *control = (const struct cmsghdr *)(slot + OUT + NAME);
  uint32_t said[4];
  memcpy(said, slot, 16);
  if (said[3] & MSG_TRUNC) return 0;
  if (said[1] == 0) return 1;
  return said[1] == 24 && control->cmsg_level == 0 && control->cmsg_type == 1 && !(*CMSG_DATA(control) & 3);
}

static void emit_writes(uint32_t listed) {
  for (uint32_t index = 0; index < listed; index++) {
    const struct entry *entry = &entries[index];
    uint8_t protocol = entry->frame[ETHER + 9];
    if (type_of(entry->frame) == 0x800 && (protocol == 6 || protocol == 17))
      look_for_flow(entry->frame + ETHER, entry->len - ETHER, entry->to, turns);
    memset(entry->frame - VNET, 0, VNET);
    submit(OP_WRITE, vnics[entry->to].fd, UINT64_MAX, entry->frame - VNET, entry->len + VNET, 0, 0);
    records[submitted++] = (struct record){index, 1, entry->len, 0};
  }
}

static void decap(void) {
  const struct overlay *overlay = NULL;
  uint64_t last = 0, sender = 0, start = 0, key = 0;
  uint32_t value = 0, listed = 0, filled = 0, bytes = 0;
  settle();
  turns++;
  for (; cq_head != cq_tail && filled < BATCH; filled++, cq_head++) {
    const struct cqe *cqe = &cqes[cq_head & (QUEUE - 1)];
    if (cqe->user != ((uint64_t)RECEIVE << 56 | SOCKET) || !(cqe->flags & HAS_BUFFER) || !(cqe->flags & MORE)) exit(1);
    used[filled] = cqe->flags >> 16;
    uint8_t *slot = slots + (size_t)used[filled] * STRIDE, *header = slot + RECEIVED, *frame = header + VXLAN;
    uint32_t payload, there = cqe->result - RECEIVED;
    memcpy(&payload, slot + 8, 4);
    uint32_t len = (payload < there ? payload : there) - VXLAN;
    if (overlay == NULL || word_at(header) != last) {
      overlay = overlay_of_header(header);
      last = word_at(header);
      start = sender = 0;
    }
    int is_right = is_plain(slot) && overlay != NULL && len >= ETHER && len <= overlay->frame_max && !(frame[0] & 1);
    if (is_right && (word_at(frame + 6) != sender || (word_at(slot + OUT) & 0xffffffff0000ffff) != start)) {
      is_right = is_ordinary_sender(overlay, frame);
      sender = word_at(frame + 6);
      start = word_at(slot + OUT) & 0xffffffff0000ffff;
    }
    if (is_right && key != ((uint64_t)OVERLAY << 48 | mac_at(frame))) {
      key = (uint64_t)OVERLAY << 48 | mac_at(frame);
      value = find(hash64(key), key);
    }
    if (!is_right || (value & 0xff) != LOCAL) {
      drops++;
      continue;
    }
    entries[listed++] = (struct entry){frame, len, value >> 16, 0, 0, 0};
    bytes += len;
  }
  count(&decap_in, filled, bytes + (uint64_t)filled * VXLAN);
  count(&overlay_decap, listed, bytes);
  count(&from_endpoint[1], listed, bytes); /* all are of one sender */
  is_encapsulating = 0;
  emit_writes(listed);
  give_back(filled);
}

/* The kernel's part: the next addresses, and completions. */
static void complete(int is_encap, uint32_t len) {
  static uint32_t turn;
  uint64_t user = is_encap ? (uint64_t)READ << 56 | 1 : (uint64_t)RECEIVE << 56 | SOCKET;
  const uint64_t *keys = is_encap ? drawn : drawn_vnics;
  turn = (turn + BATCH) % DRAWN;
  for (uint32_t index = 0; index < BATCH; index++) {
    uint8_t *slot = slots + (size_t)index * STRIDE, *frame = slot + (is_encap ? VNET : RECEIVED + VXLAN);
    if (is_encap) memset(slot, 0, VNET);
    else memcpy(frame - VXLAN, &overlays[OVERLAY].header, VXLAN);
    memcpy(frame, &keys[turn + index], 6);
    uint32_t tail = atomic_load_explicit(&cq_tail, memory_order_relaxed), all = frame - slot + len;
    cqes[tail & (QUEUE - 1)] = (struct cqe){user, all, index << 16 | HAS_BUFFER | MORE};
    atomic_store_explicit(&cq_tail, tail + 1, memory_order_release);
  }
}

static double clock_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Nanoseconds a frame, the median of runs of 16,384 frames. */
static int by_value(const void *a, const void *b) {
  return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b);
}

static double timed(int is_encap, int works, uint32_t len, double ms) {
  static double times[100000];
  int runs = 0;
  for (double end = clock_ns() + ms * 1e6; clock_ns() < end && runs < 100000; runs++) {
    double start = clock_ns();
    for (int done = 0; done < 16384; done += BATCH) {
      complete(is_encap, len);
      if (!works) cq_head = cq_tail;
      else if (is_encap) encap(1);
      else decap();
    }
    times[runs] = (clock_ns() - start) / 16384;
  }
  qsort(times, runs, sizeof(double), by_value);
  return times[runs / 2];
}

static void fill(uint32_t entries) {
  for (int index = 0; index < 4; index++) secret[index] = random64() | (index == 3);
  buckets = entries / 2 + 1;
  table = aligned_alloc(64, sizeof(struct bucket) * buckets);
  memset(table, 0, sizeof(struct bucket) * buckets);
  uint64_t *keys = malloc(sizeof(uint64_t) * entries);
  for (uint32_t index = 1; index <= VNICS; index++) {
    vnics[index].mac = (uint64_t)(index - 1) << 40 | 2;
    if (!put((uint64_t)OVERLAY << 48 | vnics[index].mac, index << 16 | LOCAL)) exit(1);
  }
  for (uint32_t index = 0; index < entries - VNICS;) {
    keys[index] = (uint64_t)OVERLAY << 48 | ((random64() >> 16 & 0xfffffffffffc) | 2);
    if (put(keys[index], (1 + index % ENDPOINTS) << 16 | REMOTE)) index++;
  }
  drawn = malloc(sizeof(uint64_t) * (DRAWN + BATCH));
  drawn_vnics = malloc(sizeof(uint64_t) * (DRAWN + BATCH));
  for (int index = 0; index < DRAWN + BATCH; index++) {
    drawn[index] = keys[(random64() >> 32) % (entries - VNICS)];
    drawn_vnics[index] = vnics[1 + (random64() >> 32) % VNICS].mac;
  }
  free(keys);
  overlays[OVERLAY] = (struct overlay){VNI, SOCKET, LIVE, 0, MTU_FRAME, 0, 0};
  for (uint32_t index = 1; index <= VNICS; index++) overlays[OVERLAY].filter |= 1u << (vnics[index].mac >> 40 & 31);
  for (uint32_t index = 0; index <= ENDPOINTS; index++) {
    endpoints[index] = (struct endpoint){{2, 0, 0x12, 0xb5, 10, 0, 0, index}, 16, MTU_FRAME};
  }
  for (uint32_t index = 0; index < BATCH; index++) ring[index].number = index;
  const uint8_t header[VXLAN] = {8, 0, 0, 0, 0, 0, VNI, 0};
  memcpy(&overlays[OVERLAY].header, header, VXLAN);
  vni_index[hash64(VNI) % VNI_SLOTS] = (uint64_t)OVERLAY << 32 | (VNI + 1);
}

/*
 * In every slot a frame of the first VNIC, or a datagram from a remote MAC with its TOS as control data; each of a flow
 * of UDP of its own, with its checksum, or of none (`flows`). Payloads are zeros.
 */
static void shape(int is_encap, int has_flows, uint32_t len) {
  static const uint8_t ip[24] = {0x45, 0, 0, 0, 0, 0, 64, 0, 64, 17, 0, 0, 10, 0, 0, 3, 10, 0, 0, 9, 0xc0, 0, 0, 53};
  static const uint8_t own[8] = {2, 0, 0, 0, 0, 0, 8, 0}, remote[8] = {2, 0, 0, 0, 0, 0xff, 8, 0};
  const uint32_t out[4] = {16, 24, VXLAN + len, 0};
  const struct cmsghdr tos = {17, 0, 1};
  for (int index = 0; index < BATCH; index++) {
    uint8_t *slot = slots + (size_t)index * STRIDE;
    memset(slot, 0, RECEIVED + VXLAN + len);
    if (!is_encap) {
      memcpy(slot, out, sizeof out);
      memcpy(slot + OUT, endpoints[1].sockaddr, 16);
      memcpy(slot + OUT + NAME, &tos, sizeof tos);
    }
    memcpy(slot + (is_encap ? VNET : RECEIVED + VXLAN) + 6, is_encap ? own : remote, 8);
    uint8_t *packet = slot + (is_encap ? VNET : RECEIVED + VXLAN) + ETHER, *udp = packet + IPV4;
    if (!has_flows) continue;
    memcpy(packet, ip, sizeof ip);
    packet[2] = (len - ETHER) >> 8;
    packet[3] = len - ETHER;
    udp[1] = index;
    udp[4] = (len - ETHER - IPV4) >> 8;
    udp[5] = len - ETHER - IPV4;
    uint32_t sum = pseudo_sum(packet, be16_at(udp + 4)) + be16_at(udp) + be16_at(udp + 2) + be16_at(udp + 4);
    sum = ~((sum & 0xffff) + (sum >> 16));
    udp[6] = sum >> 8;
    udp[7] = sum;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  uint32_t len = atoi(argv[2]);
  sources = atoi(argv[3]);
  if (sources == 0 || sources > SOURCES_MAX) return 2;
  for (uint32_t source = 0; source < sources; source++) source_fds[source] = 3 + source;
  fill(atoi(argv[1]));
  slots = calloc(BATCH + 1, STRIDE);
  slots += 64; /* room for a header before the first frame */
  char direction[8];
  double ms;
  while (scanf("%7s %lf", direction, &ms) == 2) {
    int is_encap = strcmp(direction, "encap") == 0;
    shape(is_encap, is_encap || atoi(argv[4]), len);
    double work = timed(is_encap, 1, len, ms * 0.75);
    printf("%f %f\n", work, timed(is_encap, 0, len, ms * 0.25));
    fflush(stdout);
    settle();
    if (drops || encap_in.frames != encap_out.frames || decap_in.frames != delivered.frames) return 1;
  }
  return 0;
}
