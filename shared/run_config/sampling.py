"""Fields of a run's configuration: the base model, the days, and how forecasts are sampled."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.run_config.names import Horizon, Preset, ProfileName


class SamplingFields(BaseModel):
    """Base model, days, headlines, and sampling. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Preset = Field(
        "default",
        description=(
            "Reward preset: `default` gates by validity and adds a bonus; `legacy` is the predecessor's reward as it "
            "was meant (no gate, its rubric)."
        ),
    )
    base_model: str = Field(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        min_length=1,
        max_length=200,
        description="Name of the base model; every worker refuses a run whose base is not the one it loaded.",
    )
    seed: int = Field(
        20250802, ge=0, le=2**31 - 1, description="Seed from which every sampling seed of the run is derived."
    )
    lag: int = Field(
        1,
        ge=0,
        le=30,
        description=(
            "Days between a checkpoint and the first day it may predict; 0 reproduces the predecessor and looks ahead."
        ),
    )
    horizon: Horizon = Field(
        "1d",
        description=(
            "How far ahead the outcome day lies: the next corpus day at least this far after the forecast's day."
        ),
    )
    unsettled: Literal["skip", "wait"] = Field(
        "skip",
        description=(
            "What becomes of a day whose outcomes have not come: `skip` leaves it out of the chain; `wait` samples its "
            "forecasts and keeps them pending until the corpus (under ranker=resolved the price set) reaches so far."
        ),
    )
    dates: Literal["enforce", "warn"] = Field(
        "enforce", description="`enforce` leaves headlines with false dates out; `warn` keeps and counts them."
    )
    headlines: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="At most this many headlines a day, the first in the day's order; all when absent.",
    )
    rollouts: int = Field(8, ge=2, le=64, description="Rollouts sampled per headline: the size of a group.")
    free_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description=(
            "Share of a group that never climbs the decoding ladder, so that the policy sees its own failures."
        ),
    )
    retries: int = Field(
        3, ge=0, le=10, description="Further engine calls a rollout may cost after its free attempt failed."
    )
    best_of: int = Field(
        4, ge=2, le=16, description="Guided samples that the ladder's last rung, best of N, chooses from in one call."
    )
    format: str = Field(
        "one_line",
        pattern=r"^[a-z][a-z0-9_]{0,31}$",
        description="Form of a forecast: `one_line` of eight slots, or `paragraph` of 3-5 sentences.",
    )
    profile: ProfileName = Field(
        "tight",
        description=("Sampler profile: tight .5/.85/50, default .7/.90/50, loose .9/.95/50 (temperature/top-p/top-k)."),
    )
    profile_policy: Literal["fixed", "auto"] = Field(
        "fixed",
        description=(
            "`fixed` keeps `profile`; `auto` begins tight and moves one notch a day by the stored validity and leak of "
            "the day whose checkpoint predicts."
        ),
    )
    ab_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of a day's headlines, drawn by the seed, that run with `ab_profile` instead.",
    )
    ab_profile: ProfileName = Field("default", description="Sampler profile of the B arm.")
    max_tokens: int = Field(160, ge=16, le=1024, description="Longest answer, in tokens.")
