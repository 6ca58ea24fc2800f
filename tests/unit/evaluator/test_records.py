"""A rollout's record holds its verdict, its scores and the reward that the trainer will use."""

from __future__ import annotations

from typing import Any

import pytest

from services.evaluator.records import Standing, evaluations, read_group
from services.evaluator.scoring import composite
from shared.errors import InvalidInputError
from shared.forecast import TEMPLATE
from shared.run_config import RunConfig
from shared.wire import EvaluationRecord
from tests.unit.evaluator.group_texts import FIRST_EXAMPLE, HEADLINE, OWN, group

NEAR_MISS = OWN.replace("Prob=60%", "Prob=60")
STANDING = Standing([1.0, 2.0], [1.0, 0.25], [0.4, 0.1])


def score(*texts: str, standing: Standing = STANDING, **config: Any) -> list[EvaluationRecord]:
    settings = RunConfig.model_validate(config)
    return evaluations(read_group(group(*texts), settings), standing, settings)


def test_the_default_reward_is_the_gated_composite_plus_the_bonus() -> None:
    first, second = score(OWN, "KHC falls 3%")
    assert (first.verdict, first.validity, first.trade_thinking, first.composite) == ("strict", 1.0, 1.0, 1.0)
    assert first.reward == 1.1
    assert (second.verdict, second.validity) == ("malformed", 0.0)
    assert second.failure
    assert second.trade_thinking == 0.6
    assert second.composite == composite(0.25, 0.6) > 0
    assert second.reward == 0.0


def test_a_near_miss_is_valid_and_says_what_was_changed() -> None:
    record = score(NEAR_MISS, "")[0]
    assert (record.verdict, record.valid, record.normalized_text) == ("normalized", True, OWN)
    assert record.changes == ["Prob missing %"]


def test_both_scales_of_the_outcome_are_written() -> None:
    records = score(OWN, OWN)
    assert [(r.rank, r.normalized_score, r.outcome_score) for r in records] == [(1, 1.0, 10.0), (2, 0.25, 2.5)]


@pytest.mark.parametrize("base", ["composite", "normalized_score", "semantic"])
@pytest.mark.parametrize("gate", ["off", "validity"])
@pytest.mark.parametrize("text", ["", " ", TEMPLATE, HEADLINE])
def test_saying_nothing_is_rewarded_with_nothing(text: str, gate: str, base: str) -> None:
    tie = Standing([1.5, 1.5], [0.5, 0.5], [0.0, 0.0])
    record = score(text, text, standing=tie, gate=gate, reward_base=base)[0]
    assert (record.trade_thinking, record.composite, record.semantic, record.reward) == (0.0, 0.0, 0.0, 0.0)


def test_a_copied_example_earns_the_bonus_for_its_form_and_nothing_else() -> None:
    record = score(FIRST_EXAMPLE, OWN, reward_base="normalized_score")[0]
    assert (record.verdict, record.trade_thinking, record.composite, record.reward) == ("strict", 0.0, 0.0, 0.1)


def test_the_base_of_the_reward_can_be_chosen() -> None:
    assert score(OWN, OWN, reward_base="normalized_score", bonus=0)[1].reward == 0.25
    assert score(OWN, OWN, reward_base="semantic", bonus=0)[1].reward == 0.1


def test_a_base_that_the_ranker_does_not_compute_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="reward_base: semantic is not computed by the ranker recorded"):
        score(OWN, OWN, standing=Standing([1, 2], [1, 0]), ranker="recorded", reward_base="semantic")


def test_the_seed_preset_reads_raw_text_and_has_no_gate() -> None:
    record = score("Risk=low; buy", "Avoid it", preset="seed")[0]
    assert record.trade_thinking == 0.3
    assert record.reward == record.composite == composite(1.0, 0.3)


def test_the_seed_preset_has_its_own_leak_list() -> None:
    assert score("Risk=low; buy", "Avoid it", preset="seed")[1].leak_stems == ["avoid"]
    assert score("Risk=low; buy", "Avoid it")[1].leak_stems == []


def test_an_empty_text_earns_nothing_under_the_seed_preset_whatever_its_rank() -> None:
    record = score("", "Buy", preset="seed")[0]
    assert (record.normalized_score, record.composite, record.reward) == (1.0, 0.0, 0.0)
