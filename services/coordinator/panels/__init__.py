"""Held-out headlines that checkpoints are scored on."""
