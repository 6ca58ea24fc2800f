"""What a claimed step is given to work on, built from the stored rows."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from services.coordinator.checkpoints.queries import reference
from services.coordinator.models import Checkpoint, Day, Group, Headline, Rollout, Run, Step
from services.coordinator.runs.days import before, checkpoint_of
from services.coordinator.scheduling.rules.roles import config_of
from services.coordinator.scheduling.rules.selection import step_profile
from services.coordinator.scoring_task import evaluate_task
from shared.run_config import RunConfig
from shared.wire import (
    GenerateTask,
    HeadlineItem,
    PolicyRef,
    StepHead,
    Task,
    TrainGroup,
    TrainRollout,
    TrainTask,
)


def build_task(session: Session, run: Run, day: Day, step: Step) -> Task:
    """The payload of a step under its present fence."""
    head = head_of(run, day, step)
    if step.kind == "generate":
        return _generate(session, head, day, step)
    if step.kind == "evaluate":
        return evaluate_task(session, _fields(head), head.config, run, day, step)
    return _train(session, head, day)


def head_of(run: Run, day: Day, step: Step) -> StepHead:
    """What every task of a step carries; its configuration is the run's as the day's role changes it."""
    config = config_of(day.role, RunConfig.model_validate(run.config))
    return StepHead(step_id=step.id, fence=step.attempt, run=run.name, date=day.date, config=config)


def policy_of(session: Session, day: Day) -> PolicyRef:
    """The policy that predicts a day."""
    checkpoint = reference(checkpoint_of(session, day.policy_day_id))
    return PolicyRef(name=checkpoint.id, checkpoint=checkpoint) if checkpoint else PolicyRef()


def parent_of(session: Session, day: Day) -> Checkpoint | None:
    """The checkpoint that a day's update starts from: that of the day before it in the chain, or of the warm start."""
    previous = before(session, day)
    return checkpoint_of(session, previous.id if previous else None)


def _generate(session: Session, head: StepHead, day: Day, step: Step) -> GenerateTask:
    rows = {h.id: h for h in session.scalars(select(Headline).where(Headline.id.in_(step.items)))}
    items = [
        HeadlineItem(id=row.id, text=row.text, published_at=row.published_at, source=row.source)
        for row in (rows[headline_id] for headline_id in step.items)
    ]
    profile = step_profile(day.profile, day.decisions, step.items)
    return GenerateTask(**_fields(head), policy=policy_of(session, day), profile=profile, headlines=items)


def _fields(head: StepHead) -> dict[str, object]:
    return {name: getattr(head, name) for name in type(head).model_fields}


def _train(session: Session, head: StepHead, day: Day) -> TrainTask:
    query = (
        select(Group)
        .join(Group.rollouts)
        .join(Rollout.evaluation)
        .options(contains_eager(Group.rollouts).contains_eager(Rollout.evaluation))
        .where(Group.day_id == day.id)
        .order_by(Group.position, Rollout.index)
    )
    warm_start = day.role == "warm_start"
    groups = [_to_train(group, spotless=warm_start) for group in session.scalars(query).unique()]
    policy_day = session.get(Day, day.policy_day_id) if day.policy_day_id else None
    policy_place = policy_day.position if policy_day and policy_day.position is not None else -1
    return TrainTask(
        **_fields(head),
        parent=reference(parent_of(session, day)),
        policy_lag=0 if warm_start else (day.position or 0) - 1 - policy_place,
        groups=groups,
        objective="sft" if warm_start else head.config.objective,
        learning_rate=head.config.learning_rate if day.learning_rate is None else day.learning_rate,
        epochs=head.config.warm_start_epochs if warm_start else 1,
        lines="valid" if warm_start else "best",
    )


def _to_train(group: Group, *, spotless: bool) -> TrainGroup:
    """A group of a batch; `spotless` takes only lines without a sign of degeneration for valid, worth imitating."""
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
