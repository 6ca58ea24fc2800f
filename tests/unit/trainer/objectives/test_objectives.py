"""Every objective through the trainer's own path: what it leaves, what follows it, and what it says of itself."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any, get_args

import pytest
from safetensors.torch import load_file

from services.trainer.objectives.registry import OBJECTIVES
from services.trainer.update.optimizer import ABOUT, TENSORS
from services.trainer.update.update import STATS
from shared.run_config import Objective
from shared.wire import TrainGroup, TrainStats
from tests.unit.trainer.toys import VOCABULARY, likelihood, make_request, random_group, run_update, train_task

WEIGHTS = "adapter_model.safetensors"
SAMPLERS = {"clip_share", "log_ratio_mean", "log_ratio_max", "importance_mean"}
BASELINES = ["sft", "kto"]


def scored(number: int, *, valid: int = 2, size: int = 4) -> TrainGroup:
    """A random group whose first lines are valid, the later the better."""
    group = random_group(number, size=size)
    rollouts = [
        one.model_copy(update={"valid": place < valid, "normalized_score": place / size, "forced": [False] * 6})
        for place, one in enumerate(group.rollouts)
    ]
    cut = [one.model_copy(update={"forced": one.forced[: len(one.token_ids)]}) for one in rollouts]
    return group.model_copy(update={"rollouts": cut})


GROUPS = [scored(1), scored(2), scored(3)]


def day(base: Path, folder: Path, objective: str, *, parent: Path | None = None, **settings: Any) -> TrainStats:
    groups = settings.pop("groups", GROUPS)
    place = 1 if parent else 0
    return run_update(
        make_request(train_task(groups, day=place, objective=objective, **settings), base, folder, parent)
    )


def about(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / ABOUT).read_text("utf8")))


def test_every_configured_objective_is_registered() -> None:
    assert set(OBJECTIVES) == set(get_args(Objective))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_update_leaves_the_files_and_figures_of_its_objective(
    tiny_base: Path, tmp_path: Path, objective: str
) -> None:
    stats = day(tiny_base, tmp_path, objective)
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {WEIGHTS, "adapter_config.json", TENSORS, ABOUT, STATS}
    assert not [path for path in tmp_path.iterdir() if path.is_dir() and path.name != "work"]
    assert about(tmp_path)["objective"] == stats.objective == objective
    assert (stats.updates, stats.groups, stats.groups_dropped) == (2, 3, 0)
    assert stats.loss != 0
    assert stats.grad_norm > 0
    assert stats.entropy is not None
    assert 0 < stats.entropy < math.log(VOCABULARY)
    assert stats.mean_reward == pytest.approx(sum(one.reward for g in GROUPS for one in g.rollouts) / 12)
    missing = {name for name, value in stats if value is None}
    assert missing == (set() if objective == "gspo" else SAMPLERS)
    saved = json.loads((tmp_path / STATS).read_text("utf8"))
    assert saved == json.loads(stats.model_dump_json(exclude={"seconds"}))


@pytest.mark.parametrize(
    ("objective", "lines", "used"), [("sft", "best", 3), ("sft", "valid", 6), ("kto", "best", 12), ("gspo", "best", 12)]
)
def test_figures_count_the_rollouts_that_the_objective_considered(
    tiny_base: Path, tmp_path: Path, objective: str, lines: str, used: int
) -> None:
    assert day(tiny_base, tmp_path, objective, lines=lines, minibatches=1).rollouts == used


@pytest.mark.parametrize("objective", BASELINES)
def test_equal_days_give_equal_bytes(tiny_base: Path, tmp_path: Path, objective: str) -> None:
    for name in ("one", "two"):
        day(tiny_base, tmp_path / name, objective)
    for path in (tmp_path / "one").glob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("objective", BASELINES)
def test_full_weights_are_trained(tiny_base: Path, tmp_path: Path, objective: str) -> None:
    stats = day(tiny_base, tmp_path, objective, adapter="full", learning_rate=1e-3)
    key = "model.layers.0.mlp.up_proj.weight"
    base, after = (load_file(folder / "model.safetensors")[key] for folder in (tiny_base, tmp_path))
    assert stats.updates == 2
    assert not base.equal(after)


def test_a_day_without_a_valid_line_has_nothing_to_imitate(tiny_base: Path, tmp_path: Path) -> None:
    stats = day(tiny_base, tmp_path, "sft", groups=[scored(1, valid=0)])
    assert (stats.updates, stats.groups_dropped, stats.rollouts, stats.entropy) == (0, 1, 0, None)
    assert not (tmp_path / TENSORS).exists()


def test_supervised_update_makes_the_tasks_number_of_epochs(tiny_base: Path, tmp_path: Path) -> None:
    stats = day(tiny_base, tmp_path, "sft", lines="valid", epochs=3)
    assert (stats.updates, stats.rollouts) == (6, 6)
    assert about(tmp_path)["steps"] == 6


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_learning_rate_of_zero_changes_no_weight(tiny_base: Path, tmp_path: Path, objective: str) -> None:
    task = train_task(GROUPS, objective=objective).model_copy(update={"learning_rate": 0.0})
    stats = run_update(make_request(task, tiny_base, tmp_path))
    assert (stats.learning_rate, stats.updates) == (0.0, 2)
    assert all(not tensor.any() for key, tensor in load_file(tmp_path / WEIGHTS).items() if "lora_B" in key)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_learning_rate_is_the_days_and_not_the_runs(tiny_base: Path, tmp_path: Path, objective: str) -> None:
    task = train_task(GROUPS[:1], objective=objective, learning_rate=1e-2)
    run_update(make_request(task.model_copy(update={"learning_rate": 1e-5}), tiny_base, tmp_path))
    moved = max(float(v.abs().max()) for key, v in load_file(tmp_path / WEIGHTS).items() if "lora_B" in key)
    # AdamW's first step has the size of the learning rate
    assert moved == pytest.approx(1e-5, rel=0.02)


def test_after_a_warm_start_its_lines_are_likelier_and_gspo_begins_from_it_with_fresh_moments(
    tiny_base: Path, tmp_path: Path
) -> None:
    warm, one, two = tmp_path / "warm", tmp_path / "one", tmp_path / "two"
    valid = [group.model_copy(update={"rollouts": group.rollouts[:2]}) for group in GROUPS]
    day(tiny_base, warm, "sft", lines="valid", epochs=4)
    assert likelihood(tiny_base, warm, valid) > likelihood(tiny_base, None, valid) + 0.5

    stats = day(tiny_base, one, "gspo", parent=warm, minibatches=1, learning_rate=1e-4)
    assert likelihood(tiny_base, one, valid) == pytest.approx(likelihood(tiny_base, warm, valid), abs=0.1)
    assert about(one) | {"parameters": 0} == {"objective": "gspo", "optimizer": "adamw", "parameters": 0, "steps": 1}
    # a fresh AdamW: m = .1 g and v = .001 g², whatever the warm start's gradients were
    state = load_file(one / TENSORS)
    for key in (key for key in state if key.endswith(".exp_avg")):
        assert (state[key] / 0.1).square().allclose(state[f"{key}_sq"] / 0.001, rtol=1e-3, atol=1e-8), key
    assert stats.grad_norm > 0

    day(tiny_base, two, "gspo", parent=one, minibatches=1)
    assert about(two)["steps"] == 2


@pytest.mark.parametrize("objective", BASELINES)
def test_the_moments_of_the_same_objective_are_carried_on(tiny_base: Path, tmp_path: Path, objective: str) -> None:
    day(tiny_base, tmp_path / "one", objective)
    day(tiny_base, tmp_path / "two", objective, parent=tmp_path / "one")
    assert about(tmp_path / "two")["steps"] == 4


@pytest.mark.parametrize(("minibatches", "logged"), [(1, []), (2, [1])])
@pytest.mark.parametrize("objective", ["gspo", "kto"])
def test_scoring_of_later_minibatches_is_logged_only_if_there_are_any(
    tiny_base: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    objective: str,
    minibatches: int,
    logged: list[int],
) -> None:
    caplog.set_level(logging.INFO, "services.trainer")
    day(tiny_base, tmp_path, objective, minibatches=minibatches)
    assert [record.args for record in caplog.records if "scored the rollouts" in record.msg] == [(n,) for n in logged]
