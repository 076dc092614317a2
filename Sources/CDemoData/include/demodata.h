#pragma once
#include <stddef.h>

/// Viewing data of the demo, a gzipped CSV (ts_ms,user,video,play_ms,duration_ms,click,like).
/// 12,000 rows of KuaiRand-27K (Gao et al. 2022), CC BY-SA 4.0; see ATTRIBUTION.md.
const unsigned char *demo_events(void);
size_t demo_events_count(void);
