"""The size of a rollout's token arrays in Parquet."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.coordinating.made_up import ANSWER_TOKENS, VOCABULARY

ROLLOUTS = 20_000


def bytes_per_rollout() -> dict[str, int]:
    """Bytes of each array per rollout, compressed with zstd; the values are random, hence upper bounds.

    Ids are 32-bit integers, uniform over the vocabulary; log-probabilities float32, as an engine computes them.
    """
    generator, shape = np.random.default_rng(1), (ROLLOUTS, ANSWER_TOKENS)
    arrays = {
        "token_ids": generator.integers(0, VOCABULARY, size=shape).astype(np.int32),
        "logprobs": -generator.exponential(1.0, size=shape).astype(np.float32),
        "forced": generator.random(shape) < 1 / 3,
    }
    return {name: _size(pa.table({name: pa.array(list(values))})) // ROLLOUTS for name, values in arrays.items()}


def _size(table: pa.Table) -> int:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.tell()
