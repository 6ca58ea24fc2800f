"""What the inference service really asks: no piece of it earns anything when it is given back."""

from __future__ import annotations

import pytest

from services.evaluator.leak import leaked_stems
from services.evaluator.records import read_group
from services.evaluator.rubric import trade_thinking
from services.inference.prompts import messages
from shared.forecast import format_named
from shared.run_config import HORIZON_DAYS, Horizon, RunConfig
from shared.wire import GroupToScore, RolloutToScore

FORM = format_named("one_line")
HEADLINE = "Utility orders two reactors after a power shortage"
HORIZONS: list[Horizon] = ["1d", "1w", "1m", "1q"]


def turns(horizon: Horizon) -> list[str]:
    return [turn["content"] for turn in messages(HEADLINE, horizon, FORM)]


def prompt(horizon: Horizon) -> str:
    return "".join(f"<|im_start|>{t['role']}\n{t['content']}<|im_end|>\n" for t in messages(HEADLINE, horizon, FORM))


def test_all_horizons_are_tried() -> None:
    assert list(HORIZON_DAYS) == HORIZONS


@pytest.mark.parametrize("horizon", HORIZONS)
def test_no_turn_of_the_prompt_earns_trade_thinking_or_makes_a_claim(horizon: Horizon) -> None:
    texts = [*turns(horizon), prompt(horizon), " ".join(turns(horizon)).upper()]
    assert [trade_thinking(text, HEADLINE, prompt(horizon)).total for text in texts] == [0.0] * len(texts)
    group = GroupToScore(
        group_id=1,
        headline=HEADLINE,
        prompt_text=prompt(horizon),
        rollouts=[RolloutToScore(rollout_id=i, text=text) for i, text in enumerate(texts)],
    )
    assert {reading.claim for reading in read_group(group, RunConfig.model_validate({}))} == {""}


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_form_of_an_example_filled_with_ones_own_words_earns_all(horizon: Horizon) -> None:
    own = (
        f"Domain=CompanyEvent; Proxy=CEG; Horizon={horizon}; Prob=65%; Claim=CEG rises above 352 by Friday; "
        "Rationale=The deal adds contracted power sales; Risk=Delay in approval; Confidence=1"
    )
    assert trade_thinking(own, HEADLINE, prompt(horizon)).total == 1.0


def test_every_sentence_of_the_instructions_is_known_as_a_leak() -> None:
    assert all(leaked_stems(sentence) for sentence in FORM.system.split(". "))


def test_no_worked_example_is_taken_for_a_leak() -> None:
    assert [leaked_stems(example.answer) for example in FORM.examples("1d")] == [[], []]
