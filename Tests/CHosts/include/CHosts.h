#pragma once

// Linux calls that Swift does not see.

/// Opens a new tun device (IP packets without a header) named `name` in the calling thread's network namespace.
/// Non-blocking and close-on-exec. Returns the descriptor, or -1 (errno says why).
int medmoe_open_tun(const char *name);

/// Moves the calling thread into the network namespace behind `descriptor` (a file of /run/netns). 0, or -1 (errno says why).
int medmoe_enter_network(int descriptor);
