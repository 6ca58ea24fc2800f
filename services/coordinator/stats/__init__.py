"""Statistics without I/O: bootstrap intervals, means, ranks, diversity of texts."""
