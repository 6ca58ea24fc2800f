"""A train step: scored groups in, a checkpoint out."""

from __future__ import annotations

from typing import Literal

from shared.run_config import Objective
from shared.wire.base import Message
from shared.wire.generate import StepHead
from shared.wire.policy import CheckpointRecord, CheckpointRef


class TrainRollout(Message):
    """A rollout as the trainer sees it; `reward` is the stored one, to the bit.

    `valid` and `normalized_score` choose the lines of the baselines and of a warm start.
    """

    rollout_id: int
    token_ids: list[int]
    logprobs: list[float]
    forced: list[bool]
    reward: float
    valid: bool
    normalized_score: float


class TrainGroup(Message):
    """One group of a GSPO batch. `temperature` is the sampler's."""

    group_id: int
    prompt_token_ids: list[int]
    temperature: float
    rollouts: list[TrainRollout]


class TrainTask(StepHead):
    """Make one update from the parent's weights on the scored groups of a day.

    `objective` and `learning_rate` are the day's; a warm start is an `sft` of `epochs` passes over all valid lines.
    `policy_lag` is how many days lie between the learner's parent and the sampling policy, 0 if they are the same.
    """

    kind: Literal["train"] = "train"
    parent: CheckpointRef | None
    policy_lag: int
    groups: list[TrainGroup]
    objective: Objective
    learning_rate: float
    epochs: int = 1
    lines: Literal["best", "valid"] = "best"


class TrainStats(Message):
    """Figures of one update, means over the batch; log-ratio is learner minus sampler per token, length-normalised.

    What an objective does not have (a clip, a ratio) is None. `rollouts` are those that it looked at, `tokens` those of
    the answers it learned from, once however many passes.
    """

    objective: Objective = "gspo"
    loss: float
    mean_reward: float
    reward_std: float
    grad_norm: float
    clip_share: float | None
    log_ratio_mean: float | None
    log_ratio_max: float | None
    importance_mean: float | None
    entropy: float | None
    groups: int
    groups_dropped: int
    rollouts: int
    tokens: int
    updates: int
    policy_lag: int
    learning_rate: float
    seconds: float


class TrainResult(Message):
    """What a train step produced."""

    kind: Literal["train"] = "train"
    checkpoint: CheckpointRecord
    stats: TrainStats
