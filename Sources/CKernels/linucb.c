#include "bandit.h"

// Vectors are passed between inlined functions only.
#pragma clang diagnostic ignored "-Wpsabi"
// Full unrolling is asked for where a block row is constant; the general dimension does without.
#pragma clang diagnostic ignored "-Wpass-failed"

extern const ck_bandit_kernels ck_bandit_plain;

#define VARIANT(x) base_##x
#define TARGET
#define LABEL "x86-64"
#define AVAILABLE 1
#include "linucb_body.h"

#if defined(__x86_64__)
#define VARIANT(x) v3_##x
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define LABEL "x86-64-v3"
#define AVAILABLE __builtin_cpu_supports("x86-64-v3")
#include "linucb_body.h"

#define VARIANT(x) v4_##x
#define TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define LABEL "x86-64-v4"
#define AVAILABLE __builtin_cpu_supports("x86-64-v4")
// Halves of a context stay in 16 registers of 32 bytes: measured .98 of the C yardstick's speed, 64 bytes .86.
#define SCORE v3_score
#include "linucb_body.h"
#endif

size_t ck_bandit_variants(void) {
#if defined(__x86_64__)
  return 4;
#else
  return 2;
#endif
}

const ck_bandit_kernels *ck_bandit_variant(size_t index) {
  switch (index) {
  case 0: return &ck_bandit_plain;
  case 1: return &base_table;
#if defined(__x86_64__)
  case 2: return &v3_table;
  case 3: return &v4_table;
#endif
  }
  return 0;
}

const ck_bandit_kernels *ck_bandit_best(void) {
  static const ck_bandit_kernels *chosen;
  const ck_bandit_kernels *best = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  if (best) return best;
  for (size_t i = ck_bandit_variants(); i-- > 1;) {
    best = ck_bandit_variant(i);
    if (best->available()) break;
  }
  __atomic_store_n(&chosen, best, __ATOMIC_RELAXED);
  return best;
}
