"""A stored reward followed into the loss, and a tiny model that learns through the trainer's own path."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from services.trainer.batch.tensors import computed
from services.trainer.job import UpdateRequest
from services.trainer.objectives.advantages import make_batch
from services.trainer.objectives.gspo import loss_inputs
from services.trainer.update.model import load_policy
from shared.wire import TrainGroup, TrainRollout, TrainTask
from tests.unit.trainer.toys import (
    CPU,
    VOCABULARY,
    make_request,
    make_trainer,
    random_group,
    run_update,
    scored_packs,
    train_task,
)

TARGET = 7
STORED = [0.1, 0.29332399999999997, 0.7000000000000001, 0.30000000000000004]


def stored_group() -> TrainGroup:
    group = random_group(6)
    pairs = zip(group.rollouts, STORED, strict=True)
    return group.model_copy(update={"rollouts": [one.model_copy(update={"reward": reward}) for one, reward in pairs]})


def test_a_stored_reward_reaches_the_loss_to_the_bit(tiny_base: Path, tmp_path: Path) -> None:
    task = TrainTask.model_validate_json(train_task([stored_group()]).model_dump_json())
    request = UpdateRequest.model_validate_json(make_request(task, tiny_base, tmp_path).model_dump_json())
    (item,) = make_batch(request.task.groups, 1).minibatches[0]
    assert [one.reward for one in item.group.rollouts] == STORED

    exact = [Fraction(reward) for reward in STORED]
    mean = sum(exact) / 4
    variance = sum((reward - mean) ** 2 for reward in exact) / 3
    for advantage, reward in zip(item.advantages, exact, strict=True):
        assert advantage == pytest.approx(float(reward - mean) / float(variance) ** 0.5, rel=1e-15)

    (scored,) = scored_packs(load_policy(request, CPU), request.task.groups)
    assert scored.advantages.tolist() == torch.tensor(item.advantages).tolist()
    trainer = make_trainer(request, [[scored]])
    inputs = loss_inputs(scored)
    assert torch.equal(inputs["advantages"], computed(scored.weights) * scored.advantages)
    # before the first step s = 1 for every sequence, so the loss is minus the mean of w·A
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer.training_step(trainer.model, trainer.minibatches[0], None)
    assert float(loss) == pytest.approx(-float(inputs["advantages"].mean()), abs=1e-6)


@torch.no_grad()
def sampled_day(request: UpdateRequest, groups: int, seed: int) -> list[TrainGroup]:
    """Groups of 8 answers of 5 tokens, sampled at temperature 1 by plain torch; reward: the share of the target."""
    model = load_policy(request, CPU)
    generator = torch.Generator().manual_seed(seed)
    day = []
    for number in range(groups):
        prompt = torch.tensor([3 + number, 4, 5])
        rows, logps = prompt.expand(8, -1), torch.zeros(8, 0)
        for _ in range(5):
            every = torch.log_softmax(model(rows).logits[:, -1], -1)
            sampled = torch.multinomial(every.exp(), 1, generator=generator)
            rows, logps = torch.cat([rows, sampled], 1), torch.cat([logps, every.gather(1, sampled)], 1)
        answers = rows[:, 3:]
        rollouts = [
            TrainRollout(
                rollout_id=8 * number + place,
                token_ids=answers[place].tolist(),
                logprobs=logps[place].tolist(),
                forced=[False] * 5,
                reward=float((answers[place] == TARGET).double().mean()),
                valid=True,
                normalized_score=0.5,
            )
            for place in range(8)
        ]
        day.append(TrainGroup(group_id=number, prompt_token_ids=prompt.tolist(), temperature=1.0, rollouts=rollouts))
    return day


def test_the_mean_reward_of_a_tiny_model_rises_over_updates(tiny_base: Path, tmp_path: Path) -> None:
    assert TARGET < VOCABULARY
    parent: Path | None = None
    rewards = []
    for day in range(13):
        folder = tmp_path / f"day{day}"
        settings: dict[str, Any] = {"rollouts": 8, "minibatches": 2, "learning_rate": 2e-2}
        empty = make_request(train_task([], day=day, **settings), tiny_base, folder, parent)
        groups = sampled_day(empty, 4, seed=day)
        stats = run_update(empty.model_copy(update={"task": train_task(groups, day=day, **settings)}))
        rewards.append(stats.mean_reward)
        assert stats.updates == 2 or stats.groups_dropped > 2
        # sampler and learner are one here: what is measured between them is rounding
        assert stats.log_ratio_max is not None
        assert stats.log_ratio_max < 1e-4
        assert stats.importance_mean == pytest.approx(1.0, abs=1e-4)
        parent = folder
    first, last = sum(rewards[:3]) / 3, sum(rewards[-3:]) / 3
    assert first < 0.2
    assert last > 2 * first + 0.2, rewards
