/*
 * One end of a VXLAN tunnel between a TAP and a UDP socket, by nothing but system calls and copies, for
 * bench/e2e/native.ts: what a program can carry that has one VNI, one peer, and no table, policy or counter.
 *
 *   out  frames are read behind one another, each behind its VXLAN header; equally long ones leave in one send
 *        (UDP_SEGMENT) without being copied
 *   in   what the kernel has joined (UDP_GRO) and is one flow of UDP over IPv4 becomes one super-frame, its payloads
 *        copied and summed as one that is to be believed must be, and one write
 *
 *   tunnel TAP LOCAL REMOTE PORT VNI
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* headers before Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum { VNET = sizeof(struct virtio_net_hdr), VXLAN = 8, ETHER = 14, IPV4 = 20, UDP = 8, HEADERS = ETHER + IPV4 + UDP };
enum { PAYLOAD_MAX = 65507, SEGMENTS = 64, FRAME_MAX = 9216, MESSAGES = 16, BUFFER = 8 << 20 };

static int tap, udp;
static uint8_t header[VXLAN]; /* VXLAN, I flag and VNI */

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

/* --- out --- */

static void transmit(uint8_t *bytes, size_t len, uint16_t each) {
  uint8_t control[CMSG_SPACE(sizeof each)] = {0};
  struct iovec iov = {bytes, len};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (len > each) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *segment = CMSG_FIRSTHDR(&message);
    *segment = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof each), .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT};
    memcpy(CMSG_DATA(segment), &each, sizeof each);
  }
  sendmsg(udp, &message, 0); /* what the kernel refuses is lost */
}

/* Reads and sends what the TAP has; answers whether it had anything. */
static int encap(void) {
  static uint8_t chain[PAYLOAD_MAX + VXLAN + FRAME_MAX];
  size_t used = 0, each = 0;
  int count = 0;
  while (count < SEGMENTS) {
    struct virtio_net_hdr vnet;
    uint8_t *datagram = chain + used;
    struct iovec parts[] = {{&vnet, VNET}, {datagram + VXLAN, FRAME_MAX}};
    ssize_t got = readv(tap, parts, 2);
    if (got < VNET + ETHER) break;
    size_t len = got - VNET + VXLAN;
    memcpy(datagram, header, VXLAN);
    if (used > 0 && (len > each || used + len > PAYLOAD_MAX)) {
      transmit(chain, used, each);
      memmove(chain, datagram, len);
      used = 0;
    }
    if (used == 0) each = len;
    used += len;
    count++;
    if (len < each) break; /* a shorter one can only be the last of its chain */
  }
  if (used > 0) transmit(chain, used, each);
  return count > 0;
}

/* --- in --- */

static uint64_t sum(const uint8_t *bytes, size_t len) {
  uint64_t total = 0;
  for (; len >= 4; bytes += 4, len -= 4) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    total += word;
  }
  uint32_t rest = 0;
  memcpy(&rest, bytes, len);
  return total + rest;
}

static uint16_t folded(uint64_t total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return total;
}

static uint16_t get16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, 2);
  return ntohs(value);
}

static void put16(uint8_t *at, uint16_t value) {
  value = htons(value);
  memcpy(at, &value, 2);
}

static uint64_t pseudo(const uint8_t *frame, uint16_t len) {
  return sum(frame + ETHER + 12, 8) + htons(IPPROTO_UDP) + htons(len);
}

/* Whether it is all of a datagram of UDP over IPv4 whose checksum is right and that has the flow of `first`. */
static int is_segment(const uint8_t *frame, size_t len, const uint8_t *first) {
  if (len < HEADERS || memcmp(frame, first, ETHER + 2) != 0 || get16(frame + 12) != 0x0800) return 0;
  const uint8_t *ip = frame + ETHER, *udp = ip + IPV4;
  if (ip[0] != 0x45 || ip[9] != IPPROTO_UDP || (get16(ip + 6) & 0xbfff) != 0) return 0;
  if (get16(ip + 2) != len - ETHER || get16(udp + 4) != len - ETHER - IPV4 || get16(udp + 6) == 0) return 0;
  if (ip[8] != first[ETHER + 8] || memcmp(ip + 12, first + ETHER + 12, 12) != 0) return 0;
  return folded(pseudo(frame, len - ETHER - IPV4) + sum(udp, len - ETHER - IPV4)) == 0xffff;
}

static void deliver(struct virtio_net_hdr *vnet, uint8_t *frame, size_t len) {
  struct iovec parts[] = {{vnet, VNET}, {frame, len}};
  if (writev(tap, parts, 2) < 0) return; /* what the kernel refuses is lost */
}

/* Frames `each` bytes apart, the first at `frame`, the last ending at `end`: as one, if they are segments of a flow. */
static int deliver_joined(uint8_t *frame, const uint8_t *end, size_t each) {
  size_t len = each - VXLAN;
  uint8_t *free = frame + len;
  for (uint8_t *next = frame; next < end; next += each) {
    size_t rest = end - next, this = rest < len ? rest : len;
    if (memcmp(next - VXLAN, header, VXLAN) != 0 || !is_segment(next, this, frame)) return 0;
  }
  for (uint8_t *next = frame + each; next < end; next += each) {
    size_t rest = end - next, payload = (rest < len ? rest : len) - HEADERS;
    memmove(free, next + HEADERS, payload);
    free += payload;
  }
  uint8_t *ip = frame + ETHER, *udp = ip + IPV4;
  uint16_t ip_len = free - ip, udp_len = free - udp;
  put16(ip + 2, ip_len);
  memset(ip + 10, 0, 2);
  uint16_t ip_sum = ~folded(sum(ip, IPV4));
  memcpy(ip + 10, &ip_sum, 2);
  put16(udp + 4, udp_len);
  uint16_t partial = folded(pseudo(frame, udp_len));
  memcpy(udp + 6, &partial, 2);
  struct virtio_net_hdr vnet = {
      .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
      .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
      .hdr_len = HEADERS,
      .gso_size = len - HEADERS,
      .csum_start = ETHER + IPV4,
      .csum_offset = 6,
  };
  deliver(&vnet, frame, free - frame);
  return 1;
}

/* Receives a message and delivers what is in it; answers whether there was one. */
static int decap(void) {
  static uint8_t bytes[1 << 16];
  uint8_t control[CMSG_SPACE(sizeof(int))];
  struct iovec iov = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(udp, &message, MSG_DONTWAIT);
  if (got < 0) return 0;
  size_t each = got;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) each = *(int *)CMSG_DATA(c);
  }
  uint8_t *end = bytes + got;
  if (each > VXLAN + HEADERS && each < (size_t)got && deliver_joined(bytes + VXLAN, end, each)) return 1;
  struct virtio_net_hdr alone = {0};
  for (uint8_t *datagram = bytes; datagram < end; datagram += each) {
    size_t rest = end - datagram, len = rest < each ? rest : each;
    if (len < VXLAN + ETHER || memcmp(datagram, header, VXLAN) != 0) continue;
    deliver(&alone, datagram + VXLAN, len - VXLAN);
  }
  return 1;
}

/* --- both --- */

static int open_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  must(fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0, name);
  return fd;
}

static struct sockaddr_in address(const char *text, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  must(inet_pton(AF_INET, text, &address.sin_addr) == 1, text);
  return address;
}

static int open_socket(const char *local, const char *remote, int port) {
  struct sockaddr_in here = address(local, port), there = address(remote, port);
  int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1, buffer = BUFFER;
  must(fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0, local);
  must(connect(fd, (struct sockaddr *)&there, sizeof there) == 0, remote);
  must(setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
  must(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) == 0, "receive buffer");
  must(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) == 0, "send buffer");
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  uint32_t first = htonl(8u << 24), vni = htonl(strtoul(argv[5], NULL, 10) << 8);
  memcpy(header, &first, 4);
  memcpy(header + 4, &vni, 4);
  tap = open_tap(argv[1]);
  udp = open_socket(argv[2], argv[3], atoi(argv[4]));
  puts("ready");
  fflush(stdout);
  while (1) {
    int busy = encap();
    for (int left = MESSAGES; left > 0 && decap(); left--) busy = 1;
    struct pollfd waits[] = {{tap, POLLIN, 0}, {udp, POLLIN, 0}};
    if (!busy) poll(waits, 2, -1);
  }
}
