#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// One bit for each of 16 bytes that a JSON string scanner must look at: quote, backslash, control, not ASCII.
static inline uint32_t ck_json_string_mask(const uint8_t *p) {
#if defined(__SSE2__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
  __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
  __m128i other = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));  // signed: 0x80... counts as below
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), other));
#else
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++) {
    uint8_t c = p[i];
    mask |= (uint32_t)(c == '"' || c == '\\' || c < 0x20 || c >= 0x80) << i;
  }
  return mask;
#endif
}

/// Whether the `left` bytes at p begin with `length` (1...32) of `prefix`, which has 32; `mask` = one bit for each.
static inline int ck_begins(const uint8_t *p, size_t left, const uint8_t *prefix, size_t length, uint32_t mask) {
#if defined(__SSE2__)
  if (left >= 32) {
    __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)prefix));
    __m128i high =
        _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 16)), _mm_loadu_si128((const __m128i *)(prefix + 16)));
    uint32_t same = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
    return (same & mask) == mask;
  }
#endif
  (void)mask;
  return left >= length && memcmp(p, prefix, length) == 0;
}

#if defined(__SSE2__)
/// Whether all 16 bytes are of [A-Za-z0-9_-].
static inline int ck_is_slug16(const uint8_t *p) {
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i small = _mm_or_si128(v, _mm_set1_epi8(0x20));
  // Signed: 0x80... lies below everything.
  __m128i letter = _mm_and_si128(_mm_cmpgt_epi8(small, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(small, _mm_set1_epi8('z' + 1)));
  __m128i digit = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(v, _mm_set1_epi8('9' + 1)));
  __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('_')), _mm_cmpeq_epi8(v, _mm_set1_epi8('-')));
  return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), mark)) == 0xffff;
}
#endif

/// Whether all bytes are of [A-Za-z0-9_-].
static inline int ck_is_slug(const uint8_t *p, size_t n) {
#if defined(__SSE2__)
  if (n >= 16) {
    for (size_t i = 0; i + 16 <= n; i += 16)
      if (!ck_is_slug16(p + i)) return 0;
    return ck_is_slug16(p + n - 16);
  }
#endif
  uint8_t bad = 0;
  for (size_t i = 0; i < n; i++) {
    uint8_t c = p[i], l = c | 0x20;
    bad |= !((l >= 'a' && l <= 'z') | (c >= '0' && c <= '9') | (c == '_') | (c == '-'));
  }
  return !bad;
}

/// Asks for the cache line at p.
static inline void ck_prefetch(const void *p) { __builtin_prefetch(p); }
