#pragma once

#include <poll.h>

// Linux calls that Swift does not see.

/// Attaches to the tun device (IP packets without a header) named `name` of the calling thread's network namespace; makes it
/// where it does not exist. Non-blocking and close-on-exec. Returns the descriptor, or -1 (errno says why).
int medmoe_open_tun(const char *name);

/// Moves the calling thread into the network namespace behind `descriptor` (a file of /run/netns). 0, or -1 (errno says why).
int medmoe_enter_network(int descriptor);

/// A pipe whose ends no other process inherits: `ends[0]` reads, `ends[1]` writes. 0, or -1 (errno says why).
int medmoe_pipe(int ends[2]);

/// poll(2) with a limit in nanoseconds; negative waits for ever. Returns what poll(2) returns.
int medmoe_poll(struct pollfd *descriptors, unsigned long count, long long nanoseconds);
