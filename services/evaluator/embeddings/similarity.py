"""Similarity of claims to the outcomes, by sentence embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from services.evaluator.embeddings.model import Embedder, Vectors
from services.evaluator.scoring import beyond_headline, semantic_score


@dataclass(frozen=True)
class Similarity:
    """A claim's `semantic` score in [0, 1], and its similarity `beyond` its headline, in [0, 1]."""

    semantic: float
    beyond: float


NOTHING = Similarity(0.0, 0.0)
"""The similarity of a text without a claim of its own."""


def best_cosines(vectors: Vectors, outcomes: Vectors) -> list[float]:
    """For each vector of (n, d), of length ≤ 1, its highest product with unit vectors (m, d), m ≥ 1; in [−1, 1]."""
    return [float(best) for best in np.clip((vectors @ outcomes.T).max(axis=1), -1.0, 1.0)]


def similarities(
    embedder: Embedder, headline: str, claims: Iterable[str], outcomes: Sequence[str]
) -> dict[str, Similarity]:
    """The similarity of each claim that is not empty to one or more outcomes. Source: docs/scoring.md, "semantic"."""
    texts = sorted({claim for claim in claims if claim})
    vectors, targets = embedder.embed([headline, *texts]), embedder.embed(outcomes)
    of_headline, *best = best_cosines(vectors, targets)
    relevance = vectors[1:] @ vectors[0]
    residuals = best_cosines(vectors[1:] - relevance[:, None] * vectors[0], targets)
    return {
        claim: Similarity(semantic_score(cosine, of_headline), beyond_headline(float(near), residual))
        for claim, cosine, near, residual in zip(texts, best, relevance, residuals, strict=True)
    }
