"""What a ranker is, what it is given, and how an order becomes places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.evaluator import scoring
from services.evaluator.scoring import Key
from services.evaluator.text.parsing import Reading
from shared.wire import GroupToScore


@dataclass(frozen=True)
class Pool:
    """The texts that are ordered together: a group's, and those of its reference if it has one."""

    group: GroupToScore
    readings: Sequence[Reading]
    reference: Sequence[Reading]
    outcomes: Sequence[str]

    @property
    def everyone(self) -> list[Reading]:
        """The group's texts, then the reference's."""
        return [*self.readings, *self.reference]


@dataclass(frozen=True)
class Standing:
    """A ranker's verdict on a group: one entry per rollout, in its order.

    `ranks` in [1, n] with 1 best, within the group; `normalized` and `semantic` (None from a ranker that does not
    compute it) in [0, 1].
    """

    ranks: list[float]
    normalized: list[float]
    semantic: list[float] | None = None


class Ranker(Protocol):
    """Orders a group by how well it fits what happened. Made anew for a task, from its context."""

    def rank(self, pool: Pool) -> Standing:
        """The group's standing, in the order of its rollouts. Depends on texts only, not on their positions."""
        ...

    def figures(self) -> dict[str, float]:
        """What it has to say about itself, over all groups it ranked."""
        ...


def standing_by(pool: Pool, keys: Sequence[Key], semantic: list[float] | None = None) -> Standing:
    """The standing of a group by the keys of `pool.everyone`.

    Identical texts always tie. A text without a claim of its own is below every other and its normalized score is 0.
    Any other's is its standing among the reference or, without one, among the rest of its group.
    """
    everyone = pool.everyone
    sorted_by = [key if reading.claim else () for key, reading in zip(keys, everyone, strict=True)]
    sorted_by = scoring.tied([reading.text for reading in everyone], sorted_by)
    own, others = sorted_by[: len(pool.readings)], sorted_by[len(pool.readings) :]
    ranks = scoring.places(own)
    if others:
        normalized = [scoring.standing(key, others) for key in own]
    else:
        normalized = [scoring.normalized_score(rank, len(own)) for rank in ranks]
    earned = [score if key else 0.0 for key, score in zip(own, normalized, strict=True)]
    return Standing(ranks, earned, semantic)
