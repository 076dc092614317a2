#pragma once
#include <stddef.h>

/// Zeroed memory at a 2 MiB border, in pages of 2 MiB where the kernel gives them; nil when there is none. `bytes` is
/// rounded up to 2 MiB.
void *ck_pages(size_t bytes);
/// Gives back what `ck_pages` gave for the same size.
void ck_pages_free(void *start, size_t bytes);
