"""Fields of a run's configuration: what an update trains, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.run_config.names import Objective, Schedule
from shared.run_config.scoring import ScoringFields


class LearningFields(ScoringFields):
    """Training, promotion, and the objective with its hyperparameters."""

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
