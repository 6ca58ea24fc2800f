"""What a claimed step is given to work on, built from the stored rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from services.coordinator.models import Checkpoint, Day, Group, Headline, Rollout, Run, Step
from services.coordinator.repository.days import before, checkpoint_of
from shared.run_config import RunConfig
from shared.wire import (
    CheckpointRef,
    EvaluateTask,
    GenerateTask,
    GroupToScore,
    HeadlineItem,
    PolicyRef,
    RolloutToScore,
    StepHead,
    Task,
    TrainGroup,
    TrainRollout,
    TrainTask,
)


def build_task(session: Session, run: Run, day: Day, step: Step) -> Task:
    """The payload of a step under its present fence."""
    head = StepHead(
        step_id=step.id,
        fence=step.attempt,
        run=run.name,
        date=day.date,
        config=RunConfig.model_validate(run.config),
    )
    if step.kind == "generate":
        return _generate(session, head, day, step)
    return _evaluate(session, head, run, day, step) if step.kind == "evaluate" else _train(session, head, day)


def reference(checkpoint: Checkpoint | None) -> CheckpointRef | None:
    """A stored checkpoint as messages name it."""
    return CheckpointRef(id=checkpoint.id, uri=checkpoint.uri, sha256=checkpoint.sha256) if checkpoint else None


def policy_of(session: Session, day: Day) -> PolicyRef:
    """The policy that predicts a day."""
    checkpoint = reference(checkpoint_of(session, day.policy_day_id))
    return PolicyRef(name=checkpoint.id, checkpoint=checkpoint) if checkpoint else PolicyRef()


def parent_of(session: Session, day: Day) -> Checkpoint | None:
    """The checkpoint that a day's update starts from: that of the day before it in the chain."""
    previous = before(session, day)
    return checkpoint_of(session, previous.id if previous else None)


def _generate(session: Session, head: StepHead, day: Day, step: Step) -> GenerateTask:
    rows = {h.id: h for h in session.scalars(select(Headline).where(Headline.id.in_(step.items)))}
    items = [
        HeadlineItem(id=row.id, text=row.text, published_at=row.published_at, source=row.source)
        for row in (rows[headline_id] for headline_id in step.items)
    ]
    policy = policy_of(session, day)
    return GenerateTask(**_fields(head), policy=policy, profile=day.profile, headlines=items)


def _fields(head: StepHead) -> dict[str, object]:
    return {name: getattr(head, name) for name in type(head).model_fields}


def _groups(session: Session, query_for: Sequence[int] | None, day: Day) -> Sequence[Group]:
    query = select(Group).join(Group.rollouts).options(contains_eager(Group.rollouts)).where(Group.day_id == day.id)
    if query_for is not None:
        query = query.where(Group.id.in_(query_for))
    return session.scalars(query.order_by(Group.position, Rollout.index)).unique().all()


def _evaluate(session: Session, head: StepHead, run: Run, day: Day, step: Step) -> EvaluateTask:
    groups = [
        GroupToScore(
            group_id=group.id,
            headline=group.headline,
            prompt_text=group.prompt_text,
            rollouts=[_to_score(rollout) for rollout in group.rollouts],
        )
        for group in _groups(session, step.items, day)
    ]
    outcomes = outcome_texts(session, run, day, head.config)
    return EvaluateTask(
        **_fields(head),
        outcome_date=day.outcome_date or day.date,
        outcomes=outcomes,
        groups=groups,
        bonus=head.config.bonus,
    )


def _to_score(rollout: Rollout) -> RolloutToScore:
    return RolloutToScore(
        rollout_id=rollout.id,
        text=rollout.text,
        raw_strict=rollout.raw_strict,
        recorded_rank=rollout.recorded.get("rank"),
        recorded_score=rollout.recorded.get("reward"),
    )


def outcome_texts(session: Session, run: Run, day: Day, config: RunConfig) -> list[str]:
    """The headlines that settle a day's forecasts: those of its outcome day, flagged ones left out under enforce."""
    query = select(Headline.text).where(Headline.corpus_id == run.corpus_id, Headline.date == day.outcome_date)
    if config.dates == "enforce":
        query = query.where(Headline.flag.is_(None))
    return list(session.scalars(query.order_by(Headline.position)))


def _train(session: Session, head: StepHead, day: Day) -> TrainTask:
    query = (
        select(Group)
        .join(Group.rollouts)
        .join(Rollout.evaluation)
        .options(contains_eager(Group.rollouts).contains_eager(Rollout.evaluation))
        .where(Group.day_id == day.id)
        .order_by(Group.position, Rollout.index)
    )
    groups = [_to_train(group) for group in session.scalars(query).unique()]
    policy_day = session.get(Day, day.policy_day_id) if day.policy_day_id else None
    policy_place = policy_day.position if policy_day and policy_day.position is not None else -1
    return TrainTask(
        **_fields(head),
        parent=reference(parent_of(session, day)),
        policy_lag=(day.position or 0) - 1 - policy_place,
        groups=groups,
        objective=head.config.objective,
        learning_rate=head.config.learning_rate,
    )


def _to_train(group: Group) -> TrainGroup:
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
                reward=rollout.evaluation.reward if rollout.evaluation else 0.0,
                valid=rollout.evaluation.valid if rollout.evaluation else False,
                normalized_score=rollout.evaluation.normalized_score if rollout.evaluation else 0.0,
            )
            for rollout in group.rollouts
        ],
    )
