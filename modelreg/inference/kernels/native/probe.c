// How fast the threads together can read memory: the yardstick that decoding is held against. Pieces are given out as
// threads come for them; inside a piece a thread reads four places in turn, fetched a little ahead, because a core has
// more reads under way in several streams than in one (measured on Zen 3: 36 GB/s instead of 33 by two threads).
#include "mrk.h"
#include <stdatomic.h>

#define STREAMS 4
#define STREAM 65536
#define AHEAD 512
typedef uint64_t lanes __attribute__((vector_size(32), aligned(1)));
typedef struct {
  const uint8_t *at;
  atomic_ullong sum; // so that nothing can be left out
} read_job;

static void read_piece(void *data, int64_t i) {
  read_job *j = data;
  const uint8_t *p = j->at + i * STREAMS * STREAM;
  lanes a = {0}, b = {0}, c = {0}, d = {0};
  for (int64_t k = 0; k < STREAM; k += 128)
    for (int s = 0; s < STREAMS; s++) {
      const uint8_t *q = p + s * STREAM + k;
      __builtin_prefetch(q + AHEAD);
      __builtin_prefetch(q + AHEAD + 64);
      a += *(const lanes *)q;
      b += *(const lanes *)(q + 32);
      c += *(const lanes *)(q + 64);
      d += *(const lanes *)(q + 96);
    }
  a += b + c + d;
  atomic_fetch_add_explicit(&j->sum, a[0] + a[1] + a[2] + a[3], memory_order_relaxed);
}

// Reads every whole 256 KiB once; how many bytes that were.
MRK_API int64_t mrk_read(const void *at, int64_t bytes) {
  read_job j = {at, 0};
  int64_t pieces = bytes / (STREAMS * STREAM);
  mrk_for(pieces, 2, read_piece, &j);
  return pieces * STREAMS * STREAM;
}
