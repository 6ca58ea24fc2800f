"""The configuration of a run: validated, bounded, frozen and hashed at creation."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Preset = Literal["default", "seed"]
ProfileName = Literal["tight", "default", "loose"]
Horizon = Literal["1d", "1w", "1m", "1q"]

HORIZON_DAYS: dict[str, int] = {"1d": 1, "1w": 7, "1m": 30, "1q": 91}
"""Calendar days from a forecast's day to the earliest day that can settle it."""

PRESETS: dict[str, dict[str, Any]] = {
    "default": {"gate": "validity", "reward_base": "composite", "bonus": 0.1},
    "seed": {"gate": "off", "reward_base": "composite", "bonus": 0.0},
}


class RunConfig(BaseModel):
    """Everything that decides what a run computes. Unknown keys are refused; a preset fills what is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Preset = Field(
        "default",
        description=(
            "Reward preset: `default` gates by validity and adds a bonus; `seed` is what the seed run "
            "meant (no gate, its rubric)."
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
    profile: ProfileName = Field(
        "tight",
        description=("Sampler profile: tight .5/.85/50, default .7/.90/50, loose .9/.95/50 (temperature/top-p/top-k)."),
    )
    max_tokens: int = Field(160, ge=16, le=1024, description="Longest answer, in tokens.")
    ranker: Literal["semantic", "recorded"] = Field(
        "semantic", description="How a group is ranked; `recorded` keeps the ranks of imported files."
    )
    gate: Literal["validity", "off"] = Field(
        "validity", description="`validity` makes the reward of an invalid rollout 0 before the bonus."
    )
    reward_base: Literal["composite", "normalized_score", "semantic"] = Field(
        "composite", description="The score that the reward is made of."
    )
    bonus: float = Field(0.1, ge=0, le=1, description="Added to the reward of a valid rollout.")
    train: bool = Field(
        True, description="Whether each day ends with an update and a checkpoint; off, days end as scored."
    )
    adapter: Literal["lora", "full"] = Field(
        "lora", description="What is trained and published: a LoRA adapter, or all weights."
    )
    lora_rank: int = Field(16, ge=1, le=256, description="Rank of the LoRA adapter.")
    learning_rate: float = Field(2e-4, gt=0, le=1e-1, description="Step size of AdamW.")
    epsilon_low: float = Field(3e-4, gt=0, lt=1, description="Lower clip of GSPO's sequence ratio.")
    epsilon_high: float = Field(4e-4, gt=0, lt=1, description="Upper clip of GSPO's sequence ratio.")
    minibatches: int = Field(
        2, ge=1, le=64, description="Optimizer steps that one day's batch is split into; at most one per group."
    )
    importance_cap: float = Field(
        2.0, ge=1, le=100, description="Truncation of the sampler/learner importance weight of a sequence."
    )
    max_grad_norm: float = Field(
        1.0, gt=0, le=1000, description="Gradient norm above which the gradient is scaled down."
    )
    generate_chunk: int = Field(4, ge=1, le=1000, description="Headlines per generate step.")
    evaluate_chunk: int = Field(16, ge=1, le=1000, description="Groups per evaluate step.")
    max_parallel_days: int = Field(4, ge=1, le=1000, description="Days of this run that may be in progress at once.")
    max_attempts: int = Field(5, ge=1, le=50, description="Attempts a step may cost before its day fails.")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return PRESETS.get(str(data.get("preset", "default")), {}) | data

    def digest(self) -> str:
        """SHA-256 of the canonical JSON: equal configurations have equal digests."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def free_rollouts(self) -> int:
        """How many rollouts of a group are of the free arm (rounded to the nearest, ties up)."""
        return int(self.rollouts * self.free_share + 0.5)
