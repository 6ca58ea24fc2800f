"""Which headlines of a day a run uses, and why not the others. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

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
