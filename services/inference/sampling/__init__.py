"""Prompts and the decoding ladder, as the worker and the syncer use them."""
