/*
 * The forwarding table: two buckets of four a key, a keyed hash, a version for readers without a lock. The same shape
 * as assembly/table/fdb.ts.
 */
#ifndef TABLE_H
#define TABLE_H
#ifdef __AVX2__
#include <immintrin.h>
#endif
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { WAYS = 4 };

struct bucket {
  uint64_t keys[WAYS];
  uint32_t values[WAYS];
  uint32_t used[WAYS];
} __attribute__((aligned(64)));
static struct bucket *table;
static uint32_t buckets, now = 10;
static _Atomic uint32_t version;
static uint64_t secret[4];
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

/* No branch says which way it is: that could not be predicted. */
static inline int way_of(const struct bucket *bucket, uint64_t key) {
#ifdef __AVX2__
  __m256i same = _mm256_cmpeq_epi64(_mm256_load_si256((const __m256i *)bucket->keys), _mm256_set1_epi64x(key));
  return __builtin_ctz(_mm256_movemask_pd(_mm256_castsi256_pd(same)) | 1 << WAYS);
#else
  int ways = 1 << WAYS;
  for (int way = 0; way < WAYS; way++) ways |= (bucket->keys[way] == key) << way;
  return __builtin_ctz(ways);
#endif
}

static inline uint32_t find(uint64_t hash, uint64_t key) {
  for (;;) {
    uint32_t before = atomic_load(&version), value = 0;
    struct bucket *bucket = first_of(hash);
    int way = way_of(bucket, key);
    if (way == WAYS) way = way_of(bucket = second_of(hash), key);
    if (way < WAYS) value = bucket->values[way];
    if (atomic_load(&version) != before) continue;
    if (way < WAYS && bucket->used[way] != now) bucket->used[way] = now;
    return value;
  }
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

#endif
