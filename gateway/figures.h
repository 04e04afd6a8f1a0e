/* gateway/figures.h: everything that the parts have counted, for Prometheus. */
#pragma once
#include "gateway/gateway.h"

/** Write the text exposition format. Any thread. */
void figures_write(struct gateway *g, struct buf *out);
