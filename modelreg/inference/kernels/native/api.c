// The calls of the library, and the choice of a variant.
#include "mrk.h"
#include <string.h>

static const mrk_variant *const variants[] = { // the fastest first
#ifdef MRK_HAVE_AVX512
    &mrk_avx512,
#endif
#ifdef MRK_HAVE_AVXVNNI
    &mrk_avxvnni,
#endif
#ifdef MRK_HAVE_AVX2
    &mrk_avx2,
#endif
#ifdef MRK_HAVE_NEON
    &mrk_neon,
#endif
    &mrk_portable,
};
#define COUNT (int)(sizeof(variants) / sizeof(variants[0]))
static const mrk_variant *chosen = &mrk_portable;

MRK_API int mrk_abi(void) { return MRK_ABI; }
// Name of the i-th variant that this processor can run, best first; NULL after the last.
MRK_API const char *mrk_variant_name(int i) {
  for (int k = 0; k < COUNT; k++)
    if (variants[k]->usable() && i-- == 0) return variants[k]->name;
  return NULL;
}
// Use a variant: 0, or -1 where the processor cannot run it or it was not compiled.
MRK_API int mrk_select(const char *name) {
  for (int k = 0; k < COUNT; k++)
    if (!strcmp(variants[k]->name, name) && variants[k]->usable()) {
      chosen = variants[k];
      return 0;
    }
  return -1;
}

MRK_API void mrk_linear(const mrk_weight *w, const mrk_group *x, int64_t tokens, float *y) { chosen->linear(w, x, tokens, y, NULL, NULL); }
// Float activations: quantized in scratch first.
MRK_API int mrk_linear_floats(const mrk_weight *w, const float *x, int64_t columns, int64_t tokens, float *y) {
  mrk_group *q = mrk_scratch(2, (size_t)(tokens * w->groups) * sizeof(mrk_group));
  if (!q) return -1;
  chosen->quantize(x, tokens, columns, q);
  chosen->linear(w, q, tokens, y, NULL, NULL);
  return 0;
}
MRK_API void mrk_argmax(const mrk_weight *w, const mrk_group *x, int64_t tokens, int64_t *best, float *value) {
  chosen->linear(w, x, tokens, NULL, best, value);
}
MRK_API void mrk_quantize(const float *x, int64_t tokens, int64_t columns, mrk_group *out) { chosen->quantize(x, tokens, columns, out); }
MRK_API void mrk_norm(const float *x, const float *weight, const float *bias, float eps, int64_t tokens, int64_t columns, float *y, mrk_group *out) {
  chosen->norm(x, weight, bias, eps, tokens, columns, y, out);
}
MRK_API void mrk_add(float *x, const float *y, float scale, int64_t count) { chosen->add(x, y, scale, count); }
MRK_API void mrk_gate(const float *x, int64_t kind, int64_t tokens, int64_t columns, mrk_group *out) { chosen->gate(x, kind, tokens, columns, out); }
MRK_API void mrk_rope_store(const float *qkv, int64_t row, const float *table, const mrk_rope *r, const mrk_cache *c, const mrk_spans *s, float *q) {
  chosen->rope(qkv, row, table, r, c, s, q);
}
MRK_API void mrk_attend(const float *q, int64_t heads, const mrk_cache *c, const mrk_spans *s, float *out) { chosen->attend(q, heads, c, s, out); }
MRK_API void mrk_embed(const mrk_weight *w, int64_t columns, const int64_t *ids, int64_t tokens, float *out) { chosen->embed(w, columns, ids, tokens, out); }
MRK_API void mrk_pack(const float *w, int64_t rows, int64_t columns, int64_t from, const mrk_weight *to) { chosen->pack(w, rows, columns, from, to); }

// Integers of the published row schemes (already widened: int8, -8..7 or -128..127) into blocks.
MRK_API void mrk_pack_integers(const int8_t *q, int64_t rows, int64_t columns, int64_t from, const mrk_weight *to) {
  int eight = to->scheme >= MRK_I8;
  int64_t wide = eight ? 512 : 256;
  for (int64_t r = 0; r < ((rows + MRK_ROWS - 1) / MRK_ROWS) * MRK_ROWS; r++) {
    uint8_t *block = (uint8_t *)(uintptr_t)to->data + (from + r) / MRK_ROWS * to->groups * wide;
    int64_t lane = (from + r) % MRK_ROWS;
    for (int64_t k = 0; k < to->groups * MRK_GROUP; k++) {
      int v = r < rows && k < columns ? q[r * columns + k] : 0;
      int64_t i = k % MRK_GROUP;
      uint8_t *g = block + k / MRK_GROUP * wide;
      if (eight) { g[i / 4 * 64 + lane * 4 + i % 4] = (uint8_t)(int8_t)v; continue; }
      uint8_t *b = g + i / 8 * 64 + lane * 4 + i % 4;
      *b = i % 8 < 4 ? (uint8_t)(v + 8) : (uint8_t)((*b & 15) | (v + 8) << 4);
    }
  }
}
