#pragma once
#include <stdint.h>
/// Milliseconds of the wall clock since 1970.
int64_t csys_wall_ms(void);
/// Nanoseconds of the monotonic clock.
int64_t csys_monotonic_ns(void);
