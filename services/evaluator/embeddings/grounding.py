"""Grounding of a line in its own headline: is it more similar to that than to the other headlines of the day?"""

from __future__ import annotations

from collections.abc import Sequence

from services.evaluator.embeddings.model import Embedder
from services.evaluator.scoring import win_share


def others(headline: str, peers: Sequence[str]) -> list[str]:
    """The peers without the headline itself, whatever its case and spaces, each once."""
    own = " ".join(headline.split()).casefold()
    return [peer for peer in dict.fromkeys(peers) if " ".join(peer.split()).casefold() != own]


def groundings(embedder: Embedder, headline: str, subjects: Sequence[str], peers: Sequence[str]) -> list[float] | None:
    """For each subject, the share of the other headlines that are less similar to it than its own, ties half.

    In [0, 1]: about .5 for a text unrelated to its headline, 0 for an empty one. Similarity is the
    cosine of sentence embeddings, rounded to 6 decimals. None if there is no other headline.
    """
    rest = others(headline, peers)
    if not rest:
        return None
    texts = sorted({subject for subject in subjects if subject})
    if not texts:
        return [0.0] * len(subjects)
    near = embedder.embed(texts) @ embedder.embed([headline, *rest]).T
    share_of = {
        text: win_share(round(float(row[0]), 6), [round(float(value), 6) for value in row[1:]])
        for text, row in zip(texts, near, strict=True)
    }
    return [share_of.get(subject, 0.0) for subject in subjects]
