// Only for the selftest: the instructions of AVX-512 VNNI and AVX-VNNI that the kernels use, spelled out, so that
// their logic can be checked on a processor that lacks them. What the compiler makes of the real ones is not.
typedef struct { int32_t i[16]; } emu512i;
typedef struct { float f[16]; } emu512;
#define EACH(expression) for (int k = 0; k < 16; k++) r.expression
INL int32_t emu_dot(int32_t sum, int32_t u, int32_t s) { // four unsigned bytes times four signed ones
  for (int k = 0; k < 4; k++) sum += (int32_t)((uint32_t)u >> 8 * k & 255) * (int8_t)((uint32_t)s >> 8 * k & 255);
  return sum;
}
INL emu512i emu_load(const void *p) { emu512i r; memcpy(&r, p, 64); return r; }
INL emu512i emu_set8(int x) { emu512i r; memset(&r, x, 64); return r; }
INL emu512i emu_set32(int32_t x) { emu512i r; EACH(i[k]) = x; return r; }
INL emu512i emu_and(emu512i a, emu512i b) { emu512i r; EACH(i[k]) = a.i[k] & b.i[k]; return r; }
INL emu512i emu_xor(emu512i a, emu512i b) { emu512i r; EACH(i[k]) = a.i[k] ^ b.i[k]; return r; }
INL emu512i emu_shift(emu512i a, int n) {
  emu512i r;
  uint16_t h[32];
  memcpy(h, &a, 64);
  for (int k = 0; k < 32; k++) h[k] = (uint16_t)(h[k] >> n);
  memcpy(&r, h, 64);
  return r;
}
INL emu512i emu_dpbusd(emu512i c, emu512i u, emu512i s) { emu512i r; EACH(i[k]) = emu_dot(c.i[k], u.i[k], s.i[k]); return r; }
INL emu512 emu_setf(float x) { emu512 r; EACH(f[k]) = x; return r; }
INL emu512 emu_mul(emu512 a, emu512 b) { emu512 r; EACH(f[k]) = a.f[k] * b.f[k]; return r; }
INL emu512 emu_fma(emu512 a, emu512 b, emu512 c) { emu512 r; EACH(f[k]) = fmaf(a.f[k], b.f[k], c.f[k]); return r; }
INL emu512 emu_float(emu512i a) { emu512 r; EACH(f[k]) = (float)a.i[k]; return r; }
INL emu512 emu_half(__m256i h) {
  uint16_t u[16];
  emu512 r;
  memcpy(u, &h, 32);
  EACH(f[k]) = half_to_float(u[k]);
  return r;
}
INL __m256i emu_dpbusd256(__m256i c, __m256i u, __m256i s) {
  int32_t x[8], y[8], z[8];
  memcpy(x, &c, 32), memcpy(y, &u, 32), memcpy(z, &s, 32);
  for (int k = 0; k < 8; k++) x[k] = emu_dot(x[k], y[k], z[k]);
  memcpy(&c, x, 32);
  return c;
}
#define __m512i emu512i
#define __m512 emu512
#define _mm512_loadu_si512 emu_load
#define _mm512_set1_epi8 emu_set8
#define _mm512_set1_epi32 emu_set32
#define _mm512_setzero_si512() emu_set32(0)
#define _mm512_and_si512 emu_and
#define _mm512_xor_si512 emu_xor
#define _mm512_srli_epi16 emu_shift
#define _mm512_dpbusd_epi32 emu_dpbusd
#define _mm512_set1_ps emu_setf
#define _mm512_setzero_ps() emu_setf(0.f)
#define _mm512_mul_ps emu_mul
#define _mm512_fmadd_ps emu_fma
#define _mm512_cvtepi32_ps emu_float
#define _mm512_cvtph_ps emu_half
#define _mm512_storeu_ps(p, v) memcpy(p, (v).f, 64)
#define _mm256_dpbusd_avx_epi32 emu_dpbusd256
