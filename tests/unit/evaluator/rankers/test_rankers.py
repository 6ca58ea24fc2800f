"""Rankers rank by texts and never by positions; another ranker needs only an entry of the registry."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.dependencies import Dependencies
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers import RANKERS, Pool, Ranking, make_ranker, ranking_by
from services.evaluator.service import score_groups
from shared.errors import InvalidInputError
from shared.forecast import TEMPLATE
from shared.run_config import RankerName, RunConfig
from shared.wire import GroupToScore, RolloutToScore
from tests.unit.evaluator.group_texts import (
    FIRST_EXAMPLE,
    HEADLINE,
    OWN,
    LeaningEngine,
    WordEmbedder,
    closes,
    few,
    group,
    inputs,
    pool,
    priced,
    ranked,
    unhurried,
)

KHC = closes("KHC", *[100.0] * 7, 96.0)
TEXTS = ["rivals see profit", "shares of rivals", "profit", "profit", "", TEMPLATE, HEADLINE, FIRST_EXAMPLE, OWN]
DEPENDENCIES = Dependencies(WordEmbedder(), LeaningEngine(1.0))
LIVE = ["semantic", "judge", "resolved"]
BETTER = OWN.replace("Prob=60%", "Prob=80%")


def inputs_of(ranker: str) -> ScoringInputs:
    return priced(inputs(ranker=ranker, prices="made-up", horizon="1w"), KHC)


class ByLength:
    """A ranker as somebody else might write one."""

    def __init__(self, dependencies: Dependencies, inputs: ScoringInputs) -> None:
        self.sign = -1 if inputs.config.seed else 1

    def rank(self, pool: Pool) -> Ranking:
        return ranking_by(pool, [(self.sign * len(parsed.claim),) for parsed in pool.everyone])

    def figures(self) -> dict[str, float]:
        return {"calls": 1}


def recorded(*ranks: float | None, scores: tuple[float | None, ...] | None = None) -> Ranking:
    given_scores = scores or (None,) * len(ranks)
    rollouts = [
        RolloutToScore(rollout_id=i, text="same", recorded_rank=rank, recorded_score=score)
        for i, (rank, score) in enumerate(zip(ranks, given_scores, strict=True))
    ]
    return ranked(GroupToScore(group_id=1, headline=HEADLINE, prompt_text="", rollouts=rollouts), inputs_of("recorded"))


def test_another_ranker_needs_only_a_registry_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RANKERS, "by_length", ByLength)
    config = RunConfig(seed=0).model_copy(update={"ranker": "by_length"})
    result = score_groups([group("rivals", "rivals profit", "")], replace(inputs(), config=config), DEPENDENCIES)
    assert [record.normalized_score for record in result.evaluations] == [0.5, 1.0, 0.0]
    assert (result.ranker, result.figures) == ("by_length", {"calls": 1})


def test_unknown_ranker_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="choose one of semantic, judge, resolved, recorded"):
        make_ranker("other", DEPENDENCIES, inputs())


@pytest.mark.parametrize("ranker", LIVE)
@few
@given(texts=st.permutations(TEXTS))
def test_a_permuted_group_has_permuted_scores(ranker: str, texts: list[str]) -> None:
    ranking, fixed = (ranked(group(*of), inputs_of(ranker), DEPENDENCIES) for of in (texts, TEXTS))
    assert ranking.normalized == [fixed.normalized[TEXTS.index(text)] for text in texts]
    assert ranking.ranks == [fixed.ranks[TEXTS.index(text)] for text in texts]


@pytest.mark.parametrize("ranker", LIVE)
@pytest.mark.parametrize("texts", [("profit", "profit", "rivals"), (OWN, OWN, BETTER), ("", "", "profit"), (OWN,) * 8])
def test_identical_texts_tie_in_all_cases(ranker: str, texts: tuple[str, ...]) -> None:
    ranking = ranked(group(*texts), inputs_of(ranker), DEPENDENCIES)
    assert ranking.ranks[0] == ranking.ranks[1]
    assert ranking.normalized[0] == ranking.normalized[1]


def test_identical_texts_tie_even_with_different_keys() -> None:
    ranking = ranking_by(pool("profit", "profit", "rivals"), [(0.2, 1.0), (0.4, 0.0), (0.1, 0.0)])
    assert ranking.ranks == [1.5, 1.5, 3.0]


@pytest.mark.parametrize("ranker", LIVE)
@pytest.mark.parametrize("text", ["", " \n", TEMPLATE, HEADLINE, FIRST_EXAMPLE, "No forecast: nothing new"])
def test_text_without_its_own_claim_scores_zero_and_ranks_last(ranker: str, text: str) -> None:
    beside = score_groups([group(text, OWN, "rivals see profit")], inputs_of(ranker), DEPENDENCIES).evaluations[0]
    alone = score_groups([group(text, text)], inputs_of(ranker), DEPENDENCIES).evaluations[0]
    assert beside.rank == 3.0
    for record in (beside, alone):
        assert (record.normalized_score, record.outcome_score, record.composite) == (0.0, 0.0, 0.0)
        assert (record.semantic or 0.0, record.settlement) == (0.0, None)


@pytest.mark.parametrize("ranker", LIVE)
def test_with_a_reference_the_score_is_the_win_share_against_it(ranker: str) -> None:
    scored = group(OWN, "", "rivals see profit").model_copy(update={"reference": [OWN, "", "", TEMPLATE]})
    ranking = ranked(scored, inputs_of(ranker), DEPENDENCIES)
    assert ranking.normalized[0] == 0.875  # above three of four, a tie with the fourth
    assert ranking.normalized[1] == 0.0
    assert sorted(ranking.ranks) == [1.0, 2.0, 3.0]


@unhurried
@given(st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.9]), min_size=2, max_size=9), st.data())
def test_a_group_is_its_own_reference_leave_one_out(scores: list[float], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(scores) - 1))
    words = [f"word {'x' * j}" for j in range(len(scores))]
    keys = [(score,) for score in scores]
    alone = pool(words[i], reference=words[:i] + words[i + 1 :])
    among = ranking_by(alone, [keys[i], *keys[:i], *keys[i + 1 :]])
    assert among.normalized[0] == pytest.approx(ranking_by(pool(*words), keys).normalized[i])


def test_reference_is_parsed_by_the_same_rules() -> None:
    read = pool("rivals", reference=["", TEMPLATE, HEADLINE, FIRST_EXAMPLE, OWN])
    assert [bool(parsed.claim) for parsed in read.reference] == [False] * 4 + [True]


def test_the_outcomes_of_a_group_replace_the_tasks() -> None:
    scored = group("weather", "profit").model_copy(update={"outcomes": ["Weather"]})
    assert ranked(group("weather", "profit"), inputs()).ranks == [2.0, 1.0]
    assert ranked(scored, inputs()).ranks == [1.0, 2.0]


def test_recorded_ranks_and_scores_are_kept_to_the_bit() -> None:
    kept = recorded(2, 3, 1, scores=(0.8571428571428572, 0.7142857142857143, 1.0))
    assert kept == Ranking([2, 3, 1], [0.8571428571428572, 0.7142857142857143, 1.0])


def test_a_score_follows_from_a_recorded_rank_where_none_is_recorded() -> None:
    assert recorded(2, 3, 1).normalized == [0.5, 0.0, 1.0]
    assert recorded(1.5, 1.5, 3).normalized == [0.75, 0.75, 0.0]


def test_ranks_beyond_an_incomplete_group_still_give_shares() -> None:
    ranking = recorded(2, 8, 5)
    assert ranking.ranks == [2, 8, 5]
    assert ranking.normalized == [1.0, 0.0, 0.5]


def test_a_missing_rank_and_a_score_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="rollouts: 1 has no recorded_rank"):
        recorded(1, None)
    with pytest.raises(InvalidInputError, match="recorded_score of 1 is outside"):
        recorded(1, 2, scores=(1.0, 8.5))


def test_resolved_ranks_by_one_minus_brier_and_unsettled_claims_last() -> None:
    texts = (OWN, BETTER, "rivals see profit", "")  # KHC falls 4 %, both claimed at least 3 %: Brier .16, .04
    assert ranked(group(*texts), inputs_of("resolved"), DEPENDENCIES).ranks == [2.0, 1.0, 3.0, 4.0]


def test_resolved_needs_prices() -> None:
    with pytest.raises(InvalidInputError, match="prices: the set made-up has no closes"):
        ranked(group(OWN), inputs(ranker="resolved", prices="made-up"), DEPENDENCIES)


def test_every_ranker_that_a_run_may_name_is_registered_and_can_be_constructed() -> None:
    assert list(RANKERS) == list(get_args(RankerName))
    rankers = {name: make_ranker(name, DEPENDENCIES, inputs_of(name)) for name in RANKERS}
    assert {name: type(ranker) for name, ranker in rankers.items()} == RANKERS
