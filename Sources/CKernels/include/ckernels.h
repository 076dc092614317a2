#pragma once
#include "ck_json.h"
#include "ck_lightest.h"
#include "ck_pages.h"
#include <stddef.h>
#include <stdint.h>

/// xxh3-64 of `count` bytes.
uint64_t ck_xxh3(const void *bytes, size_t count, uint64_t seed);
