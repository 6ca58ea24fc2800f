"""Fields of a run's configuration: ranking, the panel, and the reward."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.run_config.names import BonusFor, Gate, ProfileName, RankerName, RewardPart
from shared.run_config.sampling import SamplingFields


class ScoringFields(SamplingFields):
    """Ranker, panel, and reward."""

    ranker: RankerName = Field(
        "semantic",
        description=(
            "How a group is ranked: `semantic`, `judge` (pairwise, by a model), `resolved` (claims settled against "
            "prices); `recorded` keeps the ranks of imported files."
        ),
    )
    judge_pairs: int = Field(
        28,
        ge=1,
        le=2016,
        description="Pairs of a group that the judge compares, each in both orders; drawn by the seed.",
    )
    prices: str | None = Field(
        None, max_length=63, description="Name of the imported price set that claims are settled against."
    )
    panel: str | None = Field(
        None,
        max_length=63,
        description="Name of a panel of the corpus: its headlines are never trained on, checkpoints are scored on it.",
    )
    panel_rollouts: int = Field(4, ge=2, le=64, description="Rollouts per headline of the panel, all of the free arm.")
    panel_every: int = Field(
        1,
        ge=1,
        le=1000,
        description="Score every so many-th checkpoint on the panel; the base and the last one always are.",
    )
    panel_profile: ProfileName = Field(
        "default", description="Sampler profile on the panel, the same for every checkpoint."
    )
    gate: Gate = Field(
        "validity",
        description=(
            "`validity` makes the reward of an invalid rollout 0 before the bonus; `sound` also that of one that is "
            "empty, echoes the form or restates its headline; `grounded` also scales it by how much better a line fits "
            "its own headline than others of the day."
        ),
    )
    reward_base: Literal["composite", "normalized_score", "semantic", "resolved", "mix"] = Field(
        "composite", description="The score that the reward is made of; `mix` is the weighted mean of `reward_weights`."
    )
    reward_weights: dict[RewardPart, float] = Field(
        default_factory=dict,
        description="Weights of the scores in reward_base=mix, each >= 0; they need not add up to 1.",
    )
    bonus: float = Field(0.1, ge=0, le=1, description="Added to the reward for its form, on the first day.")
    bonus_for: BonusFor = Field(
        "strict",
        description="What the bonus is paid for: a strict line, as raw validity counts, or a near miss as well.",
    )
    bonus_schedule: Literal["constant", "linear", "on_plateau", "on_validity"] = Field(
        "on_validity",
        description=(
            "How the bonus goes to `bonus_end` over the run's days: not at all, linearly, by `plateau_factor` whenever "
            "raw validity has stood still, or (`on_validity`) linearly while the day's raw validity is 80 % to 90 %."
        ),
    )
    bonus_end: float = Field(0.0, ge=0, le=1, description="Where the bonus' schedule ends, or its floor.")
