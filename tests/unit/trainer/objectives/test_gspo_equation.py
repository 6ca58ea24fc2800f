"""The trainer's loss and gradient against equation 5 of the GSPO paper (arXiv 2507.18071), written out here anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.trainer.batch.tensors import PackedBatch, computed
from services.trainer.update.model import load_policy
from tests.unit.trainer.toys import CPU, make_request, make_trainer, random_group, rollout, scored_packs, train_task

LOW, HIGH = 3e-4, 4e-4


def sequence_logps(model: Any, prompt: Tensor, answer: Tensor, temperature: float) -> Tensor:
    logits = model(torch.cat([prompt, answer])[None]).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits / temperature, -1).gather(1, answer[:, None])[:, 0]


def paper_loss(model: Any, packs: list[PackedBatch], cap: float) -> tuple[Tensor, list[str]]:
    """Minus equation 5, each term times the sampler's truncated importance weight; and which sequences were clipped."""
    terms, clipped = [], []
    for pack in packs:
        for row, advantage in enumerate(pack.advantages):
            counted = pack.counted[row]
            if not counted.any():
                terms.append(torch.zeros(()))
                continue
            answer = pack.answers[row][pack.mask[row]]
            learned = counted[pack.mask[row]]
            logps = sequence_logps(model, pack.prompts[0], answer, pack.temperature)[learned]
            with torch.no_grad():
                gap = (computed(pack.log_ratios)[row]).exp().clamp(max=cap)
            ratio = torch.exp(torch.mean(logps - computed(pack.old_logprobs)[row][counted]))
            bounded = torch.clip(ratio, 1 - LOW, 1 + HIGH)
            terms.append(gap * torch.minimum(ratio * advantage, bounded * advantage))
            if advantage * (ratio - bounded).detach() > 0:
                clipped.append("high" if advantage > 0 else "low")
    return -torch.stack(terms).mean(), clipped


@pytest.fixture
def packs(tiny_base: Path, tmp_path: Path) -> tuple[Any, list[PackedBatch], Any]:
    """A model and trainer with two groups of unlike sizes, prompts, temperatures and lengths, far from π_old."""
    one, two = random_group(1, size=5, longest=8), random_group(2, size=3, prompt=3, temperature=0.9)
    two = two.model_copy(update={"rollouts": [*two.rollouts, rollout(99, (), 0.0), rollout(98, (4, 5), 0.3, (0, 1))]})
    request = make_request(train_task([one, two]), tiny_base, tmp_path)
    model = load_policy(request, CPU)
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.05)
    shifted = []
    for scored in scored_packs(model, [one, two]):
        old = computed(scored.old_logprobs)
        noise = 1e-3 * torch.randn_like(old) + 1e-3 * torch.randn(len(old), 1)
        shifted.append(replace(scored, old_logprobs=(old + noise) * scored.mask))
    return model, shifted, make_trainer(request, [shifted], model)


def test_loss_and_gradient_are_those_of_the_paper_with_clipping_masks_and_weights(
    packs: tuple[Any, list[PackedBatch], Any],
) -> None:
    model, scored, trainer = packs
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer.training_step(model, trainer.minibatches[0], None)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    ours = {name: parameter.grad.clone() for name, parameter in trained.items()}
    expected, clipped = paper_loss(model, scored, cap=2.0)
    theirs = dict(zip(trained, torch.autograd.grad(expected, list(trained.values())), strict=True))
    assert set(clipped) == {"low", "high"}
    assert len(clipped) < 8
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    norm = torch.cat([gradient.flatten() for gradient in theirs.values()]).norm()
    apart = torch.cat([(ours[name] - theirs[name]).flatten() for name in trained]).norm()
    assert norm > 1e-3
    assert apart / norm < 1e-4


def test_importance_weights_are_truncated_and_means_over_counted_tokens(
    packs: tuple[Any, list[PackedBatch], Any],
) -> None:
    _, scored, _ = packs
    for pack in scored:
        log_ratios, weights = computed(pack.log_ratios), computed(pack.weights)
        for row, counted in enumerate(pack.counted):
            if counted.any():
                assert weights[row] == pytest.approx(min(2.0, float(log_ratios[row].exp())), rel=1e-6)
            else:
                assert (log_ratios[row].item(), weights[row].item()) == (0.0, 1.0)
    assert any(bool((computed(pack.weights) < 1.99).any()) for pack in scored)


def test_importance_cap_of_one_bounds_every_weight_by_one(tiny_base: Path, tmp_path: Path) -> None:
    group = random_group(4)
    far = [one.model_copy(update={"logprobs": [-9.0] * len(one.token_ids)}) for one in group.rollouts]
    request = make_request(train_task([group]), tiny_base, tmp_path)
    (scored,) = scored_packs(load_policy(request, CPU), [group.model_copy(update={"rollouts": far})], cap=1.0)
    assert computed(scored.weights).tolist() == [1.0] * len(far)


def test_a_forced_token_passes_no_gradient(tiny_base: Path, tmp_path: Path) -> None:
    forced_last = [rollout(place, (4, 5, 6 + place), place / 4, (2,)) for place in range(4)]
    other_last = [one.model_copy(update={"token_ids": [4, 5, 20]}) for one in forced_last]
    gradients = []
    for number, rollouts in enumerate((forced_last, other_last)):
        group = random_group(1).model_copy(update={"rollouts": rollouts})
        request = make_request(train_task([group]), tiny_base, tmp_path / str(number))
        trainer = make_trainer(request, [scored_packs(load_policy(request, CPU), [group])])
        trainer.current_gradient_accumulation_steps = 1
        trainer.training_step(trainer.model, trainer.minibatches[0], None)
        gradients.append([parameter.grad for parameter in trainer.model.parameters() if parameter.requires_grad])
    for own, other in zip(*gradients, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-9)
