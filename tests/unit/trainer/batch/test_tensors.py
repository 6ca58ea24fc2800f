"""Loss and gradient of a step: packed against plain, and many uneven packs against one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import pytest
import torch
from jaxtyping import jaxtyped
from safetensors.torch import load_file
from torch import Tensor

from services.trainer.batch.importance import score_pack
from services.trainer.batch.logprobs import answer_logprobs
from services.trainer.batch.rules import BatchGroup, pack_groups
from services.trainer.batch.tensors import PackedBatch, computed, to_tensors
from services.trainer.objectives.advantages import make_batch
from services.trainer.settings import LayoutName
from services.trainer.update.model import load_policy
from shared.errors import InvalidInputError
from shared.wire import TrainGroup
from tests.unit.trainer.toys import CPU, make_request, make_trainer, random_group, rollout, run_update, train_task

ONE_TOKEN = random_group(7).model_copy(update={"rollouts": [rollout(n, (n + 3,), n / 5) for n in range(5)]})
FORCED = random_group(8).model_copy(
    update={"rollouts": [rollout(n, (3 + n, 4, 5, 6), n / 4, (0, 2) if n else (0, 1, 2, 3)) for n in range(4)]}
)
DAYS = {
    "one group": [random_group(1)],
    "unlike groups": [random_group(1, prompt=9, longest=3), random_group(2, prompt=2, size=3), random_group(3)],
    "answers of one token": [ONE_TOKEN],
    "a group of 2": [random_group(4, size=2)],
    "a group of 16": [random_group(5, size=16)],
    "forced tokens": [FORCED, random_group(6)],
    "a dropped group": [random_group(1).model_copy(update={"rollouts": [rollout(1, (4,), 0.5)]}), random_group(2)],
}


def step(
    folder: Path, base: Path, groups: Sequence[TrainGroup], tokens: int, layout: LayoutName, adapter: str
) -> tuple[float, Tensor, int, float]:
    """Loss, gradient, number of packs and clip share of one step, on weights away from those of π_old."""
    folder.mkdir()
    request = make_request(train_task(groups, adapter=adapter), base, folder)
    model: Any = load_policy(request, CPU)
    (part,) = make_batch(groups, 1).minibatches
    scored = [score_pack(model, to_tensors(some, 0, CPU), 2.0, layout) for some in pack_groups(part, tokens)]
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name or adapter == "full":
                parameter.add_((1e-4 if adapter == "lora" else 3e-5) * torch.randn_like(parameter))
    trainer = make_trainer(request, [scored], model)
    trainer.layout = layout
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer.training_step(model, trainer.minibatches[0], None)
    gradient = torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])
    (clipped,) = trainer._metrics["train"]["clip_ratio/region_mean"]
    return float(loss), gradient, len(scored), clipped


def assert_equal(ours: tuple[float, Tensor, int, float], theirs: tuple[float, Tensor, int, float]) -> None:
    assert ours[0] == pytest.approx(theirs[0], abs=1e-5)
    assert theirs[1].norm() > 1e-3
    assert (ours[1] - theirs[1]).norm() / theirs[1].norm() < 1e-4
    assert ours[3] == pytest.approx(theirs[3])


@pytest.mark.parametrize("adapter", ["lora", "full"])
@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS.keys())
def test_packed_layout_has_loss_and_gradient_of_the_plain_one(
    tiny_base: Path, tmp_path: Path, day: list[TrainGroup], adapter: Literal["lora", "full"]
) -> None:
    packed = step(tmp_path / "packed", tiny_base, day, 10_000, "packed", adapter)
    plain = step(tmp_path / "plain", tiny_base, day, 1, "plain", adapter)
    assert packed[2] == 1
    assert_equal(packed, plain)


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_accumulation_over_uneven_packs_equals_one_pack(
    tiny_base: Path, tmp_path: Path, adapter: Literal["lora", "full"]
) -> None:
    day = [random_group(1, size=2), random_group(2, size=3), random_group(3, size=9, longest=9), random_group(4)]
    whole = step(tmp_path / "whole", tiny_base, day, 10_000, "packed", adapter)
    parts = step(tmp_path / "parts", tiny_base, day, 50, "packed", adapter)
    assert (whole[2], parts[2]) == (1, 3)
    assert 0 < whole[3] < 1
    assert_equal(parts, whole)


def batch_group(number: int, *, temperature: float = 0.7) -> BatchGroup:
    """A group of 10 tokens: a prompt of 4, and answers of 2 and 4."""
    group = random_group(number, prompt=4, temperature=temperature)
    answers = [rollout(1, (3, 4), 0.0), rollout(2, (3, 4, 5, 6), 1.0)]
    (part,) = make_batch([group.model_copy(update={"rollouts": answers})], 1).minibatches
    return part[0]


@pytest.mark.parametrize(
    ("tokens", "sizes"), [(1, [1, 1, 1, 1]), (19, [1, 1, 1, 1]), (20, [2, 2]), (30, [3, 1]), (40, [4])]
)
def test_groups_share_a_pack_while_their_tokens_fit(tokens: int, sizes: list[int]) -> None:
    groups = [batch_group(number) for number in range(4)]
    packs = pack_groups(groups, tokens)
    assert [len(pack) for pack in packs] == sizes
    assert [item.group.group_id for pack in packs for item in pack] == [0, 1, 2, 3]


def test_the_largest_groups_are_placed_first_and_the_others_fill_their_packs() -> None:
    sizes = (150, 300, 250, 200, 600)
    items = [batch_group(number) for number in range(len(sizes))]
    groups = [
        replace(item, group=item.group.model_copy(update={"prompt_token_ids": [3] * (size - item.answer_tokens)}))
        for item, size in zip(items, sizes, strict=True)
    ]
    assert [[item.tokens for item in pack] for pack in pack_groups(groups, 500)] == [[600], [300, 200], [250, 150]]


def test_groups_of_different_temperatures_share_no_pack() -> None:
    groups = [batch_group(1), batch_group(2, temperature=1.0), batch_group(3, temperature=1.0)]
    assert [len(pack) for pack in pack_groups(groups, 10_000)] == [1, 2]
    assert pack_groups([], 10) == ()


@pytest.mark.parametrize("changes", [{"layout": "plain"}, {"pack_tokens": 1}])
def test_layout_and_pack_size_do_not_change_the_update(
    tiny_base: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    task = train_task([random_group(number) for number in (1, 2, 3, 4)], learning_rate=1e-3)
    requests = [make_request(task, tiny_base, tmp_path / name) for name in ("one", "other")]
    stats = [run_update(requests[0]), run_update(requests[1].model_copy(update=changes))]
    assert stats[1].loss == pytest.approx(stats[0].loss, abs=1e-5)
    assert stats[1].importance_mean == pytest.approx(stats[0].importance_mean, abs=1e-5)
    # AdamW's first steps have the size of the learning rate whatever the gradient's, so moments are compared
    one, other = (load_file(request.staged / "optimizer.safetensors") for request in requests)
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-6)


def test_configured_layout_is_used(tiny_base: Path, tmp_path: Path) -> None:
    request = make_request(train_task([random_group(1)]), tiny_base, tmp_path)
    model: Any = load_policy(request, CPU)
    model.get_base_model().config.sliding_window = 3
    model.get_base_model().config.layer_types = None
    (part,) = make_batch(request.task.groups, 1).minibatches
    pack = to_tensors(part, 0, CPU)
    with pytest.raises(InvalidInputError, match="do not attend to the whole sequence"):
        score_pack(model, pack, 2.0, "packed")
    assert computed(score_pack(model, pack, 2.0, "plain").old_logprobs).shape == pack.answers.shape


def test_forced_tokens_are_not_scored_and_do_not_change_later_tokens(tiny_base: Path, tmp_path: Path) -> None:
    request = make_request(train_task([FORCED]), tiny_base, tmp_path)
    model: Any = load_policy(request, CPU)
    (part,) = make_batch([FORCED], 1).minibatches
    pack = to_tensors(part, 0, CPU)
    some, _ = answer_logprobs(model, pack)
    every, _ = answer_logprobs(model, replace(pack, counted=pack.mask))
    torch.testing.assert_close(some, every * pack.counted, rtol=0, atol=1e-5)
    assert not some[~pack.counted].any()


def test_unweighed_packs_are_weighed_by_their_own_step(tiny_base: Path, tmp_path: Path) -> None:
    request = make_request(train_task([random_group(1), random_group(2)]), tiny_base, tmp_path)
    model: Any = load_policy(request, CPU)
    (part,) = make_batch(request.task.groups, 1).minibatches
    packs = [to_tensors([group], 0, CPU) for group in part]
    scored = [score_pack(model, pack, 2.0) for pack in packs]
    losses, gradients = [], []
    for minibatch in (packs, scored):
        trainer = make_trainer(request, [minibatch], model)
        trainer.current_gradient_accumulation_steps = 1
        model.zero_grad()
        losses.append(float(trainer.training_step(model, trainer.minibatches[0], None)))
        gradients.append(torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None]))
        for pack, known in zip(trainer.weighed, scored, strict=True):
            torch.testing.assert_close(pack.old_logprobs, known.old_logprobs, rtol=0, atol=1e-6)
            torch.testing.assert_close(pack.weights, known.weights, rtol=1e-6, atol=0)
            assert not computed(pack.old_logprobs).requires_grad
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert (gradients[0] - gradients[1]).norm() / gradients[1].norm() < 1e-5


def test_tensors_of_a_weighed_pack_have_their_annotated_types_and_shapes(tiny_base: Path, tmp_path: Path) -> None:
    request = make_request(train_task([random_group(1), random_group(2, size=3)]), tiny_base, tmp_path)
    (part,) = make_batch(request.task.groups, 1).minibatches
    pack = score_pack(load_policy(request, CPU), to_tensors(part, 0, CPU), 2.0)
    annotated = get_type_hints(PackedBatch)
    with jaxtyped("context"):  # axes of one name have one size in all fields
        for name in ("answers", "mask", "counted", "sampler_logprobs", "advantages"):
            assert isinstance(getattr(pack, name), annotated[name]), name
        for name in ("old_logprobs", "log_ratios", "weights", "entropies"):
            assert isinstance(getattr(pack, name), get_args(annotated[name])[0]), name
    assert all(isinstance(prompt, get_args(annotated["prompts"])[0]) for prompt in pack.prompts)
    with jaxtyped("context"):
        assert isinstance(pack.answers, annotated["answers"])
        assert not isinstance(computed(pack.weights)[:-1], annotated["advantages"])
