#include "demodata.h"

static const unsigned char events[] = {
#embed "kuairand.csv.gz"
};

const unsigned char *demo_events(void) { return events; }
size_t demo_events_count(void) { return sizeof events; }
