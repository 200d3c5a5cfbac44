#pragma once
#include <stdint.h>

// Linux calls that Swift does not see (they need _GNU_SOURCE).

/// A non-blocking, close-on-exec event descriptor, or -1 (errno says why).
int medmoe_event_descriptor(void);

/// The process at the other end of a connected Unix socket (for a client: who listens), or 0 when it is not known.
int32_t medmoe_peer_process(int descriptor);

/// Gives the calling thread a name of at most 15 bytes, for debuggers and `top -H`.
void medmoe_name_thread(const char *name);
