"""Selection of a panel's headlines. Pure: it depends on dates and texts, not on stored ids."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """A headline that may be on a panel; `position` is its place in its day."""

    id: int
    date: dt.date
    position: int
    text_key: str


def hash_key(seed: int, candidate: Candidate) -> str:
    """The sampling key: SHA-256 over seed, date and text, the same in every database."""
    return hashlib.sha256(f"{seed}\n{candidate.date}\n{candidate.text_key}".encode()).hexdigest()


def seeded_sample(candidates: Sequence[Candidate], number: int, seed: int) -> list[Candidate]:
    """The `number` candidates with the lowest keys, one of each text, in order of date and position."""
    ordered = sorted(candidates, key=lambda candidate: (hash_key(seed, candidate), candidate.position))
    # Reversed, so that of equal texts the one with the lowest key stays.
    of_text = {candidate.text_key: candidate for candidate in reversed(ordered)}
    chosen = [candidate for candidate in ordered if of_text[candidate.text_key] is candidate][:number]
    return sorted(chosen, key=lambda candidate: (candidate.date, candidate.position))
