// Weights into blocks, from floats. Work items are row blocks; the arithmetic is written out so that every variant makes
// the same integers.

typedef struct { const float *w; int64_t rows, columns, from; const mrk_weight *to; } pack_job;

INL float fp16_of(float x) { // as stored; a scale must not become infinite
  return half_to_float(float_to_half(x > 65504.f ? 65504.f : x < -65504.f ? -65504.f : x));
}
INL v8f nearest8(v8f x) { return (x + set8(12582912.f)) - set8(12582912.f); }
INL v8f clamp8(v8f x, float lo, float hi) {
  x = pick8(x > set8(lo), x, set8(lo)); // NaN becomes lo
  return pick8(x < set8(hi), x, set8(hi));
}

// Symmetric levels -8..7 with the scale of least squared error. Tried are scales around max/8 of either sign, each
// improved once by least squares over the levels that it gives; the error is measured with the scale as stored (fp16).
static float search_symmetric(const float *w, float *levels) {
  v8f x[4], best[4];
  float top = 0.f, low = 0.f, best_error = INFINITY, best_scale = 0.f;
  for (int i = 0; i < 4; i++) { x[i] = ld8(w + 8 * i); best[i] = set8(0); }
  for (int i = 0; i < 32; i++) { if (w[i] > top) top = w[i]; if (w[i] < low) low = w[i]; }
  float big = top > -low ? top : -low;
  if (!(big >= 1e-24f && big < INFINITY)) { for (int i = 0; i < 32; i++) levels[i] = 0.f; return 0.f; }
  float sign = top > -low ? -1.f : 1.f; // the larger end takes the level -8
  for (int c = 0; c < 26; c++) {
    // levels that the largest number spans: 8.6 down to 6.1, first with the larger end at -8, then at +7
    float f = c < 16 ? sign * (8.6f - 0.16f * (float)c) / big : -sign * (7.6f - 0.16f * (float)(c - 16)) / big;
    v8f n[4], xn = set8(0), nn = set8(0);
    for (int i = 0; i < 4; i++) { n[i] = clamp8(nearest8(x[i] * set8(f)), -8.f, 7.f); xn = xn + x[i] * n[i]; nn = nn + n[i] * n[i]; }
    float d = sum8(nn) > 0.f ? sum8(xn) / sum8(nn) : 0.f, stored = fp16_of(d);
    if (stored == 0.f) continue;
    v8f inverse = set8(1.f / stored), e = set8(0);
    for (int i = 0; i < 4; i++) { n[i] = clamp8(nearest8(x[i] * inverse), -8.f, 7.f); v8f r = x[i] - n[i] * set8(stored); e = e + r * r; }
    float error = sum8(e);
    if (error < best_error) { best_error = error; best_scale = stored; for (int i = 0; i < 4; i++) best[i] = n[i]; }
  }
  for (int i = 0; i < 4; i++) st8(levels + 8 * i, best[i]);
  return best_scale;
}

// Levels 0..15 from a minimum: ranges drawn in from both ends, each improved once by least squares.
static float search_range(const float *w, float *levels, float *minimum) {
  v8f x[4], best[4];
  float top = w[0], low = w[0], best_error = INFINITY, best_scale = 0.f, best_low = 0.f;
  for (int i = 0; i < 4; i++) { x[i] = ld8(w + 8 * i); best[i] = set8(0); }
  for (int i = 1; i < 32; i++) { if (w[i] > top) top = w[i]; if (w[i] < low) low = w[i]; }
  float big = top > -low ? top : -low;
  if (!(big < INFINITY)) { for (int i = 0; i < 32; i++) levels[i] = 0.f; *minimum = 0.f; return 0.f; }
  for (int c = 0; c < 20; c++) {
    float in = (top - low) * 0.02f * (float)(c % 5), out = (top - low) * 0.02f * (float)(c / 5);
    float d = (top - low - in - out) / 15.f, m = low + in;
    if (!(d > 1e-24f)) { d = 0.f; }
    v8f n[4], sx = set8(0), sn = set8(0), xn = set8(0), nn = set8(0);
    for (int i = 0; i < 4; i++) {
      n[i] = d > 0.f ? clamp8(nearest8((x[i] - set8(m)) * set8(1.f / d)), 0.f, 15.f) : set8(0);
      sx = sx + x[i]; sn = sn + n[i]; xn = xn + x[i] * n[i]; nn = nn + n[i] * n[i];
    }
    float a = sum8(nn) * 32.f - sum8(sn) * sum8(sn);
    if (a > 0.f) { d = (sum8(xn) * 32.f - sum8(sx) * sum8(sn)) / a; m = (sum8(sx) - d * sum8(sn)) / 32.f; }
    float scale = fp16_of(d), least = fp16_of(m);
    v8f e = set8(0);
    for (int i = 0; i < 4; i++) {
      n[i] = scale != 0.f ? clamp8(nearest8((x[i] - set8(least)) * set8(1.f / scale)), 0.f, 15.f) : set8(0);
      v8f r = x[i] - (n[i] * set8(scale) + set8(least));
      e = e + r * r;
    }
    float error = sum8(e);
    if (error < best_error) { best_error = error; best_scale = scale; best_low = least; for (int i = 0; i < 4; i++) best[i] = n[i]; }
  }
  for (int i = 0; i < 4; i++) st8(levels + 8 * i, best[i]);
  *minimum = best_low;
  return best_scale;
}

// 8 bits: max/127, as activations.
static float by_maximum(const float *w, float *levels) {
  float big = 0.f;
  for (int i = 0; i < 32; i++) { float a = fabsf(w[i]); if (a > big) big = a; }
  float stored = fp16_of(big / 127.f);
  if (!(big < INFINITY) || stored == 0.f) stored = 0.f;
  v8f inverse = set8(stored == 0.f ? 0.f : 1.f / stored);
  for (int i = 0; i < 4; i++) st8(levels + 8 * i, stored == 0.f ? set8(0) : clamp8(nearest8(ld8(w + 8 * i) * inverse), -127.f, 127.f));
  return stored;
}

static void pack_block(void *data, int64_t block) {
  pack_job *j = data;
  const mrk_weight *to = j->to;
  int64_t wide = to->scheme >= MRK_I8 ? 512 : 256, at = block + j->from / MRK_ROWS;
  uint8_t *out = (uint8_t *)(uintptr_t)to->data + at * to->groups * wide;
  uint16_t *scales = (uint16_t *)(uintptr_t)to->scales, *mins = (uint16_t *)(uintptr_t)to->mins;
  float x[MRK_GROUP], levels[MRK_ROWS][MRK_GROUP];
  for (int64_t g = 0; g < to->groups; g++, out += wide) {
    for (int64_t r = 0; r < MRK_ROWS; r++) {
      int64_t row = block * MRK_ROWS + r;
      for (int64_t i = 0; i < MRK_GROUP; i++) {
        int64_t k = g * MRK_GROUP + i;
        x[i] = row < j->rows && k < j->columns ? j->w[row * j->columns + k] : 0.f;
      }
      int64_t n = (at * to->groups + g) * MRK_ROWS + r;
      if (to->scheme == MRK_I4) scales[n] = float_to_half(search_symmetric(x, levels[r]));
      else if (to->scheme == MRK_I8) scales[n] = float_to_half(by_maximum(x, levels[r]));
      else {
        float least;
        int64_t left = j->columns - g * MRK_GROUP;
        for (int64_t i = left; i < MRK_GROUP; i++) x[i] = x[0]; // padding must not widen the range
        scales[n] = float_to_half(search_range(x, levels[r], &least));
        mins[n] = float_to_half(least);
      }
    }
    for (int64_t r = 0; r < MRK_ROWS; r++)
      for (int64_t i = 0; i < MRK_GROUP; i++) {
        int n = (int)levels[r][i];
        if (to->scheme == MRK_I8) { out[i / 4 * 64 + r * 4 + i % 4] = (uint8_t)(int8_t)n; continue; }
        if (to->scheme == MRK_I4) n += 8;
        uint8_t *b = out + i / 8 * 64 + r * 4 + i % 4;
        *b = i % 8 < 4 ? (uint8_t)n : (uint8_t)(*b | n << 4);
      }
  }
}
// `rows` rows of floats that begin at row `from` (a multiple of 16) of the weight.
static void pack(const float *w, int64_t rows, int64_t columns, int64_t from, const mrk_weight *to) {
  pack_job j = {w, rows, columns, from, to};
  mrk_for((rows + MRK_ROWS - 1) / MRK_ROWS, 2, pack_block, &j);
}
