"""Rollouts as a batch, and as packed tensors."""
