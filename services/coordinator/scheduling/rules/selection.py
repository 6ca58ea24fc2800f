"""Which headlines of a day a run uses, and why not the others. Pure."""

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
class Choice:
    """The headlines that a day uses, in order, and those left out with their reason: late, stale, look_ahead, panel."""

    ids: list[int]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many were left out, by reason."""
        return dict(Counter(self.left_out.values()))


def choose(
    headlines: Sequence[DatedHeadline],
    config: RunConfig,
    trained_until: dt.datetime | None = None,
    held_out: Collection[int] = (),
) -> Choice:
    """The first `config.headlines` usable ones of a day, given in the day's order.

    Those `held_out` for the panel are left out. So are, under dates=enforce, flagged ones and, when lag >= 1, those
    published before `trained_until`, the newest publication that the day's policy has learned from.
    """
    limit = trained_until if config.lag >= 1 else None
    reasons = {h.id: _left_out(h, config, limit, held_out) for h in headlines}
    left_out = {str(headline_id): reason for headline_id, reason in reasons.items() if reason}
    return Choice([headline_id for headline_id, reason in reasons.items() if not reason][: config.headlines], left_out)


def _left_out(
    headline: DatedHeadline, config: RunConfig, limit: dt.datetime | None, held_out: Collection[int]
) -> str | None:
    if headline.id in held_out:
        return "panel"
    if config.dates == "warn":
        return None
    return headline.flag or ("look_ahead" if limit and headline.published_at < limit else None)


def chunks(items: Sequence[int], size: int) -> list[list[int]]:
    """`items` in order, in pieces of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def share_of(count: int, share: float) -> int:
    """How many of `count` a share in [0, 1] is: rounded to the nearest, ties up."""
    return int(count * share + 0.5)


def drawn(ids: Iterable[int], number: int, *seeds: object) -> set[int]:
    """At most `number` of the ids: those of the least SHA-256 over the seeds and the id."""
    return set(sorted(ids, key=lambda item: (_lot(item, seeds), item))[:number])


def _lot(item: int, seeds: tuple[object, ...]) -> bytes:
    return hashlib.sha256(":".join(map(str, (*seeds, item))).encode()).digest()


def b_arm(ids: Sequence[int], date: dt.date, config: RunConfig) -> list[int]:
    """The headlines of a day that run with `ab_profile`, in the day's order: a share drawn by seed, date and id."""
    chosen = drawn(ids, share_of(len(ids), config.ab_share), config.seed, "ab", date)
    return [headline_id for headline_id in ids if headline_id in chosen]


def arm_chunks(ids: Sequence[int], b: Collection[int], size: int) -> list[list[int]]:
    """`ids` in pieces of at most `size` that hold headlines of one arm only, those of the A arm first."""
    sides = ([i for i in ids if i not in b], [i for i in ids if i in b])
    return [piece for side in sides for piece in chunks(side, size)]


def step_profile(profile: str, decisions: Mapping[str, Any], items: Sequence[int]) -> str:
    """The profile of a generate step over these headlines: the day's, or the B arm's if they are of it."""
    ab = decisions.get("ab")
    return str(ab["profiles"][1]) if ab and items and items[0] in ab["headlines"] else profile
