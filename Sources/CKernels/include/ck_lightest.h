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
/// `rate` / 2^48 for each ms.
///
/// Returns how many places were written; -1 where it cannot tell: more than 1,024 cells or `room` places, a weight that
/// is no normal positive number, an age beyond `most` ms, a logarithm below `floor`.
static inline int ck_lightest(const uint8_t *cells, size_t n, int64_t time, int64_t rate, int64_t most, int32_t floor,
                              int32_t slack, uint16_t *places, int room) {
  int32_t keys[1024 + 4];
  if (n == 0 || n > 1024) return -1;
  int32_t lowest = INT32_MAX;
  int bad = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t weight;
    int64_t at;
    memcpy(&weight, cells + 14 * i, 4);
    memcpy(&at, cells + 14 * i + 6, 8);
    int64_t later = (int64_t)((uint64_t)(at >> 16) - (uint64_t)time);
    bad |= (uint64_t)later + (uint64_t)most > 2 * (uint64_t)most;
    bad |= weight - 0x00800000u >= 0x7f000000u;
    int32_t key = (int32_t)(weight >> 7) + (int32_t)((int64_t)((uint64_t)later * (uint64_t)rate) >> 32);
    keys[i] = key;
    lowest = key < lowest ? key : lowest;
  }
  if (bad || lowest < floor) return -1;
  for (size_t i = n; i < n + 4; i++) keys[i] = INT32_MAX;
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
