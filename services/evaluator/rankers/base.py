"""The ranker interface, its input (a pool of texts) and its output (a ranking), and ranking by keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.evaluator import scoring
from services.evaluator.scoring import Key
from services.evaluator.text.parsing import ParsedText
from shared.wire import GroupToScore


@dataclass(frozen=True)
class Pool:
    """The texts that are ranked together: a group's, and those of its reference if it has one."""

    group: GroupToScore
    texts: Sequence[ParsedText]
    reference: Sequence[ParsedText]
    outcomes: Sequence[str]

    @property
    def everyone(self) -> list[ParsedText]:
        """The group's texts, then the reference's."""
        return [*self.texts, *self.reference]


@dataclass(frozen=True)
class Ranking:
    """A ranker's result for a group: one entry per rollout, in its order.

    `ranks` in [1, n] with 1 best, within the group; `normalized` and `semantic` (None from a ranker that does not
    compute it) in [0, 1].
    """

    ranks: list[float]
    normalized: list[float]
    semantic: list[float] | None = None


class Ranker(Protocol):
    """Ranks a group by how well it fits the outcomes. Constructed anew for each task."""

    def rank(self, pool: Pool) -> Ranking:
        """The group's ranking, in the order of its rollouts. Depends on texts only, not on their positions.

        Raises InvalidInputError for a pool that lacks what the ranker compares with.
        """
        ...

    def figures(self) -> dict[str, float]:
        """The ranker's own figures over all groups that it ranked; none unless a ranker overrides this."""
        return {}


def ranking_by(pool: Pool, keys: Sequence[Key], semantic: list[float] | None = None) -> Ranking:
    """The ranking of a group by the keys of `pool.everyone`.

    Identical texts always tie. A text without a claim of its own is below every other and its normalized score is 0.
    Any other's is the share that it beats of the reference or, without one, of the rest of its group.
    """
    everyone = pool.everyone
    sorted_by = [key if parsed.claim else () for key, parsed in zip(keys, everyone, strict=True)]
    sorted_by = scoring.tied([parsed.text for parsed in everyone], sorted_by)
    own, others = sorted_by[: len(pool.texts)], sorted_by[len(pool.texts) :]
    ranks = scoring.places(own)
    if others:
        normalized = [scoring.win_share(key, others) for key in own]
    else:
        normalized = [scoring.normalized_score(rank, len(own)) for rank in ranks]
    earned = [score if key else 0.0 for key, score in zip(own, normalized, strict=True)]
    return Ranking(ranks, earned, semantic)
