#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Which of n cells of 14 bytes (weight f32, 4 bytes, time i48) may weigh least at `time`, roughly: places whose
/// logarithm to base 2 lies within `slack` of the lowest. All logarithms are in units of 2^-16, plus 127.
///
/// A positive float's bits are its logarithm in units of 2^-23, with a straight line between powers of 2. Decay takes
/// `rate` / 2^32 for each 256 ms.
///
/// Returns how many places were written; -1 where it cannot tell: more than 1,024 cells or `room` places, a weight that
/// is no normal number below 4, a time more than 8.7 years (2^30 units) from this one, a logarithm below `floor`.
static inline int ck_lightest(const uint8_t *cells, size_t n, int64_t time, uint32_t rate, int32_t floor, int32_t slack,
                              uint16_t *places, int room) {
  int32_t keys[1024 + 4];
  if (n == 0 || n > 1024) return -1;
  // Ages count from 2^30 units ahead, so that none is negative.
  uint64_t newest = (uint64_t)(time >> 8) + (1u << 30), ages = 0;
  uint32_t weights = 0;
  int32_t lowest = INT32_MAX;
  size_t i = 0;
#if defined(__SSE2__)
  __m128i rates = _mm_set1_epi64x((int64_t)(uint64_t)rate), from = _mm_set1_epi64x((int64_t)newest);
  __m128i least = _mm_set1_epi32(0x00800000), low = _mm_set1_epi32(INT32_MAX);
  __m128i anyAge = _mm_setzero_si128(), anyWeight = _mm_setzero_si128();
  for (; i + 4 <= n; i += 4) {
    const uint8_t *p = cells + 14 * i;
    __m128 w01 = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)p));
    __m128 w23 = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(p + 28)));
    __m128 t01 = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(p + 6)));
    __m128 t23 = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(p + 34)));
    w01 = _mm_loadh_pi(w01, (const __m64 *)(p + 14));
    w23 = _mm_loadh_pi(w23, (const __m64 *)(p + 42));
    t01 = _mm_loadh_pi(t01, (const __m64 *)(p + 20));
    t23 = _mm_loadh_pi(t23, (const __m64 *)(p + 48));
    __m128i weight = _mm_castps_si128(_mm_shuffle_ps(w01, w23, _MM_SHUFFLE(2, 0, 2, 0)));
    __m128i age01 = _mm_sub_epi64(from, _mm_srli_epi64(_mm_castps_si128(t01), 24));
    __m128i age23 = _mm_sub_epi64(from, _mm_srli_epi64(_mm_castps_si128(t23), 24));
    anyAge = _mm_or_si128(anyAge, _mm_or_si128(age01, age23));
    anyWeight = _mm_or_si128(anyWeight, _mm_sub_epi32(weight, least));
    __m128 lost01 = _mm_castsi128_ps(_mm_mul_epu32(age01, rates));
    __m128 lost23 = _mm_castsi128_ps(_mm_mul_epu32(age23, rates));
    __m128i lost = _mm_castps_si128(_mm_shuffle_ps(lost01, lost23, _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i key = _mm_sub_epi32(_mm_srli_epi32(weight, 7), lost);
    _mm_storeu_si128((__m128i *)(keys + i), key);
    __m128i above = _mm_cmpgt_epi32(low, key);
    low = _mm_or_si128(_mm_and_si128(above, key), _mm_andnot_si128(above, low));
  }
  int32_t lows[4];
  uint32_t offs[4];
  uint64_t spans[2];
  memcpy(lows, &low, 16);
  memcpy(offs, &anyWeight, 16);
  memcpy(spans, &anyAge, 16);
  for (int k = 0; k < 4; k++) {
    lowest = lows[k] < lowest ? lows[k] : lowest;
    weights |= offs[k];
  }
  ages = spans[0] | spans[1];
#endif
  for (; i < n; i++) {
    uint32_t weight;
    uint64_t at;
    memcpy(&weight, cells + 14 * i, 4);
    memcpy(&at, cells + 14 * i + 6, 8);
    uint64_t age = newest - (at >> 24);
    ages |= age;
    weights |= weight - 0x00800000u;
    keys[i] = (int32_t)((weight >> 7) - (uint32_t)((uint32_t)age * (uint64_t)rate >> 32));
    lowest = keys[i] < lowest ? keys[i] : lowest;
  }
  if (ages >> 31 || weights >> 30 || lowest < floor - (int32_t)(rate >> 2)) return -1;
  for (i = n; i < n + 4; i++) keys[i] = INT32_MAX;
  int32_t limit = lowest + slack;
  int found = 0;
  for (i = 0; i < n; i += 4) {
#if defined(__SSE2__)
    __m128i above = _mm_cmpgt_epi32(_mm_loadu_si128((const __m128i *)(keys + i)), _mm_set1_epi32(limit));
    if (_mm_movemask_epi8(above) == 0xffff) continue;
#endif
    for (size_t j = i; j < i + 4; j++) {
      if (keys[j] > limit) continue;
      if (found == room) return -1;
      places[found++] = (uint16_t)j;
    }
  }
  return found;
}
