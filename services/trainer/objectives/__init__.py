"""Losses: GSPO, SFT and KTO over stored rollouts."""
