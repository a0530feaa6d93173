"""The demonstration: a backend and two simulated nodes, seen through the public API alone."""
