"""`plant-node setup`: from a fresh Raspberry Pi to a running node, question by question."""
