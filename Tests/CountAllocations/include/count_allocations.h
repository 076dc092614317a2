#pragma once
/// Counts what the calling thread asks the allocator for, from begin to end. In a sanitizer's build nothing is counted.
void count_allocations_begin(void);
/// How often memory was asked for since begin.
unsigned long count_allocations_end(void);
/// 1 where allocations are counted at all.
int count_allocations_works(void);
