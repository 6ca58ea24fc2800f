"""Training: one update per day, in a process of its own, and the checkpoint that it publishes."""
