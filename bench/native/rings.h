/* The two queues of an io_uring, its ring of buffers, and what is remembered of a submission until it is settled. */
#ifndef RINGS_H
#define RINGS_H
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { BATCH = 64, QUEUE = 4096, SQES = 1024 };
enum { OP_SENDMSG = 9, OP_WRITE = 23, OP_SEND = 26, SKIP_SUCCESS = 64 };
enum { HAS_BUFFER = 1, MORE = 2, READ = 1, RECEIVE = 2 };

struct record { /* what was submitted, for when it is known what became of it */
  uint32_t entry, frames, bytes;
  int32_t result;
};
struct sqe {
  uint8_t opcode, flags;
  uint16_t ioprio;
  int32_t fd;
  uint64_t offset, address;
  uint32_t len, op_flags;
  uint64_t user, group, rest[2];
};
struct cqe {
  uint64_t user;
  int32_t result;
  uint32_t flags;
};
struct buffer {
  uint64_t address;
  uint32_t len;
  uint16_t number, tail;
};

static struct sqe sqes[SQES] __attribute__((aligned(64)));
static uint32_t sq_tail, cq_head;
static _Atomic uint32_t cq_tail;
static struct cqe cqes[QUEUE];
static struct buffer ring[BATCH];
static uint16_t used[BATCH];
static struct record records[BATCH];
static uint32_t submitted;

static inline void submit(uint8_t opcode, int fd, uint64_t offset, const void *address, uint32_t len, uint32_t flags,
                          uint64_t group) {
  struct sqe *sqe = &sqes[sq_tail++ & (SQES - 1)];
  uint64_t user = (uint64_t)opcode << 56 | submitted;
  *sqe = (struct sqe){opcode, SKIP_SUCCESS, 0, fd, offset, (uint64_t)address, len, flags, user, group, {0, 0}};
}

/* The slots that the last turn used stand in the ring already if they were used in its order. */
static void give_back(uint32_t filled) {
  uint32_t differences = 0;
  for (uint32_t index = 0; index < filled; index++) differences |= used[index] ^ ring[index].number;
  if (differences) exit(1);
  ring[0].tail += filled;
}

#endif
