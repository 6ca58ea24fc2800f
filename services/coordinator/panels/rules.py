"""Which headlines make a panel. Pure: a choice that depends on what the headlines are, not on how they are stored."""

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


def lot(seed: int, candidate: Candidate) -> str:
    """A headline's lot: SHA-256 over seed, date and text, the same in whatever database it lies."""
    return hashlib.sha256(f"{seed}\n{candidate.date}\n{candidate.text_key}".encode()).hexdigest()


def draw(candidates: Sequence[Candidate], number: int, seed: int) -> list[Candidate]:
    """The `number` candidates with the lowest lots, one of each text, in order of date and place."""
    lots = sorted(candidates, key=lambda candidate: (lot(seed, candidate), candidate.position))
    of_text = {candidate.text_key: candidate for candidate in reversed(lots)}
    chosen = [candidate for candidate in lots if of_text[candidate.text_key] is candidate][:number]
    return sorted(chosen, key=lambda candidate: (candidate.date, candidate.position))
