"""Draws that depend on a seed and on what is drawn from, never on time or order. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def share_of(count: int, share: float) -> int:
    """How many of `count` a share in [0, 1] is: rounded to the nearest, ties up."""
    return int(count * share + 0.5)


def drawn(ids: Iterable[int], number: int, *seeds: object) -> set[int]:
    """At most `number` of the ids: those of the least SHA-256 over the seeds and the id."""
    return set(sorted(ids, key=lambda item: (_lot(item, seeds), item))[:number])


def _lot(item: int, seeds: tuple[object, ...]) -> bytes:
    return hashlib.sha256(":".join(map(str, (*seeds, item))).encode()).digest()
