"""Decoding: requests in, one token for every row of a batch per step, finished sequences out."""
