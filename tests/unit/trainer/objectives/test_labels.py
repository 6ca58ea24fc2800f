"""Which lines the baselines learn from, and which of them are desirable."""

from __future__ import annotations

import math
from typing import Any

import pytest

from services.trainer.objectives.labels import (
    DESIRABLE,
    UNDESIRABLE,
    best_line,
    imitation,
    labelled,
    labels,
    valid_lines,
)
from shared.errors import InvalidInputError
from shared.wire import TrainGroup, TrainRollout
from tests.unit.trainer.toys import rollout


def line(
    number: int, score: float, *, valid: bool = True, tokens: tuple[int, ...] = (3, 4), **more: Any
) -> TrainRollout:
    one = rollout(number, tokens, score / 2, more.get("forced", ()))
    return one.model_copy(update={"valid": valid, "normalized_score": score})


def group(*lines: TrainRollout, number: int = 1) -> TrainGroup:
    return TrainGroup(group_id=number, prompt_token_ids=[2], temperature=0.5, rollouts=list(lines))


def ids(lines: list[TrainRollout]) -> list[int]:
    return [one.rollout_id for one in lines]


def test_the_best_line_is_the_valid_one_of_the_highest_score() -> None:
    assert ids(best_line([line(1, 0.2), line(2, 1.0, valid=False), line(3, 0.8), line(4, 0.5)])) == [3]


def test_of_equally_good_lines_the_first_sampled_is_the_best() -> None:
    assert ids(best_line([line(8, 0.7), line(5, 0.7), line(6, 0.1)])) == [5]


def test_without_a_valid_line_there_is_no_best_one() -> None:
    assert best_line([line(1, 1.0, valid=False)]) == best_line([]) == []


def test_a_line_that_was_sampled_twice_is_imitated_once() -> None:
    twice = [line(1, 0.5, tokens=(3,)), line(2, 0.9, tokens=(4,)), line(3, 0.5, tokens=(3,))]
    assert ids(valid_lines([*twice, line(4, 0.1, tokens=(5,), valid=False)])) == [1, 2]


@pytest.mark.parametrize(
    ("scores", "desirable"),
    [
        ([0.0, 1.0], [1]),
        ([0.0, 0.5, 1.0], [1, 2]),
        ([0.9, 0.1, 0.4, 0.6], [0, 3]),
        ([0.3], [0]),
        ([0.5, 0.5, 0.5], [0, 1, 2]),
        ([0.0, 0.6, 0.6, 1.0], [1, 2, 3]),
    ],
)
def test_upper_half_of_the_valid_lines_is_desirable_and_ties_stay_together(
    scores: list[float], desirable: list[int]
) -> None:
    assigned = labels([line(place, score) for place, score in enumerate(scores)])
    assert [place for place, label in enumerate(assigned) if label == DESIRABLE] == desirable


def test_invalid_line_is_undesirable_and_does_not_move_the_median() -> None:
    assert labels([line(1, 1.0, valid=False), line(2, 0.2), line(3, 0.1)]) == [UNDESIRABLE, DESIRABLE, UNDESIRABLE]
    assert labels([line(1, 1.0, valid=False)]) == [UNDESIRABLE]
    assert labels([]) == []


def test_groups_without_a_valid_line_are_left_out_and_counted() -> None:
    good, bad = group(line(1, 0.5), line(2, 1.0)), group(line(3, 1.0, valid=False), number=2)
    batch = imitation([bad, good], 4, "best")
    assert (batch.groups, batch.dropped, batch.rollouts, batch.tokens) == (2, 1, 1, 2)
    # rewards are those of the whole day: .25, .5 and .5; deviations .25/√2 · √... of (.25, .5), and 0
    assert batch.mean_reward == pytest.approx(1.25 / 3)
    assert batch.reward_std == pytest.approx(0.25 / math.sqrt(2) / 2)
    assert [one.rollout_id for part in batch.minibatches for item in part for one in item.group.rollouts] == [2]


def test_all_valid_lines_of_a_group_are_imitated_together() -> None:
    batch = imitation([group(line(1, 0.5, tokens=(3,)), line(2, 1.0, tokens=(4, 5)))], 4, "valid")
    assert (batch.rollouts, batch.tokens, len(batch.minibatches)) == (2, 3, 1)


def test_forced_tokens_are_imitated_too() -> None:
    batch = imitation([group(line(1, 1.0, tokens=(3, 4), forced=(0, 1)))], 1, "best")
    assert batch.minibatches[0][0].group.rollouts[0].forced == [False, False]


def test_line_without_a_counted_token_is_neither_imitated_nor_labelled() -> None:
    forced, empty = line(1, 1.0, forced=(0, 1)), line(2, 0.9, tokens=())
    assert imitation([group(empty)], 1, "best").dropped == 1
    batch = labelled([group(forced, empty, line(3, 0.1))], 1)
    (item,) = batch.minibatches[0]
    assert [one.rollout_id for one in item.group.rollouts] == [3]
    assert item.advantages == (DESIRABLE,)
    assert labelled([group(forced)], 1).dropped == 1


def test_group_without_a_valid_line_still_has_undesirable_lines() -> None:
    batch = labelled([group(line(1, 0.4, valid=False)), group(line(2, 0.4), number=2)], 2)
    assert (batch.dropped, batch.rollouts, len(batch.minibatches)) == (0, 2, 2)


def test_baselines_score_at_temperature_one() -> None:
    cold = group(line(1, 0.4)).model_copy(update={"temperature": 0.0})
    assert imitation([cold], 1, "best").minibatches[0][0].group.temperature == 1.0


def test_a_score_that_is_no_number_is_refused_by_rollout() -> None:
    with pytest.raises(InvalidInputError, match="rollout 7: normalized_score is nan; evaluate the rollout again"):
        imitation([group(line(7, 0.5).model_copy(update={"normalized_score": math.nan}))], 1, "best")
