"""Steps of kind generate: build the task, check the result, store the groups and their rollouts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.coordinator.database import storable
from services.coordinator.models import Day, Group, Headline, Rollout, Step
from services.coordinator.scheduling.rules.selection import step_profile
from services.coordinator.steps.kinds.head import _fields, _row, policy_of
from services.coordinator.steps.rules import _finite, _refuse, _same
from shared.run_config import RunConfig
from shared.wire import (
    GenerateResult,
    GenerateTask,
    GroupRecord,
    HeadlineItem,
    RolloutRecord,
    StepHead,
)


def _generate(session: Session, head: StepHead, day: Day, step: Step) -> GenerateTask:
    rows = {h.id: h for h in session.scalars(select(Headline).where(Headline.id.in_(step.items)))}
    items = [
        HeadlineItem(id=row.id, text=row.text, published_at=row.published_at, source=row.source)
        for row in (rows[headline_id] for headline_id in step.items)
    ]
    profile = step_profile(day.profile, day.decisions, step.items)
    return GenerateTask(**_fields(head), policy=policy_of(session, day), profile=profile, headlines=items)


def _store_groups(session: Session, day: Day, step: Step, result: GenerateResult) -> None:
    headlines = {h.id: h for h in session.scalars(select(Headline).where(Headline.id.in_(step.items)))}
    place = {headline_id: position for position, headline_id in enumerate(day.headline_ids)}
    rows = [_group_row(group, headlines[group.headline_id], place[group.headline_id]) for group in result.groups]
    owner = {"day_id": day.id, "step_id": step.id}
    ids = session.scalars(
        insert(Group).returning(Group.id, sort_by_parameter_order=True), [row | owner for row in rows]
    ).all()
    session.execute(
        insert(Rollout),
        [
            _row(rollout) | {"group_id": group_id, "forced": [int(flag) for flag in rollout.forced]}
            for group_id, group in zip(ids, result.groups, strict=True)
            for rollout in sorted(group.rollouts, key=lambda rollout: rollout.index)
        ],
    )


def _group_row(group: GroupRecord, headline: Headline, position: int) -> dict[str, object]:
    return {
        "headline_id": headline.id,
        "headline": headline.text,
        "published_at": headline.published_at,
        "position": position,
        "prompt_text": storable(group.prompt_text),
        "prompt_token_ids": group.prompt_token_ids,
    }


MOST_SEED = 2**63 - 1


def check_generated(
    result: GenerateResult, headline_ids: Sequence[int], policy: str, profile: str, config: RunConfig
) -> None:
    """Every headline answered once, by a whole group, of the policy and profile that were asked for."""
    _same("groups.headline_id", [group.headline_id for group in result.groups], headline_ids)
    for group in result.groups:
        field = f"groups.{group.headline_id}.rollouts"
        if sorted(rollout.index for rollout in group.rollouts) != list(range(config.rollouts)):
            raise _refuse(field, f"a group is {config.rollouts} rollouts with the indices from 0")
        for rollout in group.rollouts:
            _check_rollout(f"{field}.{rollout.index}", rollout, policy, profile)


def _check_rollout(field: str, rollout: RolloutRecord, policy: str, profile: str) -> None:
    if rollout.policy != policy:
        raise _refuse(f"{field}.policy", f"it is {rollout.policy}, but {policy} was to speak")
    if rollout.profile != profile:
        raise _refuse(f"{field}.profile", f"it is {rollout.profile}, but {profile} was asked for")
    if not len(rollout.token_ids) == len(rollout.logprobs) == len(rollout.forced):
        raise _refuse(f"{field}.token_ids", "token_ids, logprobs and forced must have one entry per token")
    if not 0 <= rollout.seed <= MOST_SEED:
        raise _refuse(f"{field}.seed", "it must lie from 0 to 2^63 - 1")
    _finite(f"{field}.logprobs", rollout.logprobs)
