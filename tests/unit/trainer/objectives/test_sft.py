"""Supervised learning: the loss by hand and by plain logits, its gradient, and lines that become likelier."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.trainer.batch.rules import BatchGroup
from services.trainer.batch.tensors import to_tensors
from services.trainer.job import UpdateRequest
from services.trainer.objectives.sft import SftTrainer, line_loss
from services.trainer.update.model import load_policy
from shared.wire import TrainGroup
from tests.unit.trainer.toys import (
    CPU,
    VOCABULARY,
    gradient,
    likelihood,
    make_learner,
    make_request,
    random_group,
    rollout,
    run_update,
    train_task,
)

GROUPS = [random_group(1, longest=9), random_group(2, size=3, prompt=3)]


def trainer_of(request: UpdateRequest, model: Any = None) -> SftTrainer:
    trainer = SftTrainer.of(make_learner(request, model), SftTrainer.make_batch(request.task))
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def sft_request(folder: Path, base: Path, groups: list[TrainGroup] = GROUPS, **settings: Any) -> UpdateRequest:
    config: dict[str, Any] = {"lines": "valid", "minibatches": 1} | settings
    return make_request(train_task(groups, objective="sft", **config), base, folder)


def step(request: UpdateRequest, model: Any = None) -> tuple[float, Tensor]:
    """Loss and gradient of the first step."""
    trainer = trainer_of(request, model)
    loss = trainer.training_step(trainer.model, trainer.minibatches[0])
    return float(loss), gradient(trainer.model)


def test_each_line_counts_once_by_the_mean_of_its_counted_tokens() -> None:
    # (1 + 3) / 2 = 2 for the first, whose second token is not counted, and .5 for the other: 1.25
    lines = [rollout(1, (3, 4, 5), 0.0, (1,)), rollout(2, (6,), 0.0)]
    group = TrainGroup(group_id=1, prompt_token_ids=[2], temperature=1.0, rollouts=lines)
    pack = to_tensors([BatchGroup(group, (1.0, 1.0))], 0, CPU)
    logps = torch.tensor([[-1.0, -2.0, -3.0], [-0.5, 0.0, 0.0]])
    assert line_loss(logps, pack).item() == 1.25


def test_loss_of_a_uniform_model_is_the_log_of_the_vocabulary(tiny_base: Path, tmp_path: Path) -> None:
    request = sft_request(tmp_path, tiny_base, adapter="full")
    model = load_policy(request, CPU)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert step(request, model)[0] == pytest.approx(math.log(VOCABULARY), rel=1e-6)


@pytest.mark.parametrize("pack_tokens", [1, 10_000])
def test_loss_and_gradient_are_those_of_plain_logits(tiny_base: Path, tmp_path: Path, pack_tokens: int) -> None:
    request = sft_request(tmp_path, tiny_base, adapter="full").model_copy(update={"pack_tokens": pack_tokens})
    model = load_policy(request, CPU)
    losses = []
    for group in GROUPS:
        prompt = torch.tensor(group.prompt_token_ids)
        for one in group.rollouts:
            logits = model(torch.cat([prompt, torch.tensor(one.token_ids)])[None]).logits[0, len(prompt) - 1 : -1]
            losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(one.token_ids)))
    expected = torch.stack(losses).mean()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    theirs = torch.cat([one.flatten() for one in torch.autograd.grad(expected, trained)])
    loss, ours = step(request, model)
    assert loss == pytest.approx(expected.item(), abs=1e-5)
    assert (ours - theirs).norm() / theirs.norm() < 1e-4


def test_best_lines_become_likelier_with_every_update(tiny_base: Path, tmp_path: Path) -> None:
    groups = [
        random_group(number).model_copy(
            update={
                "rollouts": [
                    rollout(10 * number + place, (5 + number, 9, 11, 4 + place), 0.5).model_copy(
                        update={"normalized_score": place / 3}
                    )
                    for place in range(4)
                ]
            }
        )
        for number in (1, 2)
    ]
    best = [group.model_copy(update={"rollouts": group.rollouts[-1:]}) for group in groups]
    parent: Path | None = None
    losses, known = [], [likelihood(tiny_base, None, best)]
    for day in range(3):
        request = make_request(train_task(groups, day=day, objective="sft"), tiny_base, tmp_path / str(day), parent)
        stats = run_update(request)
        parent = request.staged
        losses.append(stats.loss)
        known.append(likelihood(tiny_base, parent, best))
    assert known == sorted(known)
    assert known[-1] > known[0] + 1
    assert losses[-1] < losses[0] - 1
