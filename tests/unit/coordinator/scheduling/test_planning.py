"""The plan of a run: its days, their policies, their headlines, the number of steps."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.corpora.rules.headlines import DayCount
from services.coordinator.prices.rules import Span
from services.coordinator.scheduling.rules.planning import ChainDay, PlannedDay, plan, policy_dates, step_counts
from services.coordinator.scheduling.rules.selection import chunks
from services.coordinator.states import Role
from shared.errors import InvalidInputError
from shared.run_config import RunConfig

START = dt.date(2025, 8, 1)


def date(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def counts(*numbers: int, headlines: int = 3) -> list[DayCount]:
    return [DayCount(date(number), headlines, 0, 0) for number in numbers]


def policies(days: list[PlannedDay]) -> list[int | None]:
    return [None if day.policy is None else (day.policy - START).days for day in days if not day.reason]


@pytest.mark.parametrize(
    ("lag", "expected"),
    [(0, [None, 0, 1, 2, 3]), (1, [None, None, 0, 1, 2]), (2, [None, None, None, 0, 1]), (9, [None] * 5)],
)
def test_the_policy_day_lies_one_plus_lag_before(lag: int, expected: list[int | None]) -> None:
    assert policies(plan(counts(*range(6)), date(0), date(4), RunConfig(lag=lag))) == expected


def test_without_training_every_day_is_the_base_models() -> None:
    assert policies(plan(counts(*range(6)), None, None, RunConfig(train=False))) == [None] * 5


def test_a_weekly_horizon_pushes_the_policy_back_until_its_outcomes_lie_before_the_day() -> None:
    days = plan(counts(*range(20)), date(0), date(12), RunConfig(horizon="1w"))
    assert [day.outcome_date for day in days[:3]] == [date(7), date(8), date(9)]
    # Day 0 is settled on day 7, so day 8 is the first whose headlines all come later.
    assert policies(days) == [None] * 8 + [0, 1, 2, 3, 4]


def test_the_outcome_day_is_the_next_of_the_corpus_at_least_the_horizon_away() -> None:
    days = plan(counts(0, 1, 4, 9), None, None, RunConfig())
    assert [day.outcome_date for day in days if day.headlines] == [date(1), date(4), date(9), None]


def test_day_that_cannot_be_settled_is_skipped_with_its_reason() -> None:
    last = plan(counts(0, 1), None, None, RunConfig())[-1]
    assert last.position is None
    assert last.reason == "no day of the corpus from 2025-08-03 on can settle its forecasts (horizon 1d)"


def test_dates_within_the_range_without_headlines_are_skipped_days() -> None:
    days = plan(counts(0, 3, 4), None, None, RunConfig())
    assert [(day.position, day.reason) for day in days[:4]] == [
        (0, None),
        (None, "the corpus has no headlines of this day"),
        (None, "the corpus has no headlines of this day"),
        (1, None),
    ]


def test_days_whose_headlines_all_have_false_dates_are_skipped_under_enforce_only() -> None:
    days = [DayCount(date(0), 5, 3, 2), *counts(1, 2)]
    enforced, warned = (plan(days, None, date(1), RunConfig(dates=dates)) for dates in ("enforce", "warn"))
    assert enforced[0].reason == (
        "no headline has a sound date (3 late, 2 stale); import with --dates regroup, or set dates=warn"
    )
    assert warned[0].reason is None
    assert (enforced[0].headlines, warned[0].headlines) == (0, 5)


def test_a_day_of_false_dates_settles_nothing_under_enforce() -> None:
    days = [*counts(0), DayCount(date(1), 2, 2, 0), *counts(2)]
    assert plan(days, None, date(0), RunConfig())[0].outcome_date == date(2)
    assert plan(days, None, date(0), RunConfig(dates="warn"))[0].outcome_date == date(1)


def test_skipped_days_do_not_count_in_the_lag() -> None:
    days = plan(counts(0, 2, 4, 6, 7), None, date(6), RunConfig(lag=1))
    assert policies(days) == [None, None, 0, 2]


def test_the_range_is_cut_to_the_corpus() -> None:
    days = plan(counts(0, 1, 2), date(-400), date(400), RunConfig())
    assert [day.date for day in days] == [date(0), date(1), date(2)]


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (3, 1, "from: 2025-08-04 lies after to"),
        (10, 12, "the corpus has no day from 2025-08-11 to 2025-08-13; its days lie from 2025-08-01 to 2025-08-06"),
        (2, 4, "from, to: the corpus has no day"),
    ],
)
def test_a_range_without_days_is_refused(first: int, last: int, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        plan(counts(0, 1, 5), date(first), date(last), RunConfig())


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="it has no headlines"):
        plan([], None, None, RunConfig())


def test_at_most_the_configured_number_of_headlines_is_used() -> None:
    days = plan(counts(0, 1, headlines=10), None, None, RunConfig(headlines=4))
    assert days[0].headlines == 4


def test_steps_are_counted_by_chunk() -> None:
    config = RunConfig(generate_chunk=4, evaluate_chunk=16)
    days: list[tuple[Role, int]] = [("chain", 3), ("chain", 0), ("chain", 17)]
    assert step_counts(days, config) == {"generate": 1 + 5, "evaluate": 1 + 2, "train": 2}


def test_only_a_warm_start_is_trained_in_a_run_without_training() -> None:
    days: list[tuple[Role, int]] = [("chain", 3), ("panel", 3), ("warm_start", 3)]
    assert step_counts(days, RunConfig(train=False))["train"] == 1
    assert step_counts(days, RunConfig())["train"] == 2


def test_the_arms_of_a_day_and_the_panel_cost_steps_of_their_own() -> None:
    config = RunConfig(generate_chunk=4, evaluate_chunk=16, ab_share=0.25)
    days: list[tuple[Role, int]] = [("chain", 8), ("panel", 5), ("panel", 5)]
    assert step_counts(days, config) == {"generate": 2 + 1 + 2 + 2, "evaluate": 1 + 1 + 1, "train": 1}


def test_chunks_keep_the_order() -> None:
    assert chunks([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert chunks([], 2) == []


def test_run_under_unsettled_wait_keeps_days_without_outcomes() -> None:
    days = plan(counts(*range(4)), None, None, RunConfig(horizon="1w", unsettled="wait"))
    assert [(day.position, day.outcome_date, day.policy, day.reason) for day in days] == [
        (place, None, None, None) for place in range(4)
    ]


def test_unsettled_day_is_no_policy_day() -> None:
    chain = [ChainDay(date(0), date(1)), ChainDay(date(1), None), ChainDay(date(2), None), ChainDay(date(3), None)]
    assert policy_dates(chain, RunConfig(unsettled="wait")) == [None, None, date(0), date(0)]


def test_headlines_that_are_held_out_do_not_count() -> None:
    days = plan(counts(0, 1, 2), None, date(1), RunConfig(), held_out={date(0): 1, date(1): 3})
    assert [(day.headlines, day.reason) for day in days] == [
        (2, None),
        (0, "its headlines are all held out for the panel"),
    ]
    assert days[0].outcome_date == date(1)


def test_day_without_closes_is_skipped_or_waits() -> None:
    reach = [Span("SPY", date(-9), date(3))]
    skips, waits = (
        plan(counts(*range(6)), None, date(4), RunConfig.model_validate(SETTLING | {"unsettled": how}), spans=reach)
        for how in ("skip", "wait")
    )
    assert [day.position for day in skips] == [0, 1, 2, None, None]
    assert skips[3].reason == (
        "its forecasts cannot be settled without closes of SPY from 2025-08-05 on, which price set closes lacks; "
        "import them, or set unsettled=wait"
    )
    assert [day.position for day in waits] == [0, 1, 2, 3, 4]


def test_a_policy_that_learned_from_mondays_close_does_not_predict_the_sunday_before() -> None:
    # START is a Friday: its claims are settled by Monday's close.
    days = plan(
        counts(*range(7)), None, date(5), RunConfig.model_validate(SETTLING), spans=[Span("SPY", START, date(9))]
    )
    assert policies(days) == [None, None, None, None, 2, 3]


SETTLING = {"ranker": "resolved", "prices": "closes"}


calendars = st.lists(st.integers(0, 60), min_size=1, max_size=25, unique=True).map(sorted)


@given(calendars, st.integers(0, 4), st.sampled_from(["1d", "1w", "1m"]))
def test_with_a_lag_the_whole_lineage_of_a_policy_was_settled_before_the_day(
    calendar: list[int], lag: int, horizon: str
) -> None:
    config = RunConfig.model_validate({"lag": lag, "horizon": horizon})
    chain = [day for day in plan(counts(*calendar), None, None, config) if not day.reason]
    for place, day in enumerate(chain):
        lineage = [other for other in chain if day.policy and other.date <= day.policy]
        assert len(lineage) <= max(place - lag, 0)
        assert lag == 0 or all(other.outcome_date and other.outcome_date < day.date for other in lineage)


@given(calendars, st.integers(0, 4))
def test_policy_is_the_newest_allowed_one(calendar: list[int], lag: int) -> None:
    chain = [ChainDay(date(number), date(number + 1)) for number in calendar]
    for place, chosen in enumerate(policy_dates(chain, RunConfig(lag=lag))):
        allowed = [
            link.date
            for link in chain[: max(place - lag, 0)]
            if lag == 0 or (link.settled_by and link.settled_by < chain[place].date)
        ]
        assert chosen == max(allowed, default=None)
