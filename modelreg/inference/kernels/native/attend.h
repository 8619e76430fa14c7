// Attention over a paged cache. A query row walks its visible columns in blocks of 64 counted from the first column of its
// sequence, with a running maximum (online softmax); eight blocks make a chunk, whose sum joins the rest in order. The
// walk is the same whichever thread, tile or call a row falls into, and a hidden column is never multiplied.
// Source of the online softmax: Milakov and Gimelshein, arXiv:1805.02867; partial sums: Dao et al., arXiv:2205.14135.

#define TILE_ROWS 64 // query rows (tokens x heads of a group) that share a pass over the columns

// C[r][n..n+16) += sum over k of A[r][k] * B[k][n..n+16), k ascending: one chain of fused additions an output.
#define P1(X) X(0)
#define P2(X) P1(X) X(1)
#define P3(X) P2(X) X(2)
#define P4(X) P3(X) X(3)
#define P5(X) P4(X) X(4)
#define P6(X) P5(X) X(5)
#define GET(r) v8f u##r = ld8(c + r * ldc), v##r = ld8(c + r * ldc + 8);
#define AMUL(r) { v8f s = set8(a[r * lda + k]); u##r = fma8(s, b0, u##r); v##r = fma8(s, b1, v##r); }
#define PUT(r) st8(c + r * ldc, u##r); st8(c + r * ldc + 8, v##r);
#define GET1(r) v8f u##r = ld8(c + r * ldc);
#define MUL1(r) { v8f s = set8(a[r * lda + k]); u##r = fma8(s, b0, u##r); }
#define PUT1(r) st8(c + r * ldc, u##r);
#define PANEL(NAME, TYPE, LOAD, R)                                                                                      \
  static void NAME##_##R(const float *a, int64_t lda, const TYPE *b, int64_t ldb, int64_t k0, int64_t k1, int64_t n, float *c, int64_t ldc) { \
    const TYPE *base = b;                                                                                               \
    int64_t i = 0;                                                                                                      \
    for (; i + 16 <= n; i += 16, c += 16, base += 16) {                                                                 \
      P##R(GET)                                                                                                         \
      b = base + k0 * ldb;                                                                                              \
      for (int64_t k = k0; k < k1; k++, b += ldb) { v8f b0 = LOAD(b), b1 = LOAD(b + 8); P##R(AMUL) }                       \
      P##R(PUT)                                                                                                         \
    }                                                                                                                   \
    if (i < n) {                                                                                                        \
      P##R(GET1)                                                                                                        \
      b = base + k0 * ldb;                                                                                              \
      for (int64_t k = k0; k < k1; k++, b += ldb) { v8f b0 = LOAD(b); P##R(MUL1) }                                       \
      P##R(PUT1)                                                                                                        \
    }                                                                                                                   \
  }
// One row alone takes 64 columns at a time: with 16 the multipliers would wait for each other.
#define WIDE(X, L) X(0, L) X(1, L) X(2, L) X(3, L) X(4, L) X(5, L) X(6, L) X(7, L)
#define GETW(i, L) v8f u##i = ld8(c + 8 * i);
#define MULW(i, L) u##i = fma8(s, L(at + 8 * i), u##i);
#define PUTW(i, L) st8(c + 8 * i, u##i);
#define SINGLE(NAME, TYPE, LOAD)                                                                                        \
  static void NAME##_single(const float *a, int64_t lda, const TYPE *b, int64_t ldb, int64_t k0, int64_t k1, int64_t n, float *c, int64_t ldc) { \
    for (; n >= 64; n -= 64, c += 64, b += 64) {                                                                        \
      WIDE(GETW, LOAD)                                                                                                  \
      const TYPE *at = b + k0 * ldb;                                                                                    \
      for (int64_t k = k0; k < k1; k++, at += ldb) { v8f s = set8(a[k]); WIDE(MULW, LOAD) }                             \
      WIDE(PUTW, LOAD)                                                                                                  \
    }                                                                                                                   \
    if (n) NAME##_1(a, lda, b, ldb, k0, k1, n, c, ldc);                                                                 \
  }
#define PANELS(NAME, TYPE, LOAD)                                                                                        \
  PANEL(NAME, TYPE, LOAD, 1) PANEL(NAME, TYPE, LOAD, 2) PANEL(NAME, TYPE, LOAD, 3)                                       \
  PANEL(NAME, TYPE, LOAD, 4) PANEL(NAME, TYPE, LOAD, 5) PANEL(NAME, TYPE, LOAD, 6) SINGLE(NAME, TYPE, LOAD)
PANELS(panel_f32, float, ld8)
PANELS(panel_f16, uint16_t, ldh8)
PANELS(panel_bf16, uint16_t, ldb8)
typedef void (*panel_fn)(const float *, int64_t, const void *, int64_t, int64_t, int64_t, int64_t, float *, int64_t);
#define SIX(NAME) {(panel_fn)NAME##_single, (panel_fn)NAME##_2, (panel_fn)NAME##_3, (panel_fn)NAME##_4, (panel_fn)NAME##_5, (panel_fn)NAME##_6}
static const panel_fn panels[3][6] = {SIX(panel_f32), SIX(panel_f16), SIX(panel_bf16)};

typedef struct {
  const float *q;
  int64_t heads;
  const mrk_cache *c;
  const mrk_spans *s;
  float *out;
  int64_t split, chunks; // chunks as items of their own, with partial sums between
  float *partial;
} attend_job;

typedef struct { // where an item lies
  int64_t sequence, head, token, rows; // first token, query rows
} attend_tile;

INL int64_t tile_tokens(int64_t group) { return MRK_MAX(1, TILE_ROWS / group); }

static attend_tile find_tile(const attend_job *j, int64_t item) {
  const mrk_spans *s = j->s;
  int64_t group = j->heads / j->c->heads, step = tile_tokens(group);
  attend_tile t = {0, item % j->c->heads, 0, 0};
  item /= j->c->heads;
  for (;; t.sequence++) {
    int64_t n = s->starts[t.sequence + 1] - s->starts[t.sequence], tiles = (n + step - 1) / step;
    if (item < tiles) {
      t.token = s->starts[t.sequence] + item * step;
      t.rows = MRK_MIN(step, n - item * step) * group;
      return t;
    }
    item -= tiles;
  }
}

typedef struct { // of a thread
  float *q, *score, *out, *total, *keys, *values; // (rows, D), (rows, 64), 2 x (rows, wide), converted blocks
  float *max, *sum, *top, *all;                   // of the chunk, of the whole
} room;

static int get_room(room *r, int64_t D, int64_t wide, int64_t rows) {
  size_t n = (size_t)(rows * (D + MRK_COLUMNS + 2 * wide + 8) + MRK_COLUMNS * (D + wide) + 64);
  float *p = mrk_scratch(2, n * sizeof(float));
  if (!p) return 0;
  r->q = p; p += (rows * D + 7) & ~(int64_t)7;
  r->score = p; p += rows * MRK_COLUMNS;
  r->out = p; p += rows * wide;
  r->total = p; p += rows * wide;
  r->keys = p; p += D * MRK_COLUMNS;
  r->values = p; p += MRK_COLUMNS * wide;
  r->max = p; p += rows; r->sum = p; p += rows; r->top = p; p += rows; r->all = p;
  return 1;
}

static void widen(const uint16_t *from, int64_t type, int64_t count, float *to) {
  if (type == MRK_F16) for (int64_t i = 0; i < count; i += 8) st8(to + i, ldh8(from + i));
  else for (int64_t i = 0; i < count; i += 8) st8(to + i, ldb8(from + i));
}

// Visible columns of a row inside a block.
INL void clip(const attend_job *j, int64_t token, int64_t base, int64_t *lo, int64_t *hi) {
  *lo = MRK_MAX(j->s->first[token] - base, 0);
  *hi = MRK_MIN(j->s->end[token] - base, MRK_COLUMNS);
}

// The weights of one row from its scores, in place; returns the factor of what was summed before.
INL float soften(float *s, int64_t lo, int64_t hi, float *max, float *sum) {
  v8i lane = {0, 1, 2, 3, 4, 5, 6, 7};
  v8f low = set8(-INFINITY), m = low, total = set8(0);
  int64_t from = lo & ~(int64_t)7, to = (hi + 7) & ~(int64_t)7;
  for (int64_t i = from; i < to; i += 8) {
    v8i at = lane + (int32_t)i, seen = (at >= (int32_t)lo) & (at < (int32_t)hi);
    v8f v = pick8(seen, ld8(s + i), low);
    st8(s + i, v);
    m = max8(v, m);
  }
  float top = top8(m), before = *max, now = top > before ? top : before;
  if (now == -INFINITY) now = 0.f; // nothing but -inf: weights of 0
  for (int64_t i = from; i < to; i += 8) {
    v8f v = ld8(s + i), e = exp8(v - set8(now));
    e = pick8(v == low, set8(0), e); // a hidden column, or an impossible one
    st8(s + i, e);
    total = total + e;
  }
  float factor = before == -INFINITY ? 0.f : exp1(before - now);
  *max = now;
  *sum = *sum * factor + sum8(total);
  return factor;
}

INL void scale_row(float *x, int64_t n, float f) {
  for (int64_t i = 0; i < n; i += 8) st8(x + i, ld8(x + i) * set8(f));
}

// Columns [from, to) of values for up to six rows: what all see at once, the edges row by row; always ascending.
INL void weigh(const panel_fn *p, room *r, const void *values, int64_t wide, int64_t row, int64_t n, const int64_t *lo, const int64_t *hi) {
  int64_t from = 0, to = MRK_COLUMNS;
  for (int64_t i = 0; i < n; i++) { from = MRK_MAX(from, lo[i]); to = MRK_MIN(to, hi[i]); }
  if (from >= to) from = to = -1;
  for (int64_t i = 0; i < n; i++) {
    int64_t e = from < 0 ? hi[i] : from;
    if (lo[i] < e) p[0](r->score + (row + i) * MRK_COLUMNS, MRK_COLUMNS, values, wide, lo[i], e, wide, r->out + (row + i) * wide, wide);
  }
  if (from < 0) return;
  p[n - 1](r->score + row * MRK_COLUMNS, MRK_COLUMNS, values, wide, from, to, wide, r->out + row * wide, wide);
  for (int64_t i = 0; i < n; i++)
    if (to < hi[i]) p[0](r->score + (row + i) * MRK_COLUMNS, MRK_COLUMNS, values, wide, to, hi[i], wide, r->out + (row + i) * wide, wide);
}

// One chunk of columns for all rows of a tile, into r->out, r->max and r->sum.
static void chunk_of(const attend_job *j, const attend_tile *t, room *r, int64_t chunk) {
  const mrk_cache *c = j->c;
  int64_t D = c->channels, wide = (D + 7) & ~(int64_t)7, group = j->heads / c->heads, rows = t->rows;
  memset(r->out, 0, (size_t)(rows * wide) * sizeof(float));
  for (int64_t i = 0; i < rows; i++) r->max[i] = -INFINITY, r->sum[i] = 0.f;
  int64_t first = INT64_MAX, end = 0;
  for (int64_t i = 0; i < rows; i += group) {
    int64_t token = t->token + i / group;
    if (j->s->first[token] < j->s->end[token]) { first = MRK_MIN(first, j->s->first[token]); end = MRK_MAX(end, j->s->end[token]); }
  }
  for (int64_t block = chunk * MRK_CHUNK; block < (chunk + 1) * MRK_CHUNK; block++) {
    int64_t base = block * MRK_COLUMNS;
    if (base >= end || base + MRK_COLUMNS <= first) continue;
    const uint8_t *at = (const uint8_t *)(intptr_t)j->s->table[t->sequence][block];
    int64_t bytes = c->type == MRK_F32 ? 4 : 2, type = c->type;
    const void *keys = at + c->keys_at + t->head * D * MRK_COLUMNS * bytes, *values = at + c->values_at + t->head * MRK_COLUMNS * wide * bytes;
    int64_t used = (MRK_MIN(end - base, MRK_COLUMNS) + 15) & ~(int64_t)15;
    if (type != MRK_F32 && rows > 24) { // many rows: widen once
      widen(keys, type, D * MRK_COLUMNS, r->keys);
      widen(values, type, MRK_MIN(end - base, MRK_COLUMNS) * wide, r->values);
      keys = r->keys, values = r->values, type = MRK_F32;
    }
    const panel_fn *p = panels[type];
    for (int64_t row = 0; row < rows;) {
      int64_t left = rows - row, n = left > 6 ? (left >= 12 ? 6 : (left + 1) / 2) : left, lo[6], hi[6], seen = 0;
      for (int64_t i = 0; i < n; i++) {
        clip(j, t->token + (row + i) / group, base, lo + i, hi + i);
        if (lo[i] < hi[i]) seen = 1;
        else lo[i] = hi[i] = 0;
      }
      if (seen) {
        float *score = r->score + row * MRK_COLUMNS;
        for (int64_t i = 0; i < n; i++) memset(score + i * MRK_COLUMNS, 0, (size_t)used * 4);
        p[n - 1](r->q + row * D, D, keys, MRK_COLUMNS, 0, D, used, score, MRK_COLUMNS);
        for (int64_t i = 0; i < n; i++)
          if (lo[i] < hi[i]) {
            float f = soften(score + i * MRK_COLUMNS, lo[i], hi[i], r->max + row + i, r->sum + row + i);
            if (f != 1.f) scale_row(r->out + (row + i) * wide, wide, f);
          }
        weigh(p, r, values, wide, row, n, lo, hi);
      }
      row += n;
    }
  }
}

// A chunk joins what came before: rescale both to the larger maximum.
INL void join(float *total, float *top, float *all, const float *out, float max, float sum, int64_t wide) {
  float now = max > *top ? max : *top;
  if (max == -INFINITY) return; // the row saw nothing of this chunk
  float a = *top == -INFINITY ? 0.f : exp1(*top - now), b = exp1(max - now);
  for (int64_t i = 0; i < wide; i += 8) st8(total + i, ld8(total + i) * set8(a) + ld8(out + i) * set8(b));
  *all = *all * a + sum * b;
  *top = now;
}

static void load_queries(const attend_job *j, const attend_tile *t, float *to) {
  int64_t D = j->c->channels, group = j->heads / j->c->heads;
  float scale = 1.f / sqrtf((float)D);
  for (int64_t i = 0; i < t->rows; i++) {
    const float *q = j->q + ((t->token + i / group) * j->heads + t->head * group + i % group) * D;
    for (int64_t d = 0; d < D; d++) to[i * D + d] = q[d] * scale;
  }
}

static void write_row(const attend_job *j, const attend_tile *t, int64_t i, const float *total, float all) {
  int64_t D = j->c->channels, group = j->heads / j->c->heads;
  float *out = j->out + ((t->token + i / group) * j->heads + t->head * group + i % group) * D;
  for (int64_t d = 0; d < D; d++) out[d] = all == 0.f ? 0.f : total[d] / all; // nothing visible: zeros
}

INL int64_t last_column(const attend_job *j, const attend_tile *t) {
  int64_t group = j->heads / j->c->heads, end = 0;
  for (int64_t i = 0; i < t->rows; i += group) end = MRK_MAX(end, j->s->end[t->token + i / group]);
  return end;
}
#define CHUNK_COLUMNS (MRK_CHUNK * MRK_COLUMNS)

static void attend_item(void *data, int64_t item) {
  attend_job *j = data;
  int64_t D = j->c->channels, wide = (D + 7) & ~(int64_t)7, chunk = 0;
  if (j->split) { chunk = item % j->chunks; item /= j->chunks; }
  attend_tile t = find_tile(j, item);
  room r;
  int64_t chunks = (last_column(j, &t) + CHUNK_COLUMNS - 1) / CHUNK_COLUMNS;
  if (j->split && chunk >= chunks) return;
  if (!get_room(&r, D, wide, t.rows)) {
    float nan = NAN; // no memory: say so in the result
    for (int64_t i = 0; i < t.rows && !j->split; i++) for (int64_t d = 0; d < wide; d++) write_row(j, &t, i, &nan, 1.f);
    return;
  }
  load_queries(j, &t, r.q);
  if (j->split) {
    chunk_of(j, &t, &r, chunk);
    float *p = j->partial + (item * j->chunks + chunk) * TILE_ROWS * (wide + 2);
    for (int64_t i = 0; i < t.rows; i++, p += wide + 2) {
      p[0] = r.max[i], p[1] = r.sum[i];
      memcpy(p + 2, r.out + i * wide, (size_t)wide * sizeof(float));
    }
    return;
  }
  memset(r.total, 0, (size_t)(t.rows * wide) * sizeof(float));
  for (int64_t i = 0; i < t.rows; i++) r.top[i] = -INFINITY, r.all[i] = 0.f;
  for (chunk = 0; chunk < chunks; chunk++) {
    chunk_of(j, &t, &r, chunk);
    for (int64_t i = 0; i < t.rows; i++) join(r.total + i * wide, r.top + i, r.all + i, r.out + i * wide, r.max[i], r.sum[i], wide);
  }
  for (int64_t i = 0; i < t.rows; i++) write_row(j, &t, i, r.total + i * wide, r.all[i]);
}

static void join_item(void *data, int64_t item) {
  attend_job *j = data;
  int64_t D = j->c->channels, wide = (D + 7) & ~(int64_t)7;
  attend_tile t = find_tile(j, item);
  int64_t chunks = (last_column(j, &t) + CHUNK_COLUMNS - 1) / CHUNK_COLUMNS;
  float total[1024] __attribute__((aligned(32)));
  for (int64_t i = 0; i < t.rows; i++) {
    float top = -INFINITY, all = 0.f;
    memset(total, 0, (size_t)wide * sizeof(float));
    for (int64_t k = 0; k < chunks; k++) {
      const float *p = j->partial + ((item * j->chunks + k) * TILE_ROWS + i) * (wide + 2);
      join(total, &top, &all, p + 2, p[0], p[1], wide);
    }
    write_row(j, &t, i, total, all);
  }
}

static void attend(const float *q, int64_t heads, const mrk_cache *c, const mrk_spans *s, float *out) {
  attend_job j = {.q = q, .heads = heads, .c = c, .s = s, .out = out};
  int64_t group = heads / c->heads, step = tile_tokens(group), tiles = 0, longest = 0, wide = (c->channels + 7) & ~(int64_t)7;
  for (int64_t i = 0; i < s->sequences; i++) tiles += (s->starts[i + 1] - s->starts[i] + step - 1) / step;
  for (int64_t i = 0; i < s->tokens; i++) longest = MRK_MAX(longest, s->end[i]);
  tiles *= c->heads;
  j.chunks = (longest + CHUNK_COLUMNS - 1) / CHUNK_COLUMNS;
  // Few tiles over many columns: the chunks go to different threads, and are joined in the same order as otherwise.
  if (group <= TILE_ROWS && j.chunks > 1 && mrk_thread_count() > 1 && tiles < 4 * mrk_thread_count()) {
    j.partial = mrk_scratch(3, (size_t)(tiles * j.chunks * TILE_ROWS * (wide + 2)) * sizeof(float));
    j.split = j.partial != NULL;
  }
  mrk_for(j.split ? tiles * j.chunks : tiles, 2, attend_item, &j);
  if (j.split) mrk_for(tiles, 64, join_item, &j);
}
