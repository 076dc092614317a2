#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Logarithm to base 2 of a normal float by its bits, in units of 2^-16, plus 127: a straight line between powers of 2
/// and a cubic upon it, -2 to +86 units below the truth with the fraction's rounding.
static inline uint32_t ck_log2(uint32_t bits) {
  uint32_t f = bits >> 7 & 0xffff, bow = f * (65535 - f) >> 16;
  return (bits >> 7) + (bow * (27450 - (f * 10350 >> 16)) >> 16);
}

/// Logarithms to base 2, in units of 2^-16, plus 127, of what n cells of 14 bytes (weight f32, 4 bytes, time i48) weigh
/// 8.7 years (2^30 units of 256 ms) after `time`, roughly; behind them four of INT32_MAX.
///
/// Decay takes `rate` / 2^32 for each 256 ms.
///
/// False where it cannot tell: no cell or more than 1,024, a weight that is no normal number below 4, a time more than
/// 8.7 years from this one, a logarithm that is below `floor` at `time`.
static inline int ck_log_weights(const uint8_t *cells, size_t n, int64_t time, uint32_t rate, int32_t floor,
                                 int32_t *keys, int32_t *least_key) {
  if (n == 0 || n > 1024) return 0;
  // Ages count from 2^30 units ahead, so that none is negative.
  uint64_t newest = (uint64_t)(time >> 8) + (1u << 30), ages = 0;
  uint32_t weights = 0;
  int32_t lowest = INT32_MAX;
  size_t i = 0;
#if defined(__SSE2__)
  __m128i rates = _mm_set1_epi64x((int64_t)(uint64_t)rate), from = _mm_set1_epi64x((int64_t)newest);
  __m128i low16 = _mm_set1_epi32(0xffff), least = _mm_set1_epi32(0x00800000), low = _mm_set1_epi32(INT32_MAX);
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
    // ck_log2 in four lanes: no factor passes 16 bits.
    __m128i line = _mm_srli_epi32(weight, 7), f = _mm_and_si128(line, low16);
    __m128i bow = _mm_mulhi_epu16(f, _mm_sub_epi32(low16, f));
    __m128i slope = _mm_sub_epi32(_mm_set1_epi32(27450), _mm_mulhi_epu16(f, _mm_set1_epi32(10350)));
    __m128i key = _mm_sub_epi32(_mm_add_epi32(line, _mm_mulhi_epu16(bow, slope)), lost);
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
    keys[i] = (int32_t)(ck_log2(weight) - (uint32_t)((uint32_t)age * (uint64_t)rate >> 32));
    lowest = keys[i] < lowest ? keys[i] : lowest;
  }
  if (ages >> 31 || weights >> 30 || lowest < floor - (int32_t)(rate >> 2)) return 0;
  for (i = n; i < n + 4; i++) keys[i] = INT32_MAX;
  *least_key = lowest;
  return 1;
}

/// Which of those cells may weigh least: places whose logarithm lies within `slack` of the lowest.
///
/// Returns how many places were written; -1 where it cannot tell, or there are more than `room`.
static inline int ck_lightest(const uint8_t *cells, size_t n, int64_t time, uint32_t rate, int32_t floor, int32_t slack,
                              uint16_t *places, int room) {
  int32_t keys[1024 + 4], lowest;
  if (!ck_log_weights(cells, n, time, rate, floor, keys, &lowest)) return -1;
  int32_t limit = lowest + slack;
  int found = 0;
  for (size_t i = 0; i < n; i += 4) {
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

/// The `room` lightest of those cells, lightest first: their logarithms and places. All others have logarithms of at
/// least the last of them.
///
/// Returns how many there are; 0 where it cannot tell.
static inline int ck_lightest_few(const uint8_t *cells, size_t n, int64_t time, uint32_t rate, int32_t floor,
                                  int32_t *few, uint16_t *places, int room) {
  int32_t keys[1024 + 4], lowest;
  if (!ck_log_weights(cells, n, time, rate, floor, keys, &lowest)) return 0;
  int count = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t key = keys[i];
    if (count == room && key >= few[count - 1]) continue;
    int at = count < room ? count++ : count - 1;
    for (; at > 0 && few[at - 1] > key; at--) {
      few[at] = few[at - 1];
      places[at] = places[at - 1];
    }
    few[at] = key;
    places[at] = (uint16_t)i;
  }
  return count;
}
