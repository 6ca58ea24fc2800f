"""The configuration of a run: validated, bounded, frozen and hashed at creation."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.rankers import RANKERS

Preset = Literal["default", "legacy"]
ProfileName = Literal["tight", "default", "loose"]
Horizon = Literal["1d", "1w", "1m", "1q"]
Schedule = Literal["constant", "linear", "on_plateau"]
Objective = Literal["gspo", "sft", "kto"]
Gate = Literal["validity", "sound", "grounded", "off"]
BonusFor = Literal["strict", "valid"]
RewardPart = Literal["composite", "normalized_score", "semantic", "resolved", "trade_thinking", "grounding"]

HORIZON_DAYS: dict[str, int] = {"1d": 1, "1w": 7, "1m": 30, "1q": 91}
"""Calendar days from a forecast's day to the earliest day that can settle it."""

PRESETS: dict[str, dict[str, Any]] = {
    "default": {"gate": "validity", "reward_base": "composite", "bonus": 0.1},
    "legacy": {"gate": "off", "reward_base": "composite", "bonus": 0.0, "bonus_schedule": "constant"},
}


class RunConfig(BaseModel):
    """Everything that decides what a run computes. Unknown keys are refused; a preset fills what is not given."""

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
    ranker: str = Field(
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
    train: bool = Field(
        True, description="Whether each day ends with an update and a checkpoint; off, days end as scored."
    )
    promote: Literal["always", "never", "panel"] = Field(
        "always",
        description=(
            "Which checkpoints become the served one: `always` each as it is published; `never` none by itself; "
            "`panel` each that the panel, once scored, shows no worse than the served one (the base, if none is)."
        ),
    )
    adapter: Literal["lora", "full"] = Field(
        "lora", description="What is trained and published: a LoRA adapter, or all weights."
    )
    lora_rank: int = Field(16, ge=1, le=256, description="Rank of the LoRA adapter.")
    learning_rate: float = Field(2e-4, gt=0, le=1e-1, description="Step size of AdamW on the first day.")
    learning_rate_schedule: Schedule = Field(
        "constant",
        description=(
            "How the learning rate goes to `learning_rate_end` over the run's days: not at all, linearly, or by "
            "`plateau_factor` whenever the mean reward has stood still."
        ),
    )
    learning_rate_end: float = Field(
        0.0, ge=0, le=1e-1, description="Where the learning rate's schedule ends, or its floor."
    )
    plateau_days: int = Field(
        3, ge=1, le=100, description="Days without a new best after which a plateau schedule steps down."
    )
    plateau_factor: float = Field(0.5, gt=0, lt=1, description="What a plateau schedule multiplies by at each step.")
    objective: Objective = Field(
        "gspo",
        description=(
            "What an update optimises: `gspo`, or a baseline on the same groups: `sft` on the best-ranked valid line "
            "of each, `kto` with the upper half of valid lines as desirable."
        ),
    )
    warm_start: int = Field(
        0,
        ge=0,
        le=10_000,
        description=(
            "Headlines of the corpus' days before the first that a supervised bootstrap learns from, on lines that the "
            "ladder made valid; 0 begins with the base model."
        ),
    )
    warm_start_epochs: int = Field(2, ge=1, le=100, description="Passes of the bootstrap over its lines.")
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

    @field_validator("ranker")
    @classmethod
    def _ranker_exists(cls, name: str) -> str:
        if name not in RANKERS:
            raise ValueError(f"{name!r} does not exist; choose one of {', '.join(RANKERS)}")
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.reward_base == "mix" and not sum(self.reward_weights.values()) > 0:
            raise ValueError("reward_weights: reward_base=mix needs at least one weight above 0")
        if any(weight < 0 for weight in self.reward_weights.values()):
            raise ValueError("reward_weights: a weight below 0 would reward what is bad; use 0 or more")
        settles = self.ranker == "resolved" or self.reward_base == "resolved" or "resolved" in self.reward_weights
        if settles and self.prices is None:
            raise ValueError("prices: settling claims needs a price set; import one and name it")
        if self.promote == "panel" and not (self.panel and self.train):
            raise ValueError("promote: `panel` needs panel=NAME and train=true; use always or never without them")
        return self

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
