"""Selection of a day's headlines, seeded sampling, A/B split, chunks. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.coordinator.corpora.rules.headlines import DatedHeadline
from shared.run_config import RunConfig


@dataclass(frozen=True)
class Selection:
    """A day's usable headline ids in order, and those left out by id: late, stale, look_ahead or panel."""

    ids: list[int]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Number of left-out headlines by reason."""
        return dict(Counter(self.left_out.values()))


def select_headlines(
    headlines: Sequence[DatedHeadline],
    config: RunConfig,
    trained_until: dt.datetime | None = None,
    held_out: Collection[int] = (),
) -> Selection:
    """The first `config.headlines` usable ones of a day, given in the day's order.

    Those `held_out` for the panel are left out. So are, under dates=enforce, flagged ones and, when lag >= 1, those
    published before `trained_until`, the newest publication that the day's policy has learned from.
    """
    # Under lag 0 a policy has learned from the day it predicts: the run has chosen to look ahead.
    learned_until = trained_until if config.lag >= 1 else None
    reasons = {h.id: _left_out(h, config, learned_until, held_out) for h in headlines}
    left_out = {str(headline_id): reason for headline_id, reason in reasons.items() if reason}
    return Selection(
        [headline_id for headline_id, reason in reasons.items() if not reason][: config.headlines], left_out
    )


def _left_out(
    headline: DatedHeadline, config: RunConfig, learned_until: dt.datetime | None, held_out: Collection[int]
) -> str | None:
    if headline.id in held_out:
        return "panel"
    if config.dates == "warn":
        return None
    return headline.flag or ("look_ahead" if learned_until and headline.published_at < learned_until else None)


def chunks(items: Sequence[int], size: int) -> list[list[int]]:
    """`items` in order, in chunks of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def share_of(count: int, share: float) -> int:
    """`share` in [0, 1] of `count`, rounded to the nearest whole number, ties up."""
    return int(count * share + 0.5)


def seeded_sample(ids: Iterable[int], number: int, *seeds: object) -> set[int]:
    """A reproducible sample of at most `number` ids: those with the lowest SHA-256 of the seeds and the id.

    An id that joins changes at most one place of the sample, unlike a shuffle.
    """
    return set(sorted(ids, key=lambda item: (_hash_key(item, seeds), item))[:number])


def _hash_key(item: int, seeds: tuple[object, ...]) -> bytes:
    return hashlib.sha256(":".join(map(str, (*seeds, item))).encode()).digest()


def ab_split(ids: Sequence[int], date: dt.date, config: RunConfig) -> list[int]:
    """The ids of the B arm, which samples with `ab_profile`, in the day's order: a share sampled by seed and date."""
    sampled = seeded_sample(ids, share_of(len(ids), config.ab_share), config.seed, "ab", date)
    return [headline_id for headline_id in ids if headline_id in sampled]


def arm_chunks(ids: Sequence[int], b: Collection[int], size: int) -> list[list[int]]:
    """`ids` in chunks of at most `size`, each of one arm only, those of the A arm first."""
    arms = ([i for i in ids if i not in b], [i for i in ids if i in b])
    return [chunk for arm in arms for chunk in chunks(arm, size)]


def step_profile(profile: str, decisions: Mapping[str, Any], items: Sequence[int]) -> str:
    """The profile of a generate step over these headline ids: the day's, or the B arm's if they belong to it."""
    ab = decisions.get("ab")
    return str(ab["profiles"][1]) if ab and items and items[0] in ab["headlines"] else profile
