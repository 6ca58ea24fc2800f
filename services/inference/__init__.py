"""Sampling: the worker that samples forecasts, the syncer that loads checkpoints, and the CPU engine."""
