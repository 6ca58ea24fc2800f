"""A rollout's record holds its verdict, its scores and the reward that the trainer will use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.evaluator.dependencies import Dependencies
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers import Ranking
from services.evaluator.records import EmbeddingScores, evaluations
from services.evaluator.scoring import composite
from services.evaluator.service import pool_of, score_groups
from shared.errors import InvalidInputError
from shared.forecast import TEMPLATE
from shared.wire import EvaluationRecord, GroupToScore
from tests.unit.evaluator.group_texts import (
    FIRST_EXAMPLE,
    HEADLINE,
    OWN,
    LeaningEngine,
    WordEmbedder,
    closes,
    group,
    inputs,
    priced,
)

NEAR_MISS = OWN.replace("Prob=60%", "Prob=60")
RANKING = Ranking([1.0, 2.0], [1.0, 0.25], [0.4, 0.1])
DEPENDENCIES = Dependencies(WordEmbedder(), LeaningEngine())
PARAGRAPH = (
    "KHC shares should fall by at least 3% by Monday. The move is driven by weak earnings at rivals. "
    "The main risk is a takeover bid."
)


def score(
    *texts: str, ranking: Ranking = RANKING, of: ScoringInputs | None = None, **config: Any
) -> list[EvaluationRecord]:
    of = of or inputs(**config)
    return evaluations(pool_of(group(*texts), of), ranking, EmbeddingScores(ranking.semantic), of)


def live(*texts: str, **config: Any) -> list[EvaluationRecord]:
    """What the whole evaluator makes of a group, with prices under which KHC fell by 4 %."""
    of = priced(inputs(prices="made-up", horizon="1w", **config), closes("KHC", *[100.0] * 7, 96.0))
    return score_groups([group(*texts)], of, DEPENDENCIES).evaluations


def test_the_default_reward_is_the_gated_composite_plus_the_bonus() -> None:
    first, second = score(OWN, "KHC falls 3%")
    assert (first.verdict, first.validity, first.trade_thinking, first.composite) == ("strict", 1.0, 1.0, 1.0)
    assert first.reward == 1.1
    assert (second.verdict, second.validity) == ("malformed", 0.0)
    assert second.failure
    assert second.trade_thinking == 0.6
    assert second.composite == composite(0.25, 0.6) > 0
    assert second.reward == 0.0


def test_the_bonus_is_the_days() -> None:
    assert score(OWN, OWN, of=replace(inputs(bonus=0.1), bonus=0.05))[0].reward == 1.05


def test_near_miss_is_valid_and_lists_its_changes() -> None:
    record = score(NEAR_MISS, "")[0]
    assert (record.verdict, record.valid, record.normalized_text) == ("normalized", True, OWN)
    assert record.changes == ["Prob missing %"]


def test_record_has_both_scales_of_the_outcome_score() -> None:
    records = score(OWN, OWN)
    assert [(r.rank, r.normalized_score, r.outcome_score) for r in records] == [(1, 1.0, 10.0), (2, 0.25, 2.5)]


def test_record_has_the_form_score() -> None:
    assert [record.form_score for record in score(OWN, "Domain=CompanyEvent; Horizon=1w")] == [1.0, 0.25]
    assert score("", "")[0].form_score == 0.0


def test_a_paragraph_is_judged_and_compared_as_one() -> None:
    record, nothing = score(PARAGRAPH, "<asset> should <rise or fall> by <size> <by when>.", format="paragraph")
    assert (record.verdict, record.form_score) == ("strict", 1.0)
    assert record.trade_thinking >= 0.7
    assert record.reward == record.composite + 0.1
    assert (nothing.valid, nothing.trade_thinking, nothing.signs) == (False, 0.0, ["placeholder"])


def test_degeneration_signs_are_recorded_with_their_text() -> None:
    records = live(OWN, OWN, "", TEMPLATE, OWN.replace("KHC falls at least 3% by Monday", f"{HEADLINE} again"))
    assert [record.signs for record in records] == [[], ["duplicate"], ["empty"], ["placeholder"], ["restated"]]


@pytest.mark.parametrize("ranker", ["semantic", "judge", "resolved"])
@pytest.mark.parametrize("base", ["composite", "normalized_score", "semantic", "resolved", "mix"])
@pytest.mark.parametrize("gate", ["off", "validity", "sound"])
@pytest.mark.parametrize("text", ["", " ", TEMPLATE, HEADLINE])
def test_empty_text_gets_zero_reward(text: str, gate: str, base: str, ranker: str) -> None:
    weights = {"semantic": 1, "trade_thinking": 1} if base == "mix" else {}
    for record in live(text, text, gate=gate, reward_base=base, ranker=ranker, reward_weights=weights):
        assert (record.trade_thinking, record.composite, record.semantic or 0.0, record.reward) == (0.0, 0.0, 0.0, 0.0)


def test_copied_example_earns_the_form_bonus_only() -> None:
    record = live(FIRST_EXAMPLE, OWN, reward_base="normalized_score")[0]
    assert (record.verdict, record.trade_thinking, record.composite, record.reward) == ("strict", 0.0, 0.0, 0.1)


def test_the_base_of_the_reward_can_be_chosen() -> None:
    assert score(OWN, OWN, reward_base="normalized_score", bonus=0)[1].reward == 0.25
    assert score(OWN, OWN, reward_base="semantic", bonus=0)[1].reward == 0.1


@pytest.mark.parametrize("ranker", ["semantic", "resolved"])
def test_a_settled_claim_earns_one_minus_brier_whatever_the_ranker(ranker: str) -> None:
    likely = OWN.replace("Prob=60%", "Prob=90%")
    wrong = OWN.replace("at least 3%", "at least 5%")
    unsettled = OWN.replace("Proxy=KHC", "Proxy=XLE")
    records = live(likely, OWN, wrong, unsettled, reward_base="resolved", bonus=0, ranker=ranker)
    assert [record.reward for record in records] == pytest.approx([0.99, 0.84, 0.64, 0.0])  # 1 − .1², .4², .6²
    assert [record.settlement is not None for record in records] == [True, True, True, False]


def test_a_mix_is_the_weighted_mean_of_its_parts() -> None:
    weights = {"resolved": 3, "trade_thinking": 1, "semantic": 0}
    assert live(OWN, "", reward_base="mix", reward_weights=weights, bonus=0)[0].reward == pytest.approx(0.88)


def test_a_reward_of_the_semantic_score_is_computed_whatever_the_ranker() -> None:
    texts = ("rivals see profit", "other")
    by_judge = live(*texts, ranker="judge", reward_base="semantic")
    assert [r.semantic for r in by_judge] == [r.semantic for r in live(*texts)]
    assert live(*texts, ranker="judge")[0].semantic is None


def test_a_base_that_cannot_be_computed_is_refused() -> None:
    recorded = GroupToScore.model_validate(
        {"group_id": 1, "headline": HEADLINE, "prompt_text": "", "rollouts": [
            {"rollout_id": 0, "text": OWN, "recorded_rank": 1.0}]}
    )  # fmt: skip
    with pytest.raises(InvalidInputError, match="reward_base: semantic needs the headlines of the outcome day"):
        score_groups([recorded], inputs((), ranker="recorded", reward_base="semantic"), DEPENDENCIES)


def test_legacy_preset_scores_raw_text_without_a_gate() -> None:
    record = score("Risk=low; buy", "Avoid it", preset="legacy")[0]
    assert record.trade_thinking == 0.3
    assert record.reward == record.composite == composite(1.0, 0.3)


def test_the_legacy_preset_has_its_own_leak_list() -> None:
    assert score("Risk=low; buy", "Avoid it", preset="legacy")[1].leak_stems == ["avoid"]
    assert score("Risk=low; buy", "Avoid it")[1].leak_stems == []


def test_an_empty_text_earns_nothing_under_the_legacy_preset_whatever_its_rank() -> None:
    record = score("", "Buy", preset="legacy")[0]
    assert (record.normalized_score, record.composite, record.reward) == (1.0, 0.0, 0.0)
