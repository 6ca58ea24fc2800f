"""Whether a line is about its own headline: it must fit that better than the other headlines of the day."""

from __future__ import annotations

from collections.abc import Sequence

from services.evaluator.embeddings.model import Embedder
from services.evaluator.scoring import standing


def others(headline: str, peers: Sequence[str]) -> list[str]:
    """The peers without the headline itself, whatever its case and spaces, each once."""
    own = " ".join(headline.split()).casefold()
    return [peer for peer in dict.fromkeys(peers) if " ".join(peer.split()).casefold() != own]


def groundings(embedder: Embedder, headline: str, subjects: Sequence[str], peers: Sequence[str]) -> list[float] | None:
    """For each subject the share of the other headlines that it is less similar to than to its own, ties half.

    In [0, 1]: about .5 for a text that has nothing to do with its headline, 0 for one that is empty. Similarity is the
    cosine of sentence embeddings, rounded to 6 decimals. None if there is no other headline.
    """
    rest = others(headline, peers)
    if not rest:
        return None
    texts = sorted({subject for subject in subjects if subject})
    if not texts:
        return [0.0] * len(subjects)
    near = embedder.embed(texts) @ embedder.embed([headline, *rest]).T
    found = {
        text: standing(round(float(row[0]), 6), [round(float(value), 6) for value in row[1:]])
        for text, row in zip(texts, near, strict=True)
    }
    return [found.get(subject, 0.0) for subject in subjects]
