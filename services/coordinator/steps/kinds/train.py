"""Steps of kind train: build the batch, check the checkpoint's record, publish the checkpoint."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import contains_eager, load_only

from services.coordinator.checkpoints.queries import reference
from services.coordinator.checkpoints.service import publish
from services.coordinator.models import Day, Evaluation, Group, Rollout
from services.coordinator.steps.kinds.base import StepContext, head_fields
from services.coordinator.steps.rules import check_finite, refusal
from shared.wire import (
    CheckpointRecord,
    CheckpointRef,
    StepHead,
    TrainGroup,
    TrainResult,
    TrainRollout,
    TrainStats,
    TrainTask,
)

_LEARNED_FROM = (Rollout.index, Rollout.token_ids, Rollout.logprobs, Rollout.forced, Rollout.temperature)
_SCORES = (Evaluation.reward, Evaluation.valid, Evaluation.normalized_score, Evaluation.signs)
"""The columns that a batch needs: the texts of a day are many times as long."""


def build_task(context: StepContext) -> TrainTask:
    """The scored groups of the day as a batch, with the parent checkpoint and the day's learning rate."""
    session, day, config = context.session, context.day, context.config
    rollouts = contains_eager(Group.rollouts)
    query = (
        select(Group)
        .join(Group.rollouts)
        .join(Rollout.evaluation)
        .options(
            load_only(Group.prompt_token_ids),
            rollouts.load_only(*_LEARNED_FROM),
            rollouts.contains_eager(Rollout.evaluation).load_only(*_SCORES),
        )
        .where(Group.day_id == day.id)
        .order_by(Group.position, Rollout.index)
    )
    warm_start = day.role == "warm_start"
    groups = [_to_train(group, spotless=warm_start) for group in session.scalars(query).unique()]
    policy_day = session.get(Day, day.policy_day_id) if day.policy_day_id else None
    policy_place = policy_day.position if policy_day and policy_day.position is not None else -1
    return TrainTask(
        **head_fields(context.head),
        parent=reference(context.parent),
        policy_lag=0 if warm_start else (day.position or 0) - 1 - policy_place,
        groups=groups,
        objective="sft" if warm_start else config.objective,
        learning_rate=config.learning_rate if day.learning_rate is None else day.learning_rate,
        epochs=config.warm_start_epochs if warm_start else 1,
        lines="valid" if warm_start else "best",
    )


def check_result(context: StepContext, result: TrainResult) -> None:
    """The checkpoint answers the task and its statistics are finite. Raises InvalidInputError."""
    check_trained(result.checkpoint, result.stats, context.head, reference(context.parent))


def store_result(context: StepContext, result: TrainResult) -> None:
    """Publish the checkpoint. The caller has verified its files."""
    publish(context.session, context.run, context.config, context.day, context.parent, result)
    context.record(result.stats.seconds, result.stats.model_dump() | {"checkpoint": result.checkpoint.ref.id})


def _to_train(group: Group, *, spotless: bool) -> TrainGroup:
    """A group of a batch; with `spotless`, lines with signs of degeneration count as invalid."""
    return TrainGroup(
        group_id=group.id,
        prompt_token_ids=group.prompt_token_ids,
        temperature=group.rollouts[0].temperature,
        rollouts=[
            TrainRollout(
                rollout_id=rollout.id,
                token_ids=rollout.token_ids,
                logprobs=rollout.logprobs,
                forced=[bool(flag) for flag in rollout.forced],
                reward=evaluation.reward,
                valid=evaluation.valid and not (spotless and evaluation.signs),
                normalized_score=evaluation.normalized_score,
            )
            for rollout in group.rollouts
            if (evaluation := rollout.evaluation)
        ],
    )


def check_trained(record: CheckpointRecord, stats: TrainStats, head: StepHead, parent: CheckpointRef | None) -> None:
    """The checkpoint is of the task's run, date, fence, parent, base model and adapter, its statistics are finite.

    Raises InvalidInputError.
    """
    expected = {
        "run": head.run,
        "date": head.date,
        "fence": head.fence,
        "parent": parent.id if parent else None,
        "base_model": head.config.base_model,
        "adapter": head.config.adapter,
    }
    for field, value in expected.items():
        if getattr(record, field) != value:
            raise refusal(f"checkpoint.{field}", f"mismatch: expected {value!r}, got {getattr(record, field)!r}")
    figures = stats.model_dump(exclude={"objective"}, exclude_none=True)
    check_finite("stats", [float(value) for value in figures.values()])
