"""Steps of kind generate: build the task, check the result, store the groups and their rollouts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select

from services.coordinator.database import insert_rows, storable
from services.coordinator.models import Group, Headline, Rollout
from services.coordinator.scheduling.rules.selection import step_profile
from services.coordinator.steps.kinds.base import StepContext, head_fields
from services.coordinator.steps.rules import check_finite, check_ids, refusal
from shared.run_config import RunConfig
from shared.wire import GenerateResult, GenerateTask, GroupRecord, HeadlineItem, RolloutRecord

MAX_SEED = 2**63 - 1
"""Largest value of the column that holds a rollout's seed."""


def build_task(context: StepContext) -> GenerateTask:
    """The headlines of the step, with the policy and the profile to sample them with."""
    rows = _headlines(context)
    return GenerateTask(
        **head_fields(context.head),
        policy=context.policy,
        profile=_profile(context),
        headlines=[
            HeadlineItem(id=row.id, text=row.text, published_at=row.published_at, source=row.source)
            for row in (rows[headline_id] for headline_id in context.step.items)
        ],
    )


def check_result(context: StepContext, result: GenerateResult) -> None:
    """Every headline of the step has a whole group of the step's policy and profile. Raises InvalidInputError."""
    check_generated(result, context.step.items, context.policy.name, _profile(context), context.config)


def store_result(context: StepContext, result: GenerateResult) -> None:
    """Store the groups in the day's order of headlines, and their rollouts."""
    session, day, headlines = context.session, context.day, _headlines(context)
    place = {headline_id: position for position, headline_id in enumerate(day.headline_ids)}
    owner = {"day_id": day.id, "step_id": context.step.id}
    rows = [
        _group_row(group, headlines[group.headline_id], place[group.headline_id]) | owner for group in result.groups
    ]
    ids = session.scalars(insert(Group).returning(Group.id, sort_by_parameter_order=True), rows).all()
    rollouts = [
        rollout.model_dump() | {"group_id": group_id, "forced": [int(flag) for flag in rollout.forced]}
        for group_id, group in zip(ids, result.groups, strict=True)
        for rollout in sorted(group.rollouts, key=lambda rollout: rollout.index)
    ]
    insert_rows(session, Rollout, rollouts)
    context.record(result.seconds, {"tokens": result.tokens, "engine_calls": result.engine_calls})


def _headlines(context: StepContext) -> dict[int, Headline]:
    query = select(Headline).where(Headline.id.in_(context.step.items))
    return {headline.id: headline for headline in context.session.scalars(query)}


def _profile(context: StepContext) -> str:
    return step_profile(context.day.profile, context.day.decisions, context.step.items)


def _group_row(group: GroupRecord, headline: Headline, position: int) -> dict[str, object]:
    return {
        "headline_id": headline.id,
        "headline": headline.text,
        "published_at": headline.published_at,
        "position": position,
        "prompt_text": storable(group.prompt_text),
        "prompt_token_ids": group.prompt_token_ids,
    }


def check_generated(
    result: GenerateResult, headline_ids: Sequence[int], policy: str, profile: str, config: RunConfig
) -> None:
    """Each headline has one whole group, sampled from this policy under this profile. Raises InvalidInputError."""
    check_ids("groups.headline_id", [group.headline_id for group in result.groups], headline_ids)
    for group in result.groups:
        field = f"groups.{group.headline_id}.rollouts"
        if sorted(rollout.index for rollout in group.rollouts) != list(range(config.rollouts)):
            raise refusal(field, f"a group is {config.rollouts} rollouts with the indices from 0")
        for rollout in group.rollouts:
            _check_rollout(f"{field}.{rollout.index}", rollout, policy, profile)


def _check_rollout(field: str, rollout: RolloutRecord, policy: str, profile: str) -> None:
    if rollout.policy != policy:
        raise refusal(f"{field}.policy", f"policy mismatch: expected {policy}, got {rollout.policy}")
    if rollout.profile != profile:
        raise refusal(f"{field}.profile", f"profile mismatch: expected {profile}, got {rollout.profile}")
    if not len(rollout.token_ids) == len(rollout.logprobs) == len(rollout.forced):
        raise refusal(f"{field}.token_ids", "token_ids, logprobs and forced must have one entry per token")
    if not 0 <= rollout.seed <= MAX_SEED:
        raise refusal(f"{field}.seed", "it must lie from 0 to 2^63 - 1")
    check_finite(f"{field}.logprobs", rollout.logprobs)
