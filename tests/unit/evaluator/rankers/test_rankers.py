"""Rankers order by what is said, never by where it stands; one interface, and a registry that is all there is to it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.context import Context, Job, Tools
from services.evaluator.rankers import RANKERS, Pool, Standing, make_ranker, standing_by
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
    job,
    pool,
    priced,
    ranked,
    unhurried,
)

KHC = closes("KHC", *[100.0] * 7, 96.0)
TEXTS = ["rivals see profit", "shares of rivals", "profit", "profit", "", TEMPLATE, HEADLINE, FIRST_EXAMPLE, OWN]
TOOLS = Tools(WordEmbedder(), LeaningEngine(1.0))
LIVE = ["semantic", "judge", "resolved"]
BETTER = OWN.replace("Prob=60%", "Prob=80%")


def job_of(ranker: str) -> Job:
    return priced(job(ranker=ranker, prices="made-up", horizon="1w"), KHC)


class ByLength:
    """A ranker as somebody else might write one."""

    def __init__(self, context: Context) -> None:
        self.sign = -1 if context.job.config.seed else 1

    def rank(self, pool: Pool) -> Standing:
        return standing_by(pool, [(self.sign * len(reading.claim),) for reading in pool.everyone])

    def figures(self) -> dict[str, float]:
        return {"asked": 1}


def recorded(*ranks: float | None, scores: tuple[float | None, ...] | None = None) -> Standing:
    given_scores = scores or (None,) * len(ranks)
    rollouts = [
        RolloutToScore(rollout_id=i, text="same", recorded_rank=rank, recorded_score=score)
        for i, (rank, score) in enumerate(zip(ranks, given_scores, strict=True))
    ]
    return ranked(GroupToScore(group_id=1, headline=HEADLINE, prompt_text="", rollouts=rollouts), job_of("recorded"))


def test_a_further_ranker_is_an_entry_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RANKERS, "by_length", ByLength)
    config = RunConfig(seed=0).model_copy(update={"ranker": "by_length"})
    result = score_groups([group("rivals", "rivals profit", "")], replace(job(), config=config), TOOLS)
    assert [record.normalized_score for record in result.evaluations] == [0.5, 1.0, 0.0]
    assert (result.ranker, result.figures) == ("by_length", {"asked": 1})


def test_an_unknown_ranker_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="choose one of semantic, judge, resolved, recorded"):
        make_ranker("other", Context(TOOLS, job()))


@pytest.mark.parametrize("ranker", LIVE)
@few
@given(texts=st.permutations(TEXTS))
def test_a_permuted_group_has_permuted_scores(ranker: str, texts: list[str]) -> None:
    standing, fixed = (ranked(group(*of), job_of(ranker), TOOLS) for of in (texts, TEXTS))
    assert standing.normalized == [fixed.normalized[TEXTS.index(text)] for text in texts]
    assert standing.ranks == [fixed.ranks[TEXTS.index(text)] for text in texts]


@pytest.mark.parametrize("ranker", LIVE)
@pytest.mark.parametrize("texts", [("profit", "profit", "rivals"), (OWN, OWN, BETTER), ("", "", "profit"), (OWN,) * 8])
def test_identical_texts_tie_in_all_cases(ranker: str, texts: tuple[str, ...]) -> None:
    standing = ranked(group(*texts), job_of(ranker), TOOLS)
    assert standing.ranks[0] == standing.ranks[1]
    assert standing.normalized[0] == standing.normalized[1]


def test_identical_texts_tie_though_a_ranker_tells_them_apart() -> None:
    standing = standing_by(pool("profit", "profit", "rivals"), [(0.2, 1.0), (0.4, 0.0), (0.1, 0.0)])
    assert standing.ranks == [1.5, 1.5, 3.0]


@pytest.mark.parametrize("ranker", LIVE)
@pytest.mark.parametrize("text", ["", " \n", TEMPLATE, HEADLINE, FIRST_EXAMPLE, "No forecast: nothing new"])
def test_a_text_without_a_claim_of_its_own_scores_nothing_and_is_last(ranker: str, text: str) -> None:
    beside = score_groups([group(text, OWN, "rivals see profit")], job_of(ranker), TOOLS).evaluations[0]
    alone = score_groups([group(text, text)], job_of(ranker), TOOLS).evaluations[0]
    assert beside.rank == 3.0
    for record in (beside, alone):
        assert (record.normalized_score, record.outcome_score, record.composite) == (0.0, 0.0, 0.0)
        assert (record.semantic or 0.0, record.settlement) == (0.0, None)


@pytest.mark.parametrize("ranker", LIVE)
def test_with_a_reference_the_score_is_the_standing_among_it(ranker: str) -> None:
    asked = group(OWN, "", "rivals see profit").model_copy(update={"reference": [OWN, "", "", TEMPLATE]})
    standing = ranked(asked, job_of(ranker), TOOLS)
    assert standing.normalized[0] == 0.875  # above three of four, a tie with the fourth
    assert standing.normalized[1] == 0.0
    assert sorted(standing.ranks) == [1.0, 2.0, 3.0]


@unhurried
@given(st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.9]), min_size=2, max_size=9), st.data())
def test_a_group_is_its_own_reference_leave_one_out(scores: list[float], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(scores) - 1))
    words = [f"word {'x' * j}" for j in range(len(scores))]
    keys = [(score,) for score in scores]
    alone = pool(words[i], reference=words[:i] + words[i + 1 :])
    among = standing_by(alone, [keys[i], *keys[:i], *keys[i + 1 :]])
    assert among.normalized[0] == pytest.approx(standing_by(pool(*words), keys).normalized[i])


def test_the_reference_is_read_by_the_same_rules() -> None:
    read = pool("rivals", reference=["", TEMPLATE, HEADLINE, FIRST_EXAMPLE, OWN])
    assert [bool(reading.claim) for reading in read.reference] == [False] * 4 + [True]


def test_the_outcomes_of_a_group_replace_the_tasks() -> None:
    asked = group("weather", "profit").model_copy(update={"outcomes": ["Weather"]})
    assert ranked(group("weather", "profit"), job()).ranks == [2.0, 1.0]
    assert ranked(asked, job()).ranks == [1.0, 2.0]


def test_recorded_ranks_and_scores_are_kept_to_the_bit() -> None:
    kept = recorded(2, 3, 1, scores=(0.8571428571428572, 0.7142857142857143, 1.0))
    assert kept == Standing([2, 3, 1], [0.8571428571428572, 0.7142857142857143, 1.0])


def test_a_score_follows_from_a_recorded_rank_where_none_is_recorded() -> None:
    assert recorded(2, 3, 1).normalized == [0.5, 0.0, 1.0]
    assert recorded(1.5, 1.5, 3).normalized == [0.75, 0.75, 0.0]


def test_ranks_beyond_an_incomplete_group_still_give_shares() -> None:
    standing = recorded(2, 8, 5)
    assert standing.ranks == [2, 8, 5]
    assert standing.normalized == [1.0, 0.0, 0.5]


def test_a_missing_rank_and_a_score_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="rollouts: 1 has no recorded_rank"):
        recorded(1, None)
    with pytest.raises(InvalidInputError, match="recorded_score of 1 is outside"):
        recorded(1, 2, scores=(1.0, 8.5))


def test_resolved_orders_by_one_minus_brier_and_puts_what_is_not_settled_last() -> None:
    texts = (OWN, BETTER, "rivals see profit", "")  # KHC falls 4 %, both said at least 3 %: Brier .16, .04
    assert ranked(group(*texts), job_of("resolved"), TOOLS).ranks == [2.0, 1.0, 3.0, 4.0]


def test_resolved_needs_prices() -> None:
    with pytest.raises(InvalidInputError, match="prices: the set made-up has no closes"):
        ranked(group(OWN), job(ranker="resolved", prices="made-up"), TOOLS)


def test_every_ranker_a_run_may_name_is_registered_and_can_be_made() -> None:
    assert list(RANKERS) == list(get_args(RankerName))
    rankers = {name: make_ranker(name, Context(TOOLS, job_of(name))) for name in RANKERS}
    assert {name: type(ranker) for name, ranker in rankers.items()} == RANKERS
