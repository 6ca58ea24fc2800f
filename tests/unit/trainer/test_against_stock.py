"""Morrow's update, stock TRL's and one worked by hand have one loss and one gradient, however many groups there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM

from bench.updating.by_hand import loss_by_hand
from bench.updating.side import Update
from services.trainer.objectives.advantages import make_batch
from services.trainer.objectives.base import trl_settings
from services.trainer.objectives.gspo import gspo_config
from services.trainer.update.model import load_policy, lora_config
from tests.unit.trainer.toys import CPU, make_request, random_group, run_config, train_task

CONFIG = run_config(max_grad_norm=1000.0)
GROUPS = [random_group(number, prompt=4 + number) for number in range(1, 5)]


def policy(side: str, base: Path, folder: Path) -> Any:
    """The tiny model with an adapter that changes its predictions; Morrow's own computes with its kernels."""
    if side == "morrow":
        model = load_policy(make_request(train_task([]), base, folder), CPU)
        assert model.get_base_model().base_model.takes_spans
    else:
        torch.manual_seed(CONFIG.seed)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora_config(CONFIG))
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.05)
    return model


def updated(side: str, base: Path, folder: Path, count: int) -> tuple[float, torch.Tensor]:
    """Loss and gradient of one side's update of the first groups."""
    (minibatch,) = make_batch(GROUPS[:count], 1).minibatches
    args = gspo_config(CONFIG, trl_settings(CONFIG, CONFIG.learning_rate, folder / "trl", CPU))
    update = Update(side, policy(side, base, folder), list(minibatch), args, 512)
    update.run()
    return update.loss, update.gradient


def by_hand(base: Path, folder: Path, count: int) -> tuple[float, torch.Tensor]:
    """Loss and gradient of equation 5."""
    model = policy("hand", base, folder)
    loss = loss_by_hand(model, GROUPS[:count], CONFIG.epsilon_low, CONFIG.epsilon_high, CONFIG.importance_cap)
    torch.autograd.backward([loss])
    return loss.item(), torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("side", ["stock", "morrow"])
def test_loss_and_gradient_are_those_worked_by_hand(tiny_base: Path, tmp_path: Path, side: str, count: int) -> None:
    loss, gradient = updated(side, tiny_base, tmp_path / side, count)
    expected, theirs = by_hand(tiny_base, tmp_path / "hand", count)
    assert loss == pytest.approx(expected, abs=1e-6)
    assert theirs.norm() > 1e-3
    assert (gradient - theirs).norm() / theirs.norm() < 1e-4


def test_a_batch_has_the_mean_loss_of_its_groups(tiny_base: Path, tmp_path: Path) -> None:
    model = policy("hand", tiny_base, tmp_path)
    limits = (CONFIG.epsilon_low, CONFIG.epsilon_high, CONFIG.importance_cap)
    alone = [loss_by_hand(model, [group], *limits).item() for group in GROUPS]
    assert loss_by_hand(model, GROUPS, *limits).item() == pytest.approx(sum(alone) / 4, abs=1e-7)
    assert max(alone) - min(alone) > 1e-3
