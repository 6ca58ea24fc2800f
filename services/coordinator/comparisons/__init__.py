"""Checkpoint or run A against B, with bootstrap intervals."""
