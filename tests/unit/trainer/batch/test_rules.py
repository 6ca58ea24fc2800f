"""Advantages, what is left out, and how minibatches are cut, against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from services.trainer.batch.rules import deviation, split
from services.trainer.batch.tensors import to_tensors
from services.trainer.objectives.advantages import advantages, make_batch
from shared.errors import InvalidInputError
from shared.wire import TrainGroup, TrainRollout
from tests.unit.trainer.toys import CPU, random_group, rollout


def group(rewards: list[float], *, tokens: tuple[int, ...] = (3, 4), forced: tuple[int, ...] = ()) -> TrainGroup:
    rollouts = [rollout(place, tokens, reward, forced) for place, reward in enumerate(rewards)]
    return TrainGroup(group_id=1, prompt_token_ids=[2], temperature=0.5, rollouts=rollouts)


def test_an_advantage_is_the_distance_from_the_mean_in_sample_standard_deviations() -> None:
    # mean 2, squares 1 + 0 + 1 over n - 1 = 2: std 1
    assert advantages([1.0, 2.0, 3.0]) == [-1.0, 0.0, 1.0]
    # mean .25, squares .0625 * 3 + .5625 = .75 over 3: std .5
    assert advantages([0.0, 0.0, 0.0, 1.0]) == [-0.5, -0.5, -0.5, 1.5]


def test_deviation_of_one_reward_is_zero() -> None:
    assert deviation([0.3]) == 0.0


@pytest.mark.parametrize("rewards", [[], [0.4], [0.4, 0.4, 0.4], [0.1 + 0.2, 0.3]])
def test_rewards_that_are_equal_up_to_rounding_give_no_advantages(rewards: list[float]) -> None:
    assert advantages(rewards) is None


def test_small_differences_count_in_full() -> None:
    assert advantages([0.0, 1e-6]) == pytest.approx([-math.sqrt(0.5), math.sqrt(0.5)])


def test_groups_whose_rewards_are_equal_are_left_out_and_counted() -> None:
    batch = make_batch([group([0.5, 0.5]), group([0.0, 1.0]), group([0.0, 0.0])], 4)
    assert (batch.groups, batch.dropped, batch.rollouts) == (3, 2, 6)
    assert batch.mean_reward == pytest.approx(2 / 6)
    assert batch.reward_std == pytest.approx(math.sqrt(0.5) / 3)
    assert batch.tokens == 4
    assert len(batch.minibatches) == 1


def test_group_without_a_counted_token_is_left_out() -> None:
    assert make_batch([group([0.0, 1.0], tokens=())], 1).dropped == 1
    assert make_batch([group([0.0, 1.0], forced=(0, 1))], 1).dropped == 1


def test_an_empty_answer_keeps_its_place_in_the_mean() -> None:
    empty = rollout(9, (), 0.0)
    mixed = group([1.0, 2.0]).model_copy(update={"rollouts": [empty, *group([1.0, 2.0]).rollouts]})
    (item,) = make_batch([mixed], 1).minibatches[0]
    assert item.advantages == (-1.0, 0.0, 1.0)
    assert [one.token_ids for one in item.group.rollouts] == [[], [3, 4], [3, 4]]


def test_an_empty_day_is_an_empty_batch() -> None:
    batch = make_batch([], 2)
    assert (batch.minibatches, batch.groups, batch.mean_reward, batch.reward_std) == ((), 0, 0.0, 0.0)


def test_groups_and_rollouts_keep_their_order() -> None:
    groups = [random_group(number) for number in (3, 1, 2)]
    flat = [one for part in make_batch(groups, 2).minibatches for item in part for one in item.group.rollouts]
    assert [one.rollout_id for one in flat] == [one.rollout_id for each in groups for one in each.rollouts]


@pytest.mark.parametrize(
    ("items", "parts", "sizes"),
    [(3, 2, [2, 1]), (5, 4, [2, 1, 1, 1]), (4, 2, [2, 2]), (2, 8, [1, 1]), (7, 3, [3, 2, 2]), (0, 2, [])],
)
def test_minibatches_differ_by_one_group_at_most(items: int, parts: int, sizes: list[int]) -> None:
    cut = split(range(items), parts)
    assert [len(part) for part in cut] == sizes
    assert [item for part in cut for item in part] == list(range(items))


def test_forced_tokens_do_not_count() -> None:
    pack = to_tensors(make_batch([group([0.0, 1.0], forced=(1,))], 1).minibatches[0], 0, CPU)
    assert pack.counted.tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt_token_ids": []}, "prompt_token_ids"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
    ],
)
def test_a_group_that_cannot_be_trained_on_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInputError, match=f"group 1: {words}"):
        make_batch([group([0.0, 1.0]).model_copy(update=change)], 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"logprobs": [-1.0]}, "differ in length"),
        ({"reward": math.nan}, "reward is nan"),
        ({"logprobs": [-1.0, -math.inf]}, "logprobs"),
    ],
)
def test_a_rollout_that_cannot_be_trained_on_is_refused(change: dict[str, object], words: str) -> None:
    bad: TrainRollout = rollout(8, (3, 4), 0.5).model_copy(update=change)
    with pytest.raises(InvalidInputError, match=f"rollout 8: .*{words}"):
        make_batch([group([0.0, 1.0]).model_copy(update={"rollouts": [rollout(7, (3,), 0.1), bad]})], 1)
