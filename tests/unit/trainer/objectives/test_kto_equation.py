"""KTO's loss and gradient against the paper's equations (arXiv 2402.01306, 7 and 8), written out here anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.trainer.batch.rules import BatchGroup
from services.trainer.objectives.kto import KtoTrainer, balance, mismatched
from services.trainer.objectives.labels import DESIRABLE, labelled
from services.trainer.update.model import load_policy
from shared.wire import TrainGroup
from tests.unit.trainer.toys import (
    CPU,
    gradient,
    likelihood,
    make_learner,
    make_request,
    random_group,
    rollout,
    run_update,
    train_task,
)

BETA = 0.1


def judged_group(number: int, size: int, valid: int) -> TrainGroup:
    """A random group whose first lines are valid, the later the better."""
    group = random_group(number, size=size)
    changes = [{"valid": place < valid, "normalized_score": place / size} for place in range(size)]
    rollouts = [one.model_copy(update=change) for one, change in zip(group.rollouts, changes, strict=True)]
    return group.model_copy(update={"rollouts": rollouts})


GROUPS = [judged_group(1, 4, 4), judged_group(2, 3, 0), judged_group(3, 5, 1), judged_group(4, 4, 2)]


def log_pi(model: Any, group: BatchGroup) -> Tensor:
    """log π(y | x) of each of a group's lines, over tokens that were not forced, from full logits."""
    sums = []
    for one in group.group.rollouts:
        tokens, prompt = torch.tensor(one.token_ids), torch.tensor(group.group.prompt_token_ids)
        logits = model(torch.cat([prompt, tokens])[None]).logits[0, len(prompt) - 1 : -1]
        logps = torch.log_softmax(logits, -1).gather(1, tokens[:, None])[:, 0]
        sums.append(logps[~torch.tensor(one.forced)].sum())
    return torch.stack(sums)


def paper_loss(
    model: Any, reference: Any, groups: Sequence[BatchGroup], others: Sequence[BatchGroup], weights: tuple[float, float]
) -> tuple[Tensor, float]:
    """E[λ_y − v(x, y)] with the value function of equation 7, and the reference point z_0."""
    with torch.no_grad():
        drifts = torch.cat([log_pi(model, one) - log_pi(reference, one) for one in others])
        anchor = max(0.0, drifts.mean().item())
    losses = []
    for group in groups:
        with torch.no_grad():
            known = log_pi(reference, group)
        for ratio, label in zip(log_pi(model, group) - known, group.advantages, strict=True):
            sign, weight = (1, weights[0]) if label == DESIRABLE else (-1, weights[1])
            losses.append(weight - weight * torch.sigmoid(BETA * sign * (ratio - anchor)))
    return torch.stack(losses).mean(), anchor


def moved(model: Any, amount: float) -> Any:
    torch.manual_seed(6)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.add_(amount * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize(
    ("pack_tokens", "start", "away", "drifts"),
    [(1, 0.05, 0.1, False), (1, -0.15, 0.2, True), (10_000, -0.15, 0.2, True)],
)
def test_loss_and_gradient_are_those_of_the_paper_away_from_the_reference(
    tiny_base: Path, tmp_path: Path, pack_tokens: int, start: float, away: float, drifts: bool
) -> None:
    request = make_request(train_task(GROUPS, objective="kto", minibatches=2), tiny_base, tmp_path)
    request = request.model_copy(update={"pack_tokens": pack_tokens})
    # the reference is an adapter of its own, as on any day but the first: not the base
    model, reference = (moved(load_policy(request, CPU), start) for _ in range(2))
    batch = KtoTrainer.make_batch(request.task)
    trainer = KtoTrainer.of(make_learner(request, model), batch)
    moved(model, away)
    parts = batch.minibatches
    others = mismatched([group for part in parts for group in part])[len(parts[0]) :]
    expected, anchor = paper_loss(model, reference, parts[1], others, balance(batch))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    theirs = torch.cat([one.flatten() for one in torch.autograd.grad(expected, trained)])

    trainer.current_gradient_accumulation_steps = 1
    loss = trainer.training_step(model, trainer.minibatches[1])
    assert (anchor > 0.01) == drifts
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert theirs.norm() > 1e-3
    assert (gradient(model) - theirs).norm() / theirs.norm() < 1e-4


def test_a_first_minibatch_is_its_own_reference(tiny_base: Path, tmp_path: Path) -> None:
    request = make_request(train_task(GROUPS, objective="kto", minibatches=1), tiny_base, tmp_path)
    model = moved(load_policy(request, CPU), 0.05)
    batch = KtoTrainer.make_batch(request.task)
    (part,) = batch.minibatches
    expected, anchor = paper_loss(model, model, part, mismatched(part), balance(batch))
    trainer = KtoTrainer.of(make_learner(request, model), batch)
    trainer.current_gradient_accumulation_steps = 1
    assert anchor == 0.0
    assert trainer.training_step(model, trainer.minibatches[0]).item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_rarer_kind_of_line_counts_as_much_as_the_other() -> None:
    # desirable: 2 of 4, 0 of 3, 1 of 5 and 1 of 4 lines: 4 against 12
    assert [len(group.rollouts) for group in GROUPS] == [4, 3, 5, 4]
    batch = labelled(GROUPS, 2)
    assert balance(batch) == (12 / 4, 1.0)
    assert balance(labelled([judged_group(2, 3, 0)], 1)) == (1.0, 1.0)


def test_mismatched_lines_follow_the_prompt_of_the_next_group() -> None:
    (part,) = labelled(GROUPS[:3], 1).minibatches
    others = mismatched(part)
    assert [one.group.prompt_token_ids for one in others] == [one.group.prompt_token_ids for one in part]
    before = [part[2], part[0], part[1]]
    assert [one.group.rollouts for one in others] == [one.group.rollouts for one in before]
    assert [one.advantages for one in others] == [one.advantages for one in before]


def test_a_forced_token_passes_no_gradient(tiny_base: Path, tmp_path: Path) -> None:
    steps = []
    for last in (6, 20):
        lines = [rollout(place, (4, 5 + place, last), 0.0, (2,)) for place in range(3)]
        group = random_group(1).model_copy(
            update={"rollouts": [lines[0], *(one.model_copy(update={"valid": False}) for one in lines[1:])]}
        )
        request = make_request(train_task([group], objective="kto"), tiny_base, tmp_path / str(last))
        trainer = KtoTrainer.of(make_learner(request), KtoTrainer.make_batch(request.task))
        trainer.current_gradient_accumulation_steps = 1
        loss = trainer.training_step(trainer.model, trainer.minibatches[0])
        steps.append((loss.item(), gradient(trainer.model)))
    assert steps[0][0] == pytest.approx(steps[1][0], rel=1e-6)
    assert steps[0][1].norm() > 0
    torch.testing.assert_close(steps[0][1], steps[1][1], rtol=1e-6, atol=1e-9)


def test_trls_reference_adapter_is_deleted_and_the_trained_one_still_learns(tiny_base: Path, tmp_path: Path) -> None:
    request = make_request(train_task(GROUPS, objective="kto"), tiny_base, tmp_path)
    trainer = KtoTrainer.of(make_learner(request), KtoTrainer.make_batch(request.task))
    assert isinstance(trainer, KtoTrainer)
    assert list(trainer.model.peft_config) == ["default"]
    assert any(parameter.requires_grad for parameter in trainer.model.parameters())


def test_desirable_lines_become_likelier_than_undesirable_ones(tiny_base: Path, tmp_path: Path) -> None:
    groups = []
    for number in (1, 2):
        lines = [rollout(10 * number + place, (5 + number, 9 + place, 11, 20 - place), 0.5) for place in range(4)]
        changes = [{"valid": place != 0, "normalized_score": place / 3} for place in range(4)]
        judged = [one.model_copy(update=change) for one, change in zip(lines, changes, strict=True)]
        groups.append(random_group(number).model_copy(update={"rollouts": judged}))

    def margin(parent: Path | None) -> float:
        halves = [
            [group.model_copy(update={"rollouts": group.rollouts[part]}) for group in groups]
            for part in (slice(2, 4), slice(0, 2))
        ]
        return likelihood(tiny_base, parent, halves[0]) - likelihood(tiny_base, parent, halves[1])

    parent: Path | None = None
    margins = [margin(None)]
    for day in range(3):
        request = make_request(train_task(groups, day=day, objective="kto"), tiny_base, tmp_path / str(day), parent)
        run_update(request)
        parent = request.staged
        margins.append(margin(parent))
    assert margins == sorted(margins)
    assert margins[-1] > margins[0] + 0.5
