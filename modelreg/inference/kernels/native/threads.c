// One pool of threads: that of the OpenMP runtime which torch has loaded. Its entry points are handed over by the
// caller, so that the library needs no libgomp of its own and no second pool exists. Without them all work is serial.
#include "mrk.h"
#include <stdatomic.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define SLOTS 4
typedef void (*gomp_parallel)(void (*)(void *), void *, unsigned, unsigned);
static gomp_parallel parallel;
static int64_t threads = 1;
int64_t mrk_prefetch = 2048;

// Of the C library, handed over as well: linked, they would tie the file to a recent glibc (their version changed in 2.34).
static int (*set_specific)(unsigned, const void *);
static unsigned key;
static void release(void *data);
MRK_API void mrk_set_runtime(void *entry, void *key_create, void *setspecific) {
  parallel = (gomp_parallel)entry;
  int (*create)(unsigned *, void (*)(void *)) = (int (*)(unsigned *, void (*)(void *)))key_create;
  if (create && setspecific && !set_specific && create(&key, release) == 0) set_specific = (int (*)(unsigned, const void *))setspecific;
}
MRK_API void mrk_set_threads(int64_t count) { threads = count < 1 ? 1 : count > 1024 ? 1024 : count; }
MRK_API void mrk_set_prefetch(int64_t bytes) { mrk_prefetch = bytes < 0 ? 0 : bytes; }
MRK_API int64_t mrk_get_prefetch(void) { return mrk_prefetch; }
MRK_API int64_t mrk_get_threads(void) { return parallel ? threads : 1; }
int64_t mrk_thread_count(void) { return parallel ? threads : 1; }

typedef struct {
  atomic_llong next;
  int64_t items;
  mrk_work work;
  void *job;
} share;

static void drain(void *data) {
  share *s = data;
  for (;;) {
    int64_t i = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
    if (i >= s->items) return;
    s->work(s->job, i);
  }
}

// `least`: items below which waking the other threads costs more than it gains.
void mrk_for(int64_t items, int64_t least, mrk_work work, void *job) {
  int64_t n = MRK_MIN(mrk_thread_count(), items);
  if (n <= 1 || items < least) {
    for (int64_t i = 0; i < items; i++) work(job, i);
    return;
  }
  share s = {0, items, work, job};
  parallel(drain, &s, (unsigned)n, 0); // returns when all have finished
}

// Scratch of a thread: grows, is kept for the next call, and goes with the thread.
typedef struct {
  void *at[SLOTS];
  size_t size[SLOTS];
} scratch;
static _Thread_local scratch *mine;

static void release(void *data) {
  scratch *s = data;
  for (int i = 0; i < SLOTS; i++) free(s->at[i]);
  free(s);
}

void *mrk_scratch(int slot, size_t bytes) {
  if (!mine) {
    mine = calloc(1, sizeof(scratch));
    if (!mine) return NULL;
    if (set_specific) set_specific(key, mine);
  }
  if (mine->size[slot] < bytes) {
    size_t size = (bytes + bytes / 4 + 4095) & ~(size_t)4095;
    free(mine->at[slot]);
    mine->size[slot] = 0;
    mine->at[slot] = aligned_alloc(4096, size);
    if (!mine->at[slot]) return NULL;
    mine->size[slot] = size;
  }
  return mine->at[slot];
}

// Ask for huge pages on the whole pages of a range. Returns 0, or -1 where the system does not know them.
MRK_API int mrk_huge_pages(void *address, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  uintptr_t a = ((uintptr_t)address + 4095) & ~(uintptr_t)4095, e = ((uintptr_t)address + (uintptr_t)bytes) & ~(uintptr_t)4095;
  return e > a ? madvise((void *)a, e - a, MADV_HUGEPAGE) : 0;
#else
  (void)address, (void)bytes;
  return -1;
#endif
}
