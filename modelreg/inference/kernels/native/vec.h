// Eight floats as one value, by the compiler's vector extension: the same order of operations on every processor, so
// that what is written with it gives the same bits in every variant but for fused multiply-add (MRK_FMA).
#include <math.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#define INL static inline __attribute__((always_inline))
typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef uint32_t v8u __attribute__((vector_size(32)));
typedef uint16_t v8h __attribute__((vector_size(16)));
typedef int8_t v8b __attribute__((vector_size(8)));

INL v8f ld8(const float *p) { v8f v; memcpy(&v, p, 32); return v; }
INL void st8(float *p, v8f v) { memcpy(p, &v, 32); }
INL v8f set8(float x) { return (v8f){x, x, x, x, x, x, x, x}; }
INL v8f pick8(v8i mask, v8f a, v8f b) { return (v8f)(((v8i)a & mask) | ((v8i)b & ~mask)); }
INL v8f max8(v8f a, v8f b) { return pick8(a > b, a, b); }
// A fixed tree: ((0+4)+(2+6)) + ((1+5)+(3+7)).
INL float sum8(v8f v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }
INL float top8(v8f v) {
  float m = v[0];
  for (int i = 1; i < 8; i++) m = v[i] > m ? v[i] : m;
  return m;
}

INL float half_to_float(uint16_t h) { // any float16, subnormals included
  uint32_t s = (uint32_t)(h & 0x8000) << 16, e = (h >> 10) & 31, m = h & 1023, bits;
  float f;
  if (e == 0) { f = (float)m * 0x1p-24f; memcpy(&bits, &f, 4); bits |= s; }
  else bits = s | (e == 31 ? 0x7f800000u | m << 13 : (e + 112) << 23 | m << 13);
  memcpy(&f, &bits, 4);
  return f;
}
INL uint16_t float_to_half(float f) { // nearest, ties to even; overflow to infinity
  uint32_t x, s, a;
  memcpy(&x, &f, 4);
  s = x >> 16 & 0x8000; a = x & 0x7fffffff;
  if (a > 0x7f800000) return (uint16_t)(s | 0x7e00);
  if (a >= 0x477ff000) return (uint16_t)(s | 0x7c00);
  if (a < 0x38800000) { // subnormal: the float unit rounds
    float t; memcpy(&t, &a, 4); t = t + 0.5f; // spacing of 2^-24 in [0.5, 1)
    uint32_t b; memcpy(&b, &t, 4);
    return (uint16_t)(s | (b - 0x3f000000));
  }
  return (uint16_t)(s | ((a + 0xfff + (a >> 13 & 1)) - 0x38000000) >> 13);
}
#if defined(__AVX2__)
INL v8f ldh8(const uint16_t *p) { return (v8f)_mm256_cvtph_ps(_mm_loadu_si128((const void *)p)); }
INL void sth8(uint16_t *p, v8f v) { _mm_storeu_si128((void *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT)); }
INL v8f fma8(v8f a, v8f b, v8f c) { return (v8f)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INL float fma1(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#elif defined(__aarch64__)
INL v8f ldh8(const uint16_t *p) {
  float32x4_t a = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))), b = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4)));
  v8f v; memcpy(&v, &a, 16); memcpy((char *)&v + 16, &b, 16);
  return v;
}
INL void sth8(uint16_t *p, v8f v) {
  float32x4_t a, b; memcpy(&a, &v, 16); memcpy(&b, (char *)&v + 16, 16);
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a))); vst1_u16(p + 4, vreinterpret_u16_f16(vcvt_f16_f32(b)));
}
INL v8f fma8(v8f a, v8f b, v8f c) {
  float32x4_t a0, a1, b0, b1, c0, c1;
  memcpy(&a0, &a, 16); memcpy(&a1, (char *)&a + 16, 16); memcpy(&b0, &b, 16); memcpy(&b1, (char *)&b + 16, 16);
  memcpy(&c0, &c, 16); memcpy(&c1, (char *)&c + 16, 16);
  c0 = vfmaq_f32(c0, a0, b0); c1 = vfmaq_f32(c1, a1, b1);
  memcpy(&c, &c0, 16); memcpy((char *)&c + 16, &c1, 16);
  return c;
}
INL float fma1(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
INL v8f ldh8(const uint16_t *p) { v8f v; for (int i = 0; i < 8; i++) v[i] = half_to_float(p[i]); return v; }
INL void sth8(uint16_t *p, v8f v) { for (int i = 0; i < 8; i++) p[i] = float_to_half(v[i]); }
INL v8f fma8(v8f a, v8f b, v8f c) { return a * b + c; } // rounds twice: the one difference between variants
INL float fma1(float a, float b, float c) { return a * b + c; }
#endif
INL v8f ldb8(const uint16_t *p) { v8h h; memcpy(&h, p, 16); return (v8f)(__builtin_convertvector(h, v8u) << 16); }
INL void stb8(uint16_t *p, v8f v) { // bfloat16, nearest, ties to even; NaN stays NaN
  v8u u = (v8u)v, r = (u + 0x7fff + (u >> 16 & 1)) >> 16, nan = (v8u)(v != v);
  v8h h = __builtin_convertvector((r & ~nan) | (nan & 0x7fc0), v8h);
  memcpy(p, &h, 16);
}

// exp of eight floats, relative error below 2e-7 for x >= -87 (below: about 1e-38), at most exp(88). NaN stays NaN.
// Range reduction by ln 2 in two parts, then a polynomial of degree 6 in the remainder.
// Source: Cody and Waite, "Software Manual for the Elementary Functions" (1980), chapter 6; Taylor coefficients.
INL v8f exp8(v8f x) {
  x = pick8(x > set8(88.f), set8(88.f), x);
  x = pick8(x < set8(-87.f), set8(-87.f), x);
  v8f n = x * set8(1.44269504f) + set8(12582912.f); // 1.5 * 2^23: the low bits hold the nearest integer
  v8i k = (v8i)n - 0x4b400000;
  n = n - set8(12582912.f);
  v8f r = (x - n * set8(0.693359375f)) + n * set8(2.12194440e-4f);
  v8f p = set8(1.f / 720.f);
  p = p * r + set8(1.f / 120.f);
  p = p * r + set8(1.f / 24.f);
  p = p * r + set8(1.f / 6.f);
  p = p * r + set8(0.5f);
  p = p * r + set8(1.f);
  p = p * r + set8(1.f);
  return p * (v8f)((k + 127) << 23);
}
INL float exp1(float x) { return exp8(set8(x))[0]; }
