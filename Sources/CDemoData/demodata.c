#include "demodata.h"

const unsigned char demo_events[] = {
#embed "kuairand.csv.gz"
};
const size_t demo_events_count = sizeof demo_events;
