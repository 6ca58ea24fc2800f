"""What the inference service really asks: no piece of it earns anything when it is given back."""

from __future__ import annotations

import pytest

from services.evaluator.inputs import ScoringInputs
from services.evaluator.text.leak import leaked_stems
from services.evaluator.text.parsing import TextParser
from services.evaluator.trade_thinking.rubric import graded_evidence, trade_thinking
from services.inference.sampling.prompts import messages
from shared.forecast import format_named
from shared.run_config import HORIZON_DAYS, Horizon, RunConfig
from shared.wire import GroupToScore

FORMS = ["one_line", "paragraph"]
HEADLINE = "Utility orders two reactors after a power shortage"
HORIZONS: list[Horizon] = ["1d", "1w", "1m", "1q"]


def turns(horizon: Horizon, form: str = "one_line") -> list[str]:
    return [turn["content"] for turn in messages(HEADLINE, horizon, format_named(form))]


def prompt(horizon: Horizon, form: str = "one_line") -> str:
    conversation = messages(HEADLINE, horizon, format_named(form))
    return "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in conversation)


def test_all_horizons_are_tried() -> None:
    assert list(HORIZON_DAYS) == HORIZONS


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("horizon", HORIZONS)
def test_copied_prompt_turn_earns_no_trade_thinking_and_has_no_claim(horizon: Horizon, form: str) -> None:
    shown = prompt(horizon, form)
    spoken_turns = turns(horizon, form)
    texts = [*spoken_turns, shown, " ".join(spoken_turns).upper(), format_named(form).template]
    assert [trade_thinking(text, HEADLINE, shown).total for text in texts[:-1]] == [0.0] * len(texts[:-1])
    group = GroupToScore(group_id=1, headline=HEADLINE, prompt_text=shown, rollouts=[])
    parser = TextParser(group, ScoringInputs(RunConfig.model_validate({"format": form}), [], bonus=0.1))
    parsed = parser.parse(texts)
    assert {one.claim for one in parsed} == {""}
    assert {graded_evidence(one.evidence).total for one in parsed} == {0.0}


@pytest.mark.parametrize("horizon", HORIZONS)
def test_example_form_with_own_words_earns_full_trade_thinking(horizon: Horizon) -> None:
    own = (
        f"Domain=CompanyEvent; Proxy=CEG; Horizon={horizon}; Prob=65%; Claim=CEG rises above 352 by Friday; "
        "Rationale=The deal adds contracted power sales; Risk=Delay in approval; Confidence=1"
    )
    assert trade_thinking(own, HEADLINE, prompt(horizon)).total == 1.0


@pytest.mark.parametrize("form", FORMS)
def test_every_instruction_sentence_is_a_leak(form: str) -> None:
    assert all(leaked_stems(sentence) for sentence in format_named(form).system.split(". "))


@pytest.mark.parametrize("form", FORMS)
def test_worked_examples_are_no_leaks(form: str) -> None:
    assert [leaked_stems(example.answer) for example in format_named(form).examples("1d")] == [[], []]
