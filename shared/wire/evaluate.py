"""An evaluate step: groups and outcomes in, evaluations out."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from shared.wire.base import Message, Verdict
from shared.wire.generate import StepHead


class RolloutToScore(Message):
    """A rollout as the evaluator sees it. `recorded_rank` is set for imported runs only (1 is best, ties share)."""

    rollout_id: int
    text: str
    raw_strict: bool = False
    recorded_rank: float | None = None
    recorded_score: float | None = None


class GroupToScore(Message):
    """A group as the evaluator sees it.

    `outcomes` replaces the task's for a headline whose outcome day is another (a panel's), and `date` its day: without
    it the claims of such a group are not settled. `reference` holds texts of another policy on the same headline: with
    them a rollout's place is its standing among these and not in its group. `peers` replaces the task's as `outcomes`
    does.
    """

    group_id: int
    headline: str
    prompt_text: str
    rollouts: list[RolloutToScore]
    outcomes: list[str] | None = None
    date: dt.date | None = None
    reference: list[str] = Field(default_factory=list)
    peers: list[str] | None = None


class PriceSeries(Message):
    """Daily closes of one instrument, ascending by date, that reach from before the forecast to its maturity.

    `aliases` are other names that a forecast's Proxy may call it by.
    """

    symbol: str
    aliases: list[str] = Field(default_factory=list)
    dates: list[dt.date]
    closes: list[float]


class EvaluateTask(StepHead):
    """Score groups against the headlines of the outcome day.

    `peers` are headlines of the forecasts' own day: what a line is about is told by comparing them with its headline.
    """

    kind: Literal["evaluate"] = "evaluate"
    outcome_date: dt.date
    outcomes: list[str]
    groups: list[GroupToScore]
    bonus: float
    prices: list[PriceSeries] = Field(default_factory=list)
    peers: list[str] = Field(default_factory=list)


Sign = Literal["empty", "placeholder", "restated", "duplicate"]
"""What a degenerate text shows: nothing, template words, its headline, the words of an earlier rollout of its group."""


class Settlement(Message):
    """A claim settled against prices: that `symbol` changes by at least `threshold` (a signed fraction: −.02 is a fall
    of 2 %) from the close of `start_date` to that of `end_date`. `prob` in [0, 1]; brier = (prob − happened)²;
    log_loss with prob clipped to [.01, .99].
    """

    symbol: str
    threshold: float
    prob: float
    start_date: dt.date
    end_date: dt.date
    change: float
    happened: bool
    brier: float
    log_loss: float


class EvaluationRecord(Message):
    """Everything scored about a rollout.

    All scores are in [0, 1] but outcome_score, which is in [0, 10], and reward, which is in [0, 1 + the run's bonus].
    """

    rollout_id: int
    verdict: Verdict
    valid: bool
    failed_slot: str | None = None
    failure: str | None = None
    normalized_text: str | None = None
    changes: list[str] = Field(default_factory=list)
    validity: float
    leak: bool
    leak_stems: list[str] = Field(default_factory=list)
    trade_thinking: float
    trade_parts: dict[str, float] = Field(default_factory=dict)
    semantic: float | None = None
    rank: float
    normalized_score: float
    outcome_score: float
    composite: float
    reward: float
    grounding: float | None = None
    """The share of the day's other headlines that the line fits less well than its own; None where there are none."""
    form_score: float
    """How much of the form is kept: 1 for a valid text, the share of sound slots (or the rubric) otherwise."""
    signs: list[Sign] = Field(default_factory=list)
    settlement: Settlement | None = None


class EvaluateResult(Message):
    """What an evaluate step produced."""

    kind: Literal["evaluate"] = "evaluate"
    evaluations: list[EvaluationRecord]
    ranker: str
    leak_list: str
    seconds: float
    figures: dict[str, float] = Field(default_factory=dict)
    """What the ranker says about itself: comparisons, mean probability of the first option, claims settled."""
