"""The checks of results against their tasks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.coordinator.steps.kinds.evaluate import check_evaluated
from services.coordinator.steps.kinds.generate import check_generated
from services.coordinator.steps.kinds.train import check_trained
from shared.errors import InvalidInputError
from shared.run_config import RunConfig
from shared.wire import (
    CheckpointRecord,
    CheckpointRef,
    EvaluateResult,
    GenerateResult,
    GenerateTask,
    HeadlineItem,
    PolicyRef,
    Settlement,
    StepHead,
)
from tests.factories import STATS, generated, make_evaluation

HEAD = StepHead(step_id=1, fence=2, run="RUN", date=dt.date(2025, 8, 18), config=RunConfig(rollouts=2))
NOON = dt.datetime(2025, 8, 18, 12, tzinfo=dt.UTC)
TASK = GenerateTask(
    **{name: getattr(HEAD, name) for name in StepHead.model_fields},
    policy=PolicyRef(),
    profile="tight",
    headlines=[HeadlineItem(id=number, text=f"h{number}", published_at=NOON) for number in (11, 12)],
)


def check(result: GenerateResult) -> None:
    check_generated(result, [11, 12], "base", "tight", TASK.config)


def test_a_result_that_answers_the_task_passes() -> None:
    check(generated(TASK))


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"policy": "other"}, "policy"),
        ({"profile": "loose"}, "profile"),
        ({"logprobs": [-0.5]}, "token_ids"),
        ({"forced": []}, "token_ids"),
        ({"logprobs": [-0.5, float("nan")]}, "logprobs"),
        ({"logprobs": [-0.5, float("-inf")]}, "logprobs"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
    ],
)
def test_a_wrong_rollout_is_named_with_its_field(overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"groups\.11\.rollouts\.0\.{field}"):
        check(generated(TASK, **overrides))


def test_headlines_must_be_those_of_the_task() -> None:
    result = generated(TASK)
    missing = result.model_copy(update={"groups": result.groups[:1]})
    twice = result.model_copy(update={"groups": [result.groups[0], *result.groups]})
    with pytest.raises(InvalidInputError, match=r"groups\.headline_id: .* missing \[12\]"):
        check(missing)
    with pytest.raises(InvalidInputError, match=r"groups\.headline_id"):
        check(twice)


def test_groups_must_be_whole() -> None:
    result = generated(TASK)
    short = result.groups[0].model_copy(update={"rollouts": result.groups[0].rollouts[:1]})
    with pytest.raises(InvalidInputError, match="a group is 2 rollouts"):
        check(result.model_copy(update={"groups": [short, result.groups[1]]}))


def evaluations(*rollout_ids: int, **overrides: Any) -> EvaluateResult:
    records = [make_evaluation(rollout_id, **overrides) for rollout_id in rollout_ids]
    return EvaluateResult(evaluations=records, ranker="semantic", leak_list="1", seconds=0.1)


def test_every_rollout_is_scored_once() -> None:
    check_evaluated(evaluations(1, 2), [2, 1], 0.1)
    for wrong in (evaluations(1), evaluations(1, 1), evaluations(1, 2, 3)):
        with pytest.raises(InvalidInputError, match=r"evaluations\.rollout_id"):
            check_evaluated(wrong, [1, 2], 0.1)


@pytest.mark.parametrize("field", ["reward", "composite", "semantic"])
def test_scores_must_be_finite(field: str) -> None:
    with pytest.raises(InvalidInputError, match=r"evaluations\.1: holds a number that is not finite"):
        check_evaluated(evaluations(1, **{field: float("inf")}), [1], 0.1)


@pytest.mark.parametrize(("reward", "bonus"), [(0.0, 0.0), (1.0, 0.0), (1.25, 0.25), (1.1 + 1e-12, 0.1)])
def test_a_reward_within_the_days_range_passes(reward: float, bonus: float) -> None:
    check_evaluated(evaluations(1, reward=reward), [1], bonus)


@pytest.mark.parametrize(("reward", "bonus"), [(-0.01, 0.1), (1.05, 0.0), (1.2, 0.1)])
def test_a_reward_beyond_the_days_range_is_refused(reward: float, bonus: float) -> None:
    with pytest.raises(InvalidInputError, match=r"evaluations\.1\.reward: it is .* from 0 to 1 \+ the day's bonus"):
        check_evaluated(evaluations(1, reward=reward), [1], bonus)


def test_settlements_and_the_rankers_figures_must_be_finite() -> None:
    settlement = Settlement(
        symbol="SPY",
        threshold=0.02,
        prob=0.7,
        start_date=HEAD.date,
        end_date=HEAD.date,
        change=float("nan"),
        happened=True,
        brier=0.09,
        log_loss=0.357,
    )
    with pytest.raises(InvalidInputError, match=r"evaluations\.1: holds a number"):
        check_evaluated(evaluations(1, settlement=settlement), [1], 0.1)
    infinite = evaluations(1).model_copy(update={"figures": {"comparisons": float("inf")}})
    with pytest.raises(InvalidInputError, match=r"figures: holds a number"):
        check_evaluated(infinite, [1], 0.1)


def record(**overrides: Any) -> CheckpointRecord:
    values: dict[str, Any] = {
        "ref": CheckpointRef(id="new", uri="RUN/new", sha256="0"),
        "run": "RUN",
        "date": HEAD.date,
        "fence": 2,
        "parent": "old",
        "base_model": HEAD.config.base_model,
        "adapter": "lora",
        "files": {"adapter_model.safetensors": "0"},
    }
    return CheckpointRecord(**values | overrides)


PARENT = CheckpointRef(id="old", uri="RUN/old", sha256="0")


def test_a_checkpoint_of_the_task_passes() -> None:
    check_trained(record(), STATS, HEAD, PARENT)
    check_trained(record(parent=None), STATS, HEAD, None)


def test_an_objective_without_a_ratio_has_no_figures_of_one() -> None:
    absent = dict.fromkeys(("clip_share", "log_ratio_mean", "log_ratio_max", "importance_mean", "entropy"))
    check_trained(record(), STATS.model_copy(update={"objective": "sft"} | absent), HEAD, PARENT)


@pytest.mark.parametrize(
    "overrides",
    [
        {"run": "OTHER"},
        {"date": dt.date(2025, 8, 19)},
        {"fence": 1},
        {"parent": None},
        {"base_model": "other"},
        {"adapter": "full"},
    ],
)
def test_a_checkpoint_of_another_task_is_refused(overrides: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=rf"checkpoint\.{next(iter(overrides))}"):
        check_trained(record(**overrides), STATS, HEAD, PARENT)


def test_statistics_must_be_finite() -> None:
    with pytest.raises(InvalidInputError, match="stats: holds a number that is not finite"):
        check_trained(record(), STATS.model_copy(update={"loss": float("nan")}), HEAD, PARENT)
