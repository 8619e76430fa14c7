// Weights into blocks, from floats or from the published integers. Eight rows at a time, one a lane, so that nothing is
// summed across lanes and every variant makes the same integers.

typedef struct {
  const float *w;
  const int8_t *q;
  int64_t rows, columns, from;
  const mrk_weight *to;
} pack_job;

#if defined(__AVX2__)
INL v8f low8(v8f x, v8f most) { return (v8f)_mm256_min_ps((__m256)x, (__m256)most); }
INL v8f high8(v8f x, v8f least) { return (v8f)_mm256_max_ps((__m256)x, (__m256)least); }
#else // the same, NaN included: the second operand where the comparison is false
INL v8f low8(v8f x, v8f most) { return pick8(x < most, x, most); }
INL v8f high8(v8f x, v8f least) { return pick8(x > least, x, least); }
#endif
INL v8f nearest8(v8f x) { return (x + set8(12582912.f)) - set8(12582912.f); } // to even; |x| < 2^22
INL v8f stored8(v8f x) { // as float16 keeps it; a scale must not become infinite
  uint16_t h[8];
  sth8(h, low8(high8(x, set8(-65504.f)), set8(65504.f)));
  return ldh8(h);
}
INL v8f inverse8(v8f x) { return pick8(x == set8(0.f), set8(0.f), set8(1.f) / pick8(x == set8(0.f), set8(1.f), x)); }
INL v8f levels8(v8f x, v8f inverse, v8f least, v8f most) { return low8(high8(nearest8(low8(high8(x * inverse, set8(-1e5f)), set8(1e5f))), least), most); }

// Symmetric levels -8..7. Tried are scales that give the largest number between 5.6 and 8.8 levels, with the larger end on
// the side of -8 and then of +7; least squares over the levels of a try gives its scale, as stored in float16, and its error.
#define TRIES 16
static void search_symmetric(const v8f *x, v8f *levels, v8f *scale) {
  v8f top = set8(0), low = set8(0), xx = set8(0);
  for (int i = 0; i < MRK_GROUP; i++) { top = high8(x[i], top); low = low8(x[i], low); xx = xx + x[i] * x[i]; }
  v8f big = high8(top, -low), best = set8(0.f), error = xx;
  v8i fine = (big >= set8(1e-24f)) & (big < set8(INFINITY));
  v8f unit = pick8(fine, set8(1.f) / pick8(fine, big, set8(1.f)), set8(0.f));
  unit = pick8(top > -low, -unit, unit);
  for (int t = 0; t < TRIES; t++) {
    v8f f = unit * set8(t < TRIES / 2 ? 8.8f - 0.35f * (float)t : -(7.7f - 0.3f * (float)(t - TRIES / 2))), xn = set8(0), nn = set8(0);
    for (int i = 0; i < MRK_GROUP; i++) {
      v8f n = low8(high8(nearest8(x[i] * f), set8(-8.f)), set8(7.f));
      xn = xn + x[i] * n;
      nn = nn + n * n;
    }
    v8f d = stored8(xn * inverse8(nn)), e = (xx - set8(2.f) * d * xn) + d * d * nn;
    v8i better = e < error;
    best = pick8(better, d, best);
    error = pick8(better, e, error);
  }
  // Once more from the best: its nearest levels, and least squares over them where that is no worse.
  v8f inverse = inverse8(best), xn = set8(0), nn = set8(0);
  for (int i = 0; i < MRK_GROUP; i++) {
    v8f n = levels8(x[i], inverse, set8(-8.f), set8(7.f));
    xn = xn + x[i] * n;
    nn = nn + n * n;
  }
  v8f d = stored8(xn * inverse8(nn)), e = (xx - set8(2.f) * d * xn) + d * d * nn;
  best = pick8(fine, pick8(e < error, d, best), set8(0.f));
  inverse = inverse8(best);
  for (int i = 0; i < MRK_GROUP; i++) levels[i] = levels8(x[i], inverse, set8(-8.f), set8(7.f));
  *scale = best;
}

// Levels 0..15 from a minimum: ranges drawn in from both ends, scale and minimum of each by least squares. Numbers are
// taken from the lowest, lest squares of a common offset hide the error.
static void search_range(const v8f *given, v8f *levels, v8f *scale, v8f *minimum) {
  v8f top = given[0], low = given[0], big = set8(0), x[MRK_GROUP], xx = set8(0), sx = set8(0);
  for (int i = 0; i < MRK_GROUP; i++) { top = high8(given[i], top); low = low8(given[i], low); big = big + given[i] * set8(0.f); }
  v8i fine = (big == set8(0.f)); // neither NaN nor infinity among them
  low = pick8(fine, low, set8(0.f));
  v8f range = pick8(fine, top - low, set8(0.f));
  for (int i = 0; i < MRK_GROUP; i++) { x[i] = pick8(fine, given[i] - low, set8(0.f)); xx = xx + x[i] * x[i]; sx = sx + x[i]; }
  v8f best = set8(0), least = stored8(low + sx * set8(1.f / 32.f)), r = least - low, error = (xx - set8(2.f) * r * sx) + set8(32.f) * r * r;
  for (int t = 0; t < 25; t++) {
    v8f in = range * set8(0.02f * (float)(t % 5)), f = set8(15.f) * inverse8((range - in) - range * set8(0.02f * (float)(t / 5)));
    v8f sn = set8(0), xn = set8(0), nn = set8(0);
    for (int i = 0; i < MRK_GROUP; i++) {
      v8f n = low8(high8(nearest8((x[i] - in) * f), set8(0.f)), set8(15.f));
      sn = sn + n;
      xn = xn + x[i] * n;
      nn = nn + n * n;
    }
    v8f d = stored8((xn * set8(32.f) - sx * sn) * inverse8(nn * set8(32.f) - sn * sn));
    v8f m = stored8((sx - d * sn) * set8(1.f / 32.f) + low), s = m - low;
    v8f e = ((xx + d * d * nn) + set8(32.f) * s * s) - set8(2.f) * ((d * xn + s * sx) - d * s * sn);
    v8i better = e < error;
    best = pick8(better, d, best);
    least = pick8(better, m, least);
    error = pick8(better, e, error);
  }
  v8f inverse = inverse8(best);
  for (int i = 0; i < MRK_GROUP; i++) levels[i] = levels8(pick8(fine, given[i], least) - least, inverse, set8(0.f), set8(15.f));
  *scale = best;
  *minimum = least;
}

// 8 bits: max / 127, as activations.
static void by_maximum(const v8f *x, v8f *levels, v8f *scale) {
  v8f big = set8(0), sane = set8(0);
  for (int i = 0; i < MRK_GROUP; i++) { big = high8(high8(x[i], -x[i]), big); sane = sane + x[i] * set8(0.f); }
  v8f d = pick8(sane == set8(0.f), stored8(big / set8(127.f)), set8(0.f)), inverse = inverse8(d);
  for (int i = 0; i < MRK_GROUP; i++) levels[i] = levels8(x[i], inverse, set8(-127.f), set8(127.f));
  *scale = d;
}

// Eight rows of a group to their half of each piece: a lane's four bytes are put together as one number.
INL void put_levels(const v8f *levels, int eight, uint8_t *out) {
  for (int c = 0; c < (eight ? 8 : 4); c++) {
    v8i word = {0};
    for (int j = 0; j < 4; j++) {
      v8i n = eight ? __builtin_convertvector(levels[4 * c + j], v8i) & 255
                    : __builtin_convertvector(levels[8 * c + j], v8i) | __builtin_convertvector(levels[8 * c + 4 + j], v8i) << 4;
      word = word | n << 8 * j;
    }
    memcpy(out + 64 * c, &word, 32);
  }
}

static void pack_block(void *data, int64_t block) {
  pack_job *j = data;
  const mrk_weight *to = j->to;
  int eight = to->scheme >= MRK_I8;
  int64_t wide = eight ? 512 : 256, at = block + j->from / MRK_ROWS;
  uint8_t *out = (uint8_t *)(uintptr_t)to->data + at * to->groups * wide;
  uint16_t *scales = (uint16_t *)(uintptr_t)to->scales, *mins = (uint16_t *)(uintptr_t)to->mins;
  float room[MRK_GROUP * 8] __attribute__((aligned(32)));
  v8f x[MRK_GROUP], levels[MRK_GROUP], scale, least = set8(0);
  for (int64_t g = 0; g < to->groups; g++, out += wide)
    for (int half = 0; half < 2; half++) {
      int64_t k0 = g * MRK_GROUP, n = MRK_MIN(j->columns - k0, MRK_GROUP);
      for (int64_t r = 0; r < 8; r++) {
        int64_t row = block * MRK_ROWS + half * 8 + r;
        const float *w = j->w + row * j->columns + k0;
        for (int64_t i = 0; i < MRK_GROUP; i++) room[i * 8 + r] = row < j->rows && i < n ? w[i] : 0.f;
        if (to->scheme == MRK_I4A && row < j->rows) // padding must not widen the range
          for (int64_t i = n; i < MRK_GROUP; i++) room[i * 8 + r] = w[0];
      }
      for (int i = 0; i < MRK_GROUP; i++) x[i] = ld8(room + 8 * i);
      if (to->scheme == MRK_I4) {
        search_symmetric(x, levels, &scale);
        for (int i = 0; i < MRK_GROUP; i++) levels[i] = levels[i] + set8(8.f);
      } else if (to->scheme == MRK_I8) by_maximum(x, levels, &scale);
      else search_range(x, levels, &scale, &least);
      put_levels(levels, eight, out + 32 * half);
      sth8(scales + (at * to->groups + g) * MRK_ROWS + 8 * half, scale);
      if (to->scheme == MRK_I4A) sth8(mins + (at * to->groups + g) * MRK_ROWS + 8 * half, least);
    }
}
// `rows` rows of floats that begin at row `from` (a multiple of 16) of the weight.
static void pack(const float *w, int64_t rows, int64_t columns, int64_t from, const mrk_weight *to) {
  pack_job j = {w, NULL, rows, columns, from, to};
  mrk_for((rows + MRK_ROWS - 1) / MRK_ROWS, 2, pack_block, &j);
}
