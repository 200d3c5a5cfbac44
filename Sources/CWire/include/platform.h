#pragma once
#include <stddef.h>
#include <stdint.h>

// Linux calls that Swift does not see (they need _GNU_SOURCE).

/// A non-blocking, close-on-exec event descriptor, or -1 (errno says why).
int medmoe_event_descriptor(void);

/// The process at the other end of a connected Unix socket (for a client: who listens), or 0 when it is not known.
int32_t medmoe_peer_process(int descriptor);

/// Gives the calling thread a name of at most 15 bytes, for debuggers and `top -H`.
void medmoe_name_thread(const char *name);

/// Lets a listening TCP socket take no further connections (their first packets are dropped, so that they try again later),
/// or take them again. Established connections go on. Returns 0, or -1 (errno says why).
int medmoe_close_gate(int listener);
int medmoe_open_gate(int listener);

/// The address of a connected socket's other end as text, `10.0.0.7:51234` or `[fe80::1]:51234`; empty when it has none
/// (any more).
void medmoe_peer_address(int descriptor, char text[64]);

/// Writes zeros that no optimiser removes.
void medmoe_wipe(void *bytes, size_t count);

/// A second descriptor of a socket, close-on-exec; -1 when `descriptor` is no TCP socket (any more).
int medmoe_hold_connection(int descriptor);

/// 1 when the other side of a connection has neither hung up nor reset it.
int medmoe_is_connected(int descriptor);

/// Lets this process open at least `count` descriptors, if it may. Returns how many it can open.
uint64_t medmoe_allow_descriptors(uint64_t count);
