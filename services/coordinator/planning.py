"""What a run will do. Pure: which days it has, whose policy predicts each, which headlines each uses."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.coordinator.corpus import DayCount
from shared.errors import InvalidInputError
from shared.run_config import HORIZON_DAYS, RunConfig
from shared.wire import StepKind


def usable(day: DayCount, config: RunConfig) -> int:
    """Headlines of a corpus' day that a run under `config.dates` may use."""
    return day.headlines - (day.late + day.stale if config.dates == "enforce" else 0)


@dataclass(frozen=True)
class PlannedDay:
    """A date of a run. `position` counts the days that are not skipped from 0; `reason` says why one is skipped.

    `policy` is the date whose checkpoint predicts this day; None means the base model.
    """

    date: dt.date
    headlines: int
    position: int | None = None
    outcome_date: dt.date | None = None
    policy: dt.date | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Link:
    """What the choice of a policy day looks at."""

    date: dt.date
    outcome_date: dt.date


def policy_dates(chain: Sequence[Link], config: RunConfig) -> list[dt.date | None]:
    """For each day of a run's chain, the newest day at least 1 + lag before it whose checkpoint may predict it.

    Under lag >= 1 that day's outcomes must be dated before the predicted day. None stands for the base model.
    """
    if not config.train:
        return [None] * len(chain)
    return [_policy_date(chain, place, config.lag) for place in range(len(chain))]


def _policy_date(chain: Sequence[Link], place: int, lag: int) -> dt.date | None:
    for link in reversed(chain[: max(place - lag, 0)]):
        if lag == 0 or link.outcome_date < chain[place].date:
            return link.date
    return None


def plan(days: Sequence[DayCount], first: dt.date | None, last: dt.date | None, config: RunConfig) -> list[PlannedDay]:
    """The days of a run over `first` to `last` (the corpus' ends when None), skipped ones with their reason.

    Dates within the range that the corpus has no headlines of are part of the plan, as skipped days.
    Raises InvalidInputError if the range holds no day of the corpus.
    """
    dates = _dates(days, first, last)
    calendar = sorted(day.date for day in days if usable(day, config))
    corpus = {day.date: day for day in days}
    drafts = [_draft(date, corpus.get(date), calendar, config) for date in dates]
    chain = [Link(day.date, day.outcome_date) for day in drafts if day.outcome_date and not day.reason]
    policy = dict(zip((link.date for link in chain), policy_dates(chain, config), strict=True))
    position = {link.date: place for place, link in enumerate(chain)}
    return [
        PlannedDay(day.date, day.headlines, position.get(day.date), day.outcome_date, policy.get(day.date), day.reason)
        for day in drafts
    ]


def _dates(days: Sequence[DayCount], first: dt.date | None, last: dt.date | None) -> list[dt.date]:
    if not days:
        raise InvalidInputError("corpus: it holds no headlines; import some first")
    if first and last and first > last:
        raise InvalidInputError(f"from: {first} lies after to ({last}); swap them")
    known = [day.date for day in days]
    low, high = max(first or min(known), min(known)), min(last or max(known), max(known))
    if not any(low <= date <= high for date in known):
        raise InvalidInputError(
            f"from, to: the corpus has no day from {first or 'its start'} to {last or 'its end'}; "
            f"its days lie from {min(known)} to {max(known)}"
        )
    return [low + dt.timedelta(days=offset) for offset in range((high - low).days + 1)]


def _draft(date: dt.date, day: DayCount | None, calendar: Sequence[dt.date], config: RunConfig) -> PlannedDay:
    if day is None:
        return PlannedDay(date, 0, reason="the corpus has no headlines of this day")
    earliest = date + dt.timedelta(days=HORIZON_DAYS[config.horizon])
    after = bisect_left(calendar, earliest)
    outcome = calendar[after] if after < len(calendar) else None
    if not usable(day, config):
        flags = ", ".join(f"{n} {flag}" for flag, n in (("late", day.late), ("stale", day.stale)) if n)
        cure = "import with --dates regroup, or set dates=warn"
        return PlannedDay(date, 0, outcome_date=outcome, reason=f"no headline has a sound date ({flags}); {cure}")
    headlines = min(usable(day, config), config.headlines or day.headlines)
    if outcome is None:
        reason = f"no day of the corpus from {earliest} on can settle its forecasts (horizon {config.horizon})"
        return PlannedDay(date, headlines, reason=reason)
    return PlannedDay(date, headlines, outcome_date=outcome)


def step_counts(headlines: Iterable[int], config: RunConfig) -> dict[StepKind, int]:
    """Steps of each kind that days with these numbers of headlines will cost."""
    counts = [count for count in headlines if count]
    return {
        "generate": sum(-(-count // config.generate_chunk) for count in counts),
        "evaluate": sum(-(-count // config.evaluate_chunk) for count in counts),
        "train": len(counts) if config.train else 0,
    }


def chunks(items: Sequence[int], size: int) -> list[list[int]]:
    """`items` in order, in pieces of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


@dataclass(frozen=True)
class DatedHeadline:
    """A headline as the choice sees it. `flag`: late, stale, or None if its date is sound."""

    id: int
    flag: str | None
    published_at: dt.datetime


@dataclass(frozen=True)
class Choice:
    """The headlines that a day uses, in order, and those left out with their reason: late, stale or look_ahead."""

    ids: list[int]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many were left out, by reason."""
        return dict(Counter(self.left_out.values()))


def choose(headlines: Sequence[DatedHeadline], config: RunConfig, trained_until: dt.datetime | None = None) -> Choice:
    """The first `config.headlines` usable ones of a day, given in the day's order.

    Under dates=enforce flagged ones are left out and, when lag >= 1, those published before `trained_until`, the
    newest publication that the day's policy has learned from.
    """
    if config.dates == "warn":
        return Choice([headline.id for headline in headlines][: config.headlines])
    limit = trained_until if config.lag >= 1 else None
    left_out = {str(h.id): h.flag for h in headlines if h.flag}
    early = {str(h.id): "look_ahead" for h in headlines if not h.flag and limit and h.published_at < limit}
    left_out |= early
    return Choice([h.id for h in headlines if str(h.id) not in left_out][: config.headlines], left_out)
