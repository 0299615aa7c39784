/*
 * The work of the datapath as a native program would do it, for bench/native.bench.ts: parse, look up, write the VXLAN
 * header, the kernel's descriptors and the counters, with a table of the same shape (two buckets of four a key, a keyed
 * hash) and frames of the same size in slots of the same distance. Each batch is hashed first and its buckets are
 * prefetched, then each frame is decided on.
 *
 *   native ENTRIES FRAME_LEN
 *
 * A line on standard input, "encap MS" or "decap MS", is answered by a line with nanoseconds a frame: of the work, and
 * of only writing the frames' addresses.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum { WAYS = 4, BATCH = 64, RECEIVED = 16, ENDPOINTS = 256, VNICS = 64, VNI_SLOTS = 8192, DRAWN = 1 << 20 };
enum { VNET = 10, VXLAN = 8, STRIDE = 66560, VNI = 23, SOCKET = 1, OVERLAY = 1, MTU_FRAME = 1464, SQE = 64 };
enum { NONE, REMOTE, LOCAL };
enum { LIVE = 1, STRICT = 2 };

struct bucket {
  uint64_t keys[WAYS];
  uint32_t values[WAYS];
  uint32_t used[WAYS];
} __attribute__((aligned(64)));
struct overlay {
  uint32_t vni, socket, flags, vlan, frame_max;
  uint64_t header;
} __attribute__((aligned(64)));
struct count {
  uint64_t frames, bytes;
};
struct vnic {
  uint64_t mac;
  struct count tx, rx;
  uint64_t drops;
} __attribute__((aligned(64)));

static struct bucket *table;
static uint32_t buckets, now = 10;
static uint64_t secret[4];
static struct overlay overlays[2];
static struct vnic vnics[VNICS + 1];
static struct count encap_in, encap_out, decap_in, delivered, overlay_encap, overlay_decap, endpoints[ENDPOINTS + 1];
static uint64_t drops, vni_index[VNI_SLOTS], *drawn, *drawn_vnics;
static uint8_t *slots, no_vnet[VNET], sockaddrs[ENDPOINTS + 1][32];
static struct msghdr messages[BATCH];
static struct iovec vectors[BATCH * 2];
static uint8_t submissions[BATCH][SQE] __attribute__((aligned(64)));

static uint64_t state = 0x1e3779b97f4a7c15;

static uint64_t random64(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1d;
}

static inline uint64_t hash64(uint64_t key) {
  uint64_t h = secret[0] + (uint32_t)key * secret[1] + (key >> 32) * secret[2];
  h = (h ^ (h >> 32)) * secret[3];
  return h ^ (h >> 32);
}

static inline struct bucket *first_of(uint64_t hash) { return &table[((hash >> 32) * buckets) >> 32]; }
static inline struct bucket *second_of(uint64_t hash) { return &table[((uint64_t)(uint32_t)hash * buckets) >> 32]; }

static inline int way_of(const struct bucket *bucket, uint64_t key) {
  for (int way = 0; way < WAYS; way++)
    if (bucket->keys[way] == key) return way;
  return WAYS;
}

static inline uint32_t find(uint64_t hash, uint64_t key) {
  struct bucket *bucket = first_of(hash);
  int way = way_of(bucket, key);
  if (way == WAYS) way = way_of(bucket = second_of(hash), key);
  if (way == WAYS) return 0;
  if (bucket->used[way] != now) bucket->used[way] = now;
  return bucket->values[way];
}

/* The table is at most half full: of a key whose buckets both are, another is drawn. */
static int put(uint64_t key, uint32_t value) {
  uint64_t hash = hash64(key);
  struct bucket *choice[2] = {first_of(hash), second_of(hash)};
  for (int which = 0; which < 2; which++) {
    int way = way_of(choice[which], 0);
    if (way == WAYS) continue;
    choice[which]->keys[way] = key;
    choice[which]->values[way] = value;
    return 1;
  }
  return 0;
}

static inline uint64_t mac_at(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
  return word & 0xffffffffffff;
}

static inline void count(struct count *counter, uint32_t bytes) {
  counter->frames++;
  counter->bytes += bytes;
}

static inline int is_tagged(const uint8_t *frame) {
  return (frame[12] == 0x81 && frame[13] == 0) || (frame[12] == 0x88 && frame[13] == 0xa8);
}

static inline void submit(int index, uint8_t opcode, const void *address, uint32_t length) {
  uint8_t *sqe = submissions[index];
  memset(sqe, 0, SQE);
  sqe[0] = opcode;
  memcpy(sqe + 16, &address, 8);
  memcpy(sqe + 24, &length, 4);
  memcpy(sqe + 32, &index, 4);
}

static void encap(uint32_t len, uint32_t vnic) {
  uint64_t keys[BATCH], hashes[BATCH];
  for (int index = 0; index < BATCH; index++) {
    keys[index] = (uint64_t)OVERLAY << 48 | mac_at(slots + (size_t)index * STRIDE + VNET);
    hashes[index] = hash64(keys[index]);
    __builtin_prefetch(first_of(hashes[index]));
  }
  for (int index = 0; index < BATCH; index++) {
    uint8_t *vnet = slots + (size_t)index * STRIDE, *frame = vnet + VNET;
    const struct overlay *overlay = &overlays[OVERLAY];
    count(&encap_in, len);
    count(&vnics[vnic].tx, len);
    if (vnet[0] | vnet[1] || len < 14 || len > overlay->frame_max || mac_at(frame + 6) != vnics[vnic].mac ||
        frame[0] & 1 || is_tagged(frame)) {
      drops++;
      continue;
    }
    uint32_t value = find(hashes[index], keys[index]);
    if ((value & 0xff) != REMOTE) {
      drops++;
      continue;
    }
    uint32_t endpoint = value >> 16;
    memcpy(frame - VXLAN, &overlay->header, VXLAN);
    vectors[index] = (struct iovec){frame - VXLAN, len + VXLAN};
    messages[index] = (struct msghdr){.msg_name = sockaddrs[endpoint], .msg_namelen = 16, .msg_iov = &vectors[index], .msg_iovlen = 1};
    submit(index, 9, &messages[index], 1);
    count(&encap_out, len);
    count(&overlay_encap, len);
    count(&endpoints[endpoint], len);
  }
}

static uint32_t overlay_of(uint32_t vni) {
  for (uint32_t index = hash64(vni) % VNI_SLOTS;; index = (index + 1) % VNI_SLOTS) {
    if (vni_index[index] == 0) return 0;
    if ((uint32_t)vni_index[index] == vni + 1) return vni_index[index] >> 32;
  }
}

static void decap(uint32_t len) {
  uint64_t keys[RECEIVED], hashes[RECEIVED];
  for (int index = 0; index < RECEIVED; index++) {
    keys[index] = (uint64_t)OVERLAY << 48 | mac_at(slots + (size_t)index * STRIDE + VXLAN);
    hashes[index] = hash64(keys[index]);
    __builtin_prefetch(first_of(hashes[index]));
  }
  for (int index = 0; index < RECEIVED; index++) {
    uint8_t *header = slots + (size_t)index * STRIDE, *frame = header + VXLAN;
    count(&decap_in, len + VXLAN);
    uint32_t number = overlay_of(header[4] << 16 | header[5] << 8 | header[6]);
    const struct overlay *overlay = &overlays[number];
    uint64_t source = mac_at(frame + 6);
    if (len < 14 || !(header[0] & 8) || number == 0 || !(overlay->flags & LIVE) || overlay->socket != SOCKET ||
        (overlay->flags & STRICT && header[7]) || len > overlay->frame_max || source & 1 || source == 0 || frame[0] & 1 ||
        is_tagged(frame)) {
      drops++;
      continue;
    }
    count(&overlay_decap, len);
    uint32_t value = find(hashes[index], keys[index]);
    if ((value & 0xff) != LOCAL) {
      drops++;
      continue;
    }
    vectors[index * 2] = (struct iovec){no_vnet, VNET};
    vectors[index * 2 + 1] = (struct iovec){frame, len};
    submit(index, 2, &vectors[index * 2], 2);
    count(&delivered, len);
    count(&vnics[value >> 16].rx, len);
  }
}

static void address(int frames, const uint64_t *keys, uint32_t *turn, uint32_t offset) {
  *turn = (*turn + frames) % DRAWN;
  for (int index = 0; index < frames; index++) memcpy(slots + (size_t)index * STRIDE + offset, &keys[*turn + index], 6);
}

static double clock_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Nanoseconds a frame, the median of runs of 16,384 frames. */
static int by_value(const void *a, const void *b) { return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b); }

static double timed(int is_encap, int works, uint32_t len, double ms) {
  static uint32_t turn;
  static double times[100000];
  int runs = 0, frames = is_encap ? BATCH : RECEIVED;
  for (double end = clock_ns() + ms * 1e6; clock_ns() < end && runs < 100000; runs++) {
    double start = clock_ns();
    for (int done = 0; done < 16384; done += frames) {
      address(frames, is_encap ? drawn : drawn_vnics, &turn, is_encap ? VNET : VXLAN);
      if (works && is_encap) encap(len, 1);
      if (works && !is_encap) decap(len);
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
  overlays[OVERLAY] = (struct overlay){VNI, SOCKET, LIVE, 0, MTU_FRAME, 0};
  const uint8_t header[VXLAN] = {8, 0, 0, 0, 0, 0, VNI, 0};
  memcpy(&overlays[OVERLAY].header, header, VXLAN);
  vni_index[hash64(VNI) % VNI_SLOTS] = (uint64_t)OVERLAY << 32 | (VNI + 1);
}

/* A frame of the first VNIC, or a datagram from a remote MAC, in every slot. */
static void shape(int is_encap) {
  static const uint8_t own[8] = {2, 0, 0, 0, 0, 0, 8, 0}, remote[8] = {2, 0, 0, 0, 0, 0xff, 8, 0};
  for (int index = 0; index < BATCH; index++) {
    uint8_t *slot = slots + (size_t)index * STRIDE;
    memset(slot, 0, VNET);
    if (!is_encap) memcpy(slot, &overlays[OVERLAY].header, VXLAN);
    memcpy(slot + (is_encap ? VNET : VXLAN) + 6, is_encap ? own : remote, 8);
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  uint32_t len = atoi(argv[2]);
  fill(atoi(argv[1]));
  slots = calloc(BATCH + 1, STRIDE);
  slots += 64; /* room for a header before the first frame */
  char direction[8];
  double ms;
  while (scanf("%7s %lf", direction, &ms) == 2) {
    int is_encap = strcmp(direction, "encap") == 0;
    shape(is_encap);
    double work = timed(is_encap, 1, len, ms * 0.75);
    printf("%f %f\n", work, timed(is_encap, 0, len, ms * 0.25));
    fflush(stdout);
    if (drops || encap_in.frames != encap_out.frames || decap_in.frames != delivered.frames) return 1;
  }
  return 0;
}
