"""Request and response of the REST endpoint."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from services.evaluator.inputs import ScoringInputs
from shared.run_config import RunConfig
from shared.wire import EvaluateResult, GroupToScore, Message, PriceSeries, RolloutToScore

MAX_ROLLOUTS = 64
MAX_OUTCOMES = 2_000
MAX_TEXT = 8_000
MAX_SERIES = 1_000
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(max_length=1_000)]


class RecordedRollout(Message):
    """A text with the rank (1 is best, ties share a place) and normalised score that an earlier evaluation gave it."""

    text: Text
    recorded_rank: float | None = Field(None, ge=1)
    recorded_score: float | None = Field(None, ge=0, le=1)


class ScoreRequest(Message):
    """One group to score: `texts`, or `rollouts` where a rank is recorded. `prompt` is what they were sampled from."""

    config: RunConfig = Field(
        default_factory=lambda: RunConfig.model_validate({}), description="Run configuration; a preset fills the rest."
    )
    headline: Line = Field(min_length=1, description="The headline that the texts forecast from.")
    prompt: Annotated[str, StringConstraints(max_length=32_000)] = Field(
        "", description="The whole prompt: what a text shares with it earns nothing."
    )
    outcomes: list[Line] = Field(
        default_factory=list, max_length=MAX_OUTCOMES, description="Headlines of the outcome day."
    )
    texts: list[Text] = Field(default_factory=list, max_length=MAX_ROLLOUTS, description="The group's forecasts.")
    rollouts: list[RecordedRollout] = Field(
        default_factory=list, max_length=MAX_ROLLOUTS, description="The group's forecasts with recorded ranks."
    )

    reference: list[Text] = Field(
        default_factory=list,
        max_length=MAX_ROLLOUTS,
        description="Texts of another policy on the same headline; the normalised score is the share of them "
        "that a text beats, ties counting half.",
    )
    prices: list[PriceSeries] = Field(
        default_factory=list, max_length=MAX_SERIES, description="Daily closes that claims are settled against."
    )
    peers: list[Line] = Field(
        default_factory=list,
        max_length=MAX_OUTCOMES,
        description="Other headlines of the forecasts' day: grounding is how much better a text fits its own.",
    )
    date: dt.date | None = Field(None, description="Day of the forecasts; needed where claims are to be settled.")

    @model_validator(mode="after")
    def _one_group(self) -> ScoreRequest:
        if bool(self.texts) == bool(self.rollouts):
            raise ValueError("give either texts or rollouts, with at least one entry")
        return self

    @model_validator(mode="after")
    def _settleable(self) -> ScoreRequest:
        if self.prices and self.date is None:
            raise ValueError("date: claims are settled from the close of the forecasts' day; give it with prices")
        for series in self.prices:
            if len(series.dates) != len(series.closes) or any(a >= b for a, b in pairwise(series.dates)):
                raise ValueError(f"prices: {series.symbol} needs one close per date, and its dates ascending")
        return self

    def inputs(self) -> ScoringInputs:
        """The scoring inputs; the bonus is that of the configuration."""
        return ScoringInputs(self.config, self.outcomes, self.config.bonus, self.prices, self.date, peers=self.peers)

    def group(self) -> GroupToScore:
        """The group, its rollouts numbered from 0 in their order."""
        rollouts = self.rollouts or [RecordedRollout(text=text) for text in self.texts]
        return GroupToScore(
            group_id=0,
            headline=self.headline,
            prompt_text=self.prompt,
            rollouts=[RolloutToScore(rollout_id=i, **rollout.model_dump()) for i, rollout in enumerate(rollouts)],
            reference=self.reference,
        )


ScoreAnswer = EvaluateResult
"""The evaluations, `rollout_id` being the position in the request; the ranker and the leak list that were used."""
