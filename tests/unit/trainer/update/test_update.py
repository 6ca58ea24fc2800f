"""A day's update through the trainer's own path: what is saved, carried on, left out and refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from services.trainer.update.base import BaseModels
from services.trainer.update.optimizer import ABOUT, TENSORS
from services.trainer.update.serve import run
from services.trainer.update.update import STATS
from shared.checkpoints import ALLOWED_SUFFIXES
from shared.errors import CheckpointCorruptError, InvalidInputError
from shared.wire import TrainGroup
from tests.unit.trainer.toys import BASE, VOCABULARY, make_request, random_group, rollout, run_update, train_task

GROUPS = [random_group(number) for number in (1, 2, 3)]
WEIGHTS = "adapter_model.safetensors"


def flat_group(number: int) -> TrainGroup:
    group = random_group(number)
    return group.model_copy(update={"rollouts": [one.model_copy(update={"reward": 0.5}) for one in group.rollouts]})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_an_update_leaves_an_adapter_its_optimizer_and_its_figures(tiny_base: Path, tmp_path: Path) -> None:
    stats = run_update(make_request(train_task([*GROUPS, flat_group(4)]), tiny_base, tmp_path))
    assert names(tmp_path) == {WEIGHTS, "adapter_config.json", TENSORS, ABOUT, STATS}
    assert all(Path(name).suffix in ALLOWED_SUFFIXES for name in names(tmp_path))
    assert (stats.updates, stats.groups, stats.groups_dropped, stats.rollouts) == (2, 4, 1, 16)
    assert stats.tokens == sum(len(one.token_ids) for group in GROUPS for one in group.rollouts)
    assert all(math.isfinite(value) for value in stats.model_dump(exclude={"objective"}).values())
    assert stats.grad_norm > 0
    assert stats.entropy is not None
    assert stats.importance_mean is not None
    assert 0 < stats.entropy < math.log(VOCABULARY)
    assert 0 < stats.importance_mean <= 2
    assert (stats.policy_lag, stats.learning_rate) == (1, 1e-2)
    saved = json.loads((tmp_path / STATS).read_text("utf8"))
    assert saved == json.loads(stats.model_dump_json(exclude={"seconds"}))


def test_the_adapter_names_its_base_and_no_folder_of_this_machine(tiny_base: Path, tmp_path: Path) -> None:
    run_update(make_request(train_task(GROUPS), tiny_base, tmp_path))
    text = (tmp_path / "adapter_config.json").read_text("utf8")
    about = json.loads(text)
    assert about["base_model_name_or_path"] == BASE
    assert str(tiny_base) not in text
    linear = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert (about["target_modules"], about["r"], about["lora_alpha"]) == (linear, 4, 8)


def test_the_adapter_loads_with_peft_and_changes_the_model(tiny_base: Path, tmp_path: Path) -> None:
    run_update(make_request(train_task(GROUPS), tiny_base, tmp_path))
    tokens = torch.tensor([[5, 6, 7]])
    plain = AutoModelForCausalLM.from_pretrained(tiny_base)(tokens).logits
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_base), tmp_path)(tokens).logits
    assert not torch.equal(plain, adapted)


def test_next_day_continues_with_weights_and_moments_of_the_day_before(tiny_base: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run_update(make_request(train_task(GROUPS, minibatches=1), tiny_base, one))
    run_update(make_request(train_task(GROUPS, day=1, minibatches=1), tiny_base, two, parent=one))
    before, after = load_file(one / TENSORS), load_file(two / TENSORS)
    assert before.keys() == after.keys()
    moved = 0.0
    for key in before:
        if key.endswith(".step"):
            assert (before[key].item(), after[key].item()) == (1.0, 2.0)
        elif key.endswith(".exp_avg"):
            # AdamW: m' = .9 m + .1 g and v' = .999 v + .001 g², for the same g
            gradient = (after[key] - 0.9 * before[key]) / 0.1
            squared = (after[f"{key}_sq"] - 0.999 * before[f"{key}_sq"]) / 0.001
            torch.testing.assert_close(gradient**2, squared, rtol=1e-2, atol=1e-6)
            moved += float(before[key].abs().sum())
    assert moved > 0
    assert json.loads((two / ABOUT).read_text("utf8"))["steps"] == 2


def test_equal_days_give_equal_bytes(tiny_base: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run_update(make_request(train_task(GROUPS), tiny_base, tmp_path / name))
    for name in names(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_seed_gives_another_adapter(tiny_base: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        run_update(make_request(train_task(GROUPS, seed=seed), tiny_base, tmp_path / str(seed)))
    assert (tmp_path / "1" / WEIGHTS).read_bytes() != (tmp_path / "2" / WEIGHTS).read_bytes()


@pytest.mark.parametrize("groups", [[], [flat_group(1), flat_group(2)]])
def test_first_day_without_a_group_to_learn_from_publishes_a_neutral_adapter(
    tiny_base: Path, tmp_path: Path, groups: list[TrainGroup]
) -> None:
    stats = run_update(make_request(train_task(groups), tiny_base, tmp_path))
    assert (stats.updates, stats.groups_dropped, stats.loss, stats.grad_norm) == (0, len(groups), 0.0, 0.0)
    assert names(tmp_path) == {WEIGHTS, "adapter_config.json", STATS}
    assert all(not tensor.any() for key, tensor in load_file(tmp_path / WEIGHTS).items() if "lora_B" in key)


def test_later_day_without_a_group_to_learn_from_keeps_weights_and_moments(tiny_base: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run_update(make_request(train_task(GROUPS), tiny_base, one))
    run_update(make_request(train_task([flat_group(1)], day=1), tiny_base, two, parent=one))
    for name in (WEIGHTS, "adapter_config.json", TENSORS, ABOUT):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_full_weights_are_saved_with_the_files_of_an_engine_and_trained_further(
    tiny_base: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    settings: dict[str, Any] = {"adapter": "full", "learning_rate": 1e-3}
    run_update(make_request(train_task(GROUPS, **settings), tiny_base, one))
    stats = run_update(make_request(train_task(GROUPS, day=1, **settings), tiny_base, two, parent=one))
    assert {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"} <= names(two)
    assert all(Path(name).suffix in ALLOWED_SUFFIXES for name in names(two))
    assert stats.updates == 2
    base, first, second = (load_file(folder / "model.safetensors") for folder in (tiny_base, one, two))
    key = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(base[key], first[key])
    assert not torch.equal(first[key], second[key])
    assert AutoTokenizer.from_pretrained(two).vocab_size == VOCABULARY
    assert not any(str(tiny_base) in path.read_text("utf8") for path in two.glob("*.json"))


def test_groups_of_one_batch_may_have_been_sampled_at_different_temperatures(tiny_base: Path, tmp_path: Path) -> None:
    warm = random_group(1, temperature=1.3)
    stats = run_update(make_request(train_task([GROUPS[1], warm], minibatches=1), tiny_base, tmp_path))
    assert stats.updates == 1


def test_answers_of_one_token_and_none_are_trained_on(tiny_base: Path, tmp_path: Path) -> None:
    rollouts = [rollout(1, (5,), 1.0), rollout(2, (), 0.0), rollout(3, (6,), 0.2), rollout(4, (7,), 0.1)]
    group = GROUPS[0].model_copy(update={"rollouts": rollouts, "prompt_token_ids": [9]})
    stats = run_update(make_request(train_task([group]), tiny_base, tmp_path))
    assert (stats.updates, stats.tokens) == (1, 3)
    assert stats.grad_norm > 0


def test_token_outside_the_vocabulary_is_refused_naming_the_group(tiny_base: Path, tmp_path: Path) -> None:
    alien = GROUPS[0].model_copy(update={"prompt_token_ids": [2, VOCABULARY]})
    with pytest.raises(InvalidInputError, match=f"group 1: token {VOCABULARY} is not in the vocabulary of toy/llama"):
        run_update(make_request(train_task([alien]), tiny_base, tmp_path))


def test_error_that_is_not_retryable_becomes_the_outcome(tiny_base: Path, tmp_path: Path) -> None:
    alien = GROUPS[0].model_copy(update={"temperature": 0.0})
    outcome = run(make_request(train_task([alien]), tiny_base, tmp_path), BaseModels())
    assert outcome.stats is None
    assert outcome.error is not None
    assert outcome.error.startswith("group 1: temperature is 0.0")


def test_a_day_whose_figures_are_not_finite_is_not_saved(tiny_base: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    run_update(make_request(train_task([]), tiny_base, first))
    weights = load_file(first / WEIGHTS)
    save_file({key: torch.full_like(tensor, math.nan) for key, tensor in weights.items()}, first / WEIGHTS)
    with pytest.raises(InvalidInputError, match="no finite loss"):
        run_update(make_request(train_task(GROUPS, day=1), tiny_base, tmp_path / "two", parent=first))
    assert WEIGHTS not in names(tmp_path / "two")


def test_moments_of_another_shape_of_adapter_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    run_update(make_request(train_task(GROUPS), tiny_base, one))
    kept = {key: tensor for key, tensor in load_file(one / TENSORS).items() if "q_proj" not in key}
    save_file(kept, one / TENSORS)
    with pytest.raises(CheckpointCorruptError, match="optimizer state does not fit"):
        run_update(make_request(train_task(GROUPS, day=1), tiny_base, tmp_path / "two", parent=one))
