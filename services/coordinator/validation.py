"""Whether a result answers the task that was handed out. Pure: raises InvalidInputError, or nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from shared.errors import InvalidInputError
from shared.run_config import RunConfig
from shared.wire import (
    CheckpointRecord,
    CheckpointRef,
    EvaluateResult,
    GenerateResult,
    RolloutRecord,
    StepHead,
    TrainStats,
)

MOST_SEED = 2**63 - 1
ROUNDING = 1e-9
"""How far floating point may take a reward over its range."""


def _refuse(field: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {why}", errors=[{"field": field, "message": why}])


def _same(field: str, got: Sequence[int], wanted: Collection[int]) -> None:
    if len(got) != len(wanted) or set(got) != set(wanted):
        missing, extra = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
        raise _refuse(field, f"each must be answered once; missing {missing[:10]}, not asked for {extra[:10]}")


def _finite(field: str, values: Iterable[float | None]) -> None:
    if not all(value is None or math.isfinite(value) for value in values):
        raise _refuse(field, "holds a number that is not finite")


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


def check_evaluated(result: EvaluateResult, rollout_ids: Sequence[int], bonus: float) -> None:
    """Every rollout scored once, with finite numbers and a reward in [0, 1 + bonus], the day's own."""
    _same("evaluations.rollout_id", [record.rollout_id for record in result.evaluations], rollout_ids)
    for record in result.evaluations:
        field = f"evaluations.{record.rollout_id}"
        settled = record.settlement.model_dump().values() if record.settlement else ()
        scores = (record.validity, record.trade_thinking, record.semantic, record.rank, record.normalized_score)
        totals = (record.outcome_score, record.composite, record.reward, record.form_score, record.grounding)
        _finite(field, [*scores, *totals, *record.trade_parts.values(), *_numbers(settled)])
        if not -ROUNDING <= record.reward <= 1 + bonus + ROUNDING:
            raise _refuse(
                f"{field}.reward", f"it is {record.reward:g}, but lies from 0 to 1 + the day's bonus {bonus:g}"
            )
    _finite("figures", result.figures.values())


def _numbers(values: Iterable[object]) -> list[float]:
    return [float(value) for value in values if isinstance(value, int | float)]


def check_trained(record: CheckpointRecord, stats: TrainStats, head: StepHead, parent: CheckpointRef | None) -> None:
    """The checkpoint is of this run, day, fence, parent, base model and kind of adapter."""
    wanted = {
        "run": head.run,
        "date": head.date,
        "fence": head.fence,
        "parent": parent.id if parent else None,
        "base_model": head.config.base_model,
        "adapter": head.config.adapter,
    }
    for field, value in wanted.items():
        if getattr(record, field) != value:
            raise _refuse(f"checkpoint.{field}", f"it is {getattr(record, field)!r}, but the task said {value!r}")
    figures = stats.model_dump(exclude={"objective"}, exclude_none=True)
    _finite("stats", [float(value) for value in figures.values()])
