"""The plan of a run: its days, the policy that predicts each, the number of steps. Pure."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.coordinator.corpora.rules.headlines import DayCount
from services.coordinator.prices.rules import Span
from services.coordinator.scheduling.rules.maturity import due, needs_prices, settled_by, waits_for
from services.coordinator.scheduling.rules.roles import config_of, scored_places
from services.coordinator.scheduling.rules.selection import Selection, share_of
from services.coordinator.states import Role
from shared.errors import InvalidInputError
from shared.run_config import RunConfig
from shared.wire import StepKind


def usable(day: DayCount, config: RunConfig) -> int:
    """Headlines of a corpus' day that a run under `config.dates` may use."""
    return day.headlines - (day.late + day.stale if config.dates == "enforce" else 0)


@dataclass(frozen=True)
class PlannedDay:
    """A date of a run. `position` counts the days that are not skipped from 0; `reason` says why one is skipped.

    `policy` is the date whose checkpoint predicts this day; None means the model that the run begins with. A day of
    the chain without `outcome_date` matures once the corpus reaches so far.
    """

    date: dt.date
    headlines: int
    position: int | None = None
    outcome_date: dt.date | None = None
    policy: dt.date | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ChainDay:
    """A chain day as the choice of policy days sees it. `settled_by` is None while its outcome date is unknown."""

    date: dt.date
    settled_by: dt.date | None


def policy_dates(chain: Sequence[ChainDay], config: RunConfig) -> list[dt.date | None]:
    """For each day of a run's chain, the newest day at least 1 + lag before it whose checkpoint may predict it.

    Under lag >= 1 that day's outcomes must be dated before the predicted day. None stands for the model that the run
    begins with: the base, or its warm start.
    """
    if not config.train:
        return [None] * len(chain)
    return [_policy_date(chain, place, config.lag) for place in range(len(chain))]


def _policy_date(chain: Sequence[ChainDay], place: int, lag: int) -> dt.date | None:
    for earlier in reversed(chain[: max(place - lag, 0)]):
        if lag == 0 or (earlier.settled_by is not None and earlier.settled_by < chain[place].date):
            return earlier.date
    return None


def plan(
    days: Sequence[DayCount],
    first: dt.date | None,
    last: dt.date | None,
    config: RunConfig,
    *,
    held_out: Mapping[dt.date, int] | None = None,
    spans: Sequence[Span] = (),
) -> list[PlannedDay]:
    """The days of a run over `first` to `last` (the corpus' ends when None), skipped ones with their reason.

    Dates within the range that the corpus has no headlines of are part of the plan, as skipped days. `held_out` counts
    the usable headlines of a date that the panel keeps back; `spans` are those of the run's price set.
    Raises InvalidInputError if the corpus has no day in the range.
    """
    dates = _dates(days, first, last)
    calendar = sorted(day.date for day in days if usable(day, config))
    corpus = {day.date: day for day in days}
    kept_back = held_out or {}
    drafts = [_draft(date, corpus.get(date), calendar, config, kept_back.get(date, 0), spans) for date in dates]
    chain = [ChainDay(day.date, settled_by(day.date, day.outcome_date, config)) for day in drafts if not day.reason]
    policy = dict(zip((day.date for day in chain), policy_dates(chain, config), strict=True))
    position = {day.date: place for place, day in enumerate(chain)}
    return [
        PlannedDay(day.date, day.headlines, position.get(day.date), day.outcome_date, policy.get(day.date), day.reason)
        for day in drafts
    ]


def _dates(days: Sequence[DayCount], first: dt.date | None, last: dt.date | None) -> list[dt.date]:
    if not days:
        raise InvalidInputError("corpus: it has no headlines; import some first")
    if first and last and first > last:
        raise InvalidInputError(f"from: {first} lies after to ({last}); swap them")
    dates = [day.date for day in days]
    low, high = max(first or min(dates), min(dates)), min(last or max(dates), max(dates))
    if not any(low <= date <= high for date in dates):
        raise InvalidInputError(
            f"from, to: the corpus has no day from {first or 'its start'} to {last or 'its end'}; "
            f"its days lie from {min(dates)} to {max(dates)}"
        )
    return [low + dt.timedelta(days=offset) for offset in range((high - low).days + 1)]


def outcome_day(date: dt.date, calendar: Sequence[dt.date], config: RunConfig) -> dt.date | None:
    """The first day of a calendar, ascending, that can settle a forecast of a date."""
    after = bisect_left(calendar, due(date, config))
    return calendar[after] if after < len(calendar) else None


def _draft(
    date: dt.date,
    day: DayCount | None,
    calendar: Sequence[dt.date],
    config: RunConfig,
    held_out: int,
    spans: Sequence[Span],
) -> PlannedDay:
    if day is None:
        return PlannedDay(date, 0, reason="the corpus has no headlines of this day")
    outcome = outcome_day(date, calendar, config)
    if not usable(day, config):
        flags = ", ".join(f"{n} {flag}" for flag, n in (("late", day.late), ("stale", day.stale)) if n)
        cure = "import with --dates regroup, or set dates=warn"
        return PlannedDay(date, 0, outcome_date=outcome, reason=f"no headline has a sound date ({flags}); {cure}")
    left = usable(day, config) - held_out
    if left <= 0:
        return PlannedDay(date, 0, outcome_date=outcome, reason="its headlines are all held out for the panel")
    headlines = min(left, config.headlines or left)
    return PlannedDay(date, headlines, outcome_date=outcome, reason=_unsettled(date, outcome, config, spans))


def _unsettled(date: dt.date, outcome: dt.date | None, config: RunConfig, spans: Sequence[Span]) -> str | None:
    """The reason to skip a day that cannot be settled; None if it can be, or under unsettled=wait."""
    if config.unsettled == "wait":
        return None
    if outcome is None:
        horizon = f"(horizon {config.horizon})"
        return f"no day of the corpus from {due(date, config)} on can settle its forecasts {horizon}"
    missing = waits_for(date, outcome, config, spans) if needs_prices(config) else None
    return f"its forecasts cannot be settled without {missing}, or set unsettled=wait" if missing else None


def step_counts(days: Iterable[tuple[Role, int]], config: RunConfig) -> dict[StepKind, int]:
    """Steps of each kind that days will cost, each given by its role and its number of headlines (>= 0).

    A generate step has headlines of one arm only, so that a day with two arms may cost one step more.
    """
    counts: dict[StepKind, int] = {"generate": 0, "evaluate": 0, "train": 0}
    for role, headlines in days:
        own = config_of(role, config)
        in_b = share_of(headlines, own.ab_share)
        counts["generate"] += _chunk_count(headlines - in_b, own.generate_chunk)
        counts["generate"] += _chunk_count(in_b, own.generate_chunk)
        counts["evaluate"] += _chunk_count(headlines, own.evaluate_chunk)
        counts["train"] += bool(headlines) and (role == "warm_start" or (role == "chain" and config.train))
    return counts


def _chunk_count(items: int, size: int) -> int:
    return -(-items // size)


ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class RunPlan:
    """The plan of a run: its chain days with the headlines of each, its panel and its warm start.

    `panel` and `warm_start` are headline ids, empty if the run has none; the panel is settled by `panel_outcome`.
    """

    days: Sequence[PlannedDay]
    selections: Mapping[dt.date, Selection]
    panel: list[int] = field(default_factory=list)
    panel_outcome: dt.date | None = None
    warm_start: list[int] = field(default_factory=list)

    @property
    def chain(self) -> list[PlannedDay]:
        """The days that are not skipped, in order."""
        return [day for day in self.days if not day.reason]

    @property
    def first_outcome(self) -> dt.date:
        """The first day of the chain: its headlines are the outcomes that come after a warm start."""
        return self.chain[0].date

    @property
    def warm_date(self) -> dt.date:
        """The date of the warm start, the day before the first."""
        return self.days[0].date - ONE_DAY

    @property
    def base_date(self) -> dt.date:
        """The date under which the base model is scored on the panel: the day before everything else."""
        return self.warm_date - ONE_DAY if self.warm_start else self.warm_date

    def scored(self, config: RunConfig) -> list[dt.date]:
        """The dates of the chain whose checkpoints are scored on the panel."""
        chain = self.chain
        return [chain[place].date for place in scored_places(len(chain), config.panel_every)] if config.train else []

    def panel_days(self, config: RunConfig) -> int:
        """Number of policies that are scored on the panel: the base, the warm start, and checkpoints of the chain."""
        return 1 + bool(self.warm_start) + len(self.scored(config)) if self.panel else 0

    def steps(self, config: RunConfig) -> dict[StepKind, int]:
        """Steps of each kind that all days will cost."""
        chain: list[tuple[Role, int]] = [("chain", day.headlines) for day in self.chain]
        panel: list[tuple[Role, int]] = [("panel", len(self.panel))] * self.panel_days(config)
        return step_counts([*chain, *panel, ("warm_start", len(self.warm_start))], config)
