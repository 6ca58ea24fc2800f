"""The upper rungs: what is kept, what is request_ for, what is chosen, and what it costs."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from services.inference.engine_client import Completion, SamplingRequest
from services.inference.sampling.rules import sampling_seed
from services.inference.worker.service import Generator
from shared.forecast import judge, line_regex
from shared.wire import GenerateTask, RolloutRecord
from shared.worker.steps import Lease
from tests.unit.inference.fakes import BROKEN, LINE, NONSENSE, FakeEngine, FakeForcing, FakeTokenizer, generate_task

NO_ENDS = BROKEN.replace("Domain=MarketMove; ", "").replace("; Confidence=2", "")
"""Lacks the first slot, Prob and the last."""

FILLS = ("MarketMove;", "60%;", "2", "Brent crude; Horizon=1d; Prob=60%;", "Weak demand; Confidence=2")


def repairing(free: str) -> FakeEngine:
    """An engine that says `free` freely, the slots of LINE where those are request_ for, and nonsense otherwise."""

    def says(request: SamplingRequest) -> str:
        if request.regex is None:
            return free
        pattern = re.compile(request.regex)
        return next((text for text in FILLS if pattern.fullmatch(text)), NONSENSE)

    return FakeEngine(says)


def climbed(engine: FakeEngine, task: GenerateTask | None = None) -> RolloutRecord:
    """The only rollout of the ladder arm."""
    places = asyncio.Semaphore(32)
    generator = Generator(engine, FakeTokenizer(), FakeForcing(), "HuggingFaceTB/SmolLM2-135M-Instruct", places, 0.0)
    task = task or generate_task(rollouts=2)
    return asyncio.run(generator.generate(task, Lease(7, 1))).groups[0].rollouts[1]


def upper(engine: FakeEngine) -> list[SamplingRequest]:
    """What was request_ for beyond the free attempts."""
    return [request for request in engine.requests if request.regex]


def test_only_the_missing_slot_is_asked_for_after_the_text_that_was_kept() -> None:
    engine = repairing(BROKEN)
    rollout = climbed(engine)
    assert (rollout.rung, rollout.text, rollout.attempts) == ("repair", LINE, 2)
    (repair,) = upper(engine)
    free = engine.requests[0]
    begun = FakeTokenizer().decode(repair.prompt_token_ids[len(free.prompt_token_ids) :])
    assert begun == LINE[: LINE.index("60%")]
    assert repair.prompt_token_ids[: len(free.prompt_token_ids)] == free.prompt_token_ids
    assert repair.regex == "(100|[1-9]?[0-9])%;"
    assert rollout.raw_text == BROKEN


def test_a_repaired_answer_is_its_tokens_and_only_what_was_sampled_by_choice_is_learned_from() -> None:
    rollout = climbed(repairing(BROKEN))
    ids, end = rollout.token_ids, FakeTokenizer.end
    assert FakeTokenizer().decode(ids) == rollout.text == LINE
    assert (ids[-1], ids.count(2)) == (end, 1)
    assert len(ids) == len(rollout.logprobs) == len(rollout.forced)
    sampled = range(LINE.index("60%"), LINE.index("60%") + len("60%;"))
    assert [i for i, logprob in enumerate(rollout.logprobs) if logprob] == list(sampled)
    assert [i for i, forced in enumerate(rollout.forced) if not forced] == list(sampled)[1:]
    assert rollout.finish_reason == "stop"
    assert rollout.sampled_tokens == len(BROKEN) + 1 + len("60%;") + 1


def test_each_run_of_missing_slots_is_one_call_on_what_the_last_one_left() -> None:
    engine = repairing(NO_ENDS)
    rollout = climbed(engine)
    assert (rollout.rung, rollout.text, rollout.attempts) == ("repair", LINE, 4)
    prompt = len(engine.requests[0].prompt_token_ids)
    begun = [FakeTokenizer().decode(request.prompt_token_ids[prompt:]) for request in upper(engine)]
    assert begun == ["Domain=", LINE[: LINE.index("60%")], LINE[:-1]]
    assert [request.max_tokens for request in upper(engine)] == [
        400 - len(LINE) + len("MarketMove;60%;2") - 1,
        400 - len(LINE) + len("60%;2") - 1,
        400 - len(LINE) + len("2") - 1,
    ]
    task = generate_task()
    seeds = [sampling_seed(task.config.seed, task.date, "Oil climbs", 1, attempt) for attempt in (1, 2, 3)]
    assert [request.seed for request in upper(engine)] == seeds
    assert rollout.seed == seeds[0]


def test_an_end_that_was_sampled_last_is_kept_with_its_log_probability() -> None:
    rollout = climbed(repairing(LINE.replace("; Confidence=2", "")))
    assert rollout.text == LINE
    assert rollout.token_ids[-1] == FakeTokenizer.end
    assert rollout.logprobs[-2:] == [-0.5, -0.5]


def test_neighbouring_slots_are_asked_for_together() -> None:
    engine = repairing(LINE.replace("Proxy=Brent crude; Horizon=1d; Prob=60%; ", ""))
    assert climbed(engine).text == LINE
    (repair,) = upper(engine)
    assert repair.regex is not None
    assert re.fullmatch(repair.regex, "Brent crude; Horizon=1d; Prob=60%;")


def test_slots_that_only_stood_in_the_wrong_order_are_put_in_order_without_a_call() -> None:
    swapped = LINE.replace("Horizon=1d; Prob=60%", "Prob=60%; Horizon=1d")
    rollout = climbed(repairing(swapped))
    assert (rollout.rung, rollout.text, rollout.attempts) == ("repair", LINE, 1)
    assert all(rollout.forced)
    assert set(rollout.logprobs) == {0.0}
    assert rollout.sampled_tokens == len(swapped) + 1


def test_with_fewer_than_two_sound_slots_the_whole_line_is_sampled_anew() -> None:
    engine = FakeEngine(lambda request: LINE if request.regex else "Domain=MarketMove; and so on")
    assert climbed(engine).rung == "guided"
    assert [request.regex for request in upper(engine)] == [line_regex("1d")]


def test_a_slot_that_would_leave_the_others_no_room_is_not_kept() -> None:
    endless = BROKEN.replace("Brent crude rises above 68 by tomorrow", "on and " * 30 + "on")
    engine = repairing(endless)
    climbed(engine)
    assert "Claim=" in (upper(engine)[0].regex or "")


def test_more_gaps_than_retries_are_left_for_are_not_begun() -> None:
    engine = repairing(NO_ENDS)
    assert climbed(engine, generate_task(rollouts=2, retries=2)).rung == "best_of_n"
    assert [request.n for request in upper(engine)] == [1, 4]


def test_a_repair_that_runs_out_of_room_is_given_up_at_once() -> None:
    engine = repairing(NO_ENDS)
    rollout = climbed(engine, generate_task(rollouts=2, max_tokens=len(NO_ENDS) + 38))
    assert len(upper(engine)) == rollout.attempts - 1 == 3
    assert upper(engine)[0].max_tokens < len("MarketMove;")
    assert [request.regex for request in upper(engine)[1:]] == [line_regex("1d")] * 2
    assert (rollout.rung, rollout.finish_reason) == ("best_of_n", "stop")


def test_a_repair_without_any_room_asks_for_nothing() -> None:
    engine = repairing(BROKEN)
    rollout = climbed(engine, generate_task(rollouts=2, max_tokens=len(BROKEN)))
    assert [request.regex for request in upper(engine)] == [line_regex("1d")] * 3
    assert rollout.attempts == 4


def scripted(request: SamplingRequest) -> str:
    """Nonsense, but of four answers the third and the fourth are lines."""
    task = generate_task()
    first = sampling_seed(task.config.seed, task.date, "Oil climbs", 1, 2)
    return {first + 2: LINE, first + 3: LINE.replace("68", "69")}.get(request.seed, NONSENSE)


class Likely(FakeEngine):
    """The fourth of several answers is the likeliest."""

    async def complete(self, request: SamplingRequest) -> list[Completion]:
        """The answers, their log-probabilities rising."""
        answers = await super().complete(request)
        return [replace(a, logprobs=[-1.0 + i / 10] * len(a.token_ids)) for i, a in enumerate(answers)]


@pytest.mark.parametrize(("engine", "chosen"), [(FakeEngine(scripted), 2), (Likely(scripted), 3)])
def test_the_best_of_several_is_kept_with_the_seed_it_was_sampled_with(engine: FakeEngine, chosen: int) -> None:
    rollout = climbed(engine)
    task = generate_task()
    assert (rollout.rung, rollout.attempts) == ("best_of_n", 3)
    assert rollout.text == (LINE, LINE.replace("68", "69"))[chosen - 2]
    assert rollout.seed == sampling_seed(task.config.seed, task.date, "Oil climbs", 1, 2) + chosen
    assert [request.n for request in engine.requests[-3:]] == [1, 1, 4]


def test_all_answers_of_the_last_rung_are_counted_as_sampled() -> None:
    rollout = climbed(FakeEngine(lambda _: NONSENSE))
    assert (rollout.rung, rollout.attempts) == ("best_of_n", 4)
    assert rollout.sampled_tokens == (1 + 1 + 4 + 4) * (len(NONSENSE) + 1)


def test_an_abstention_stands_on_whichever_rung_it_is_said() -> None:
    assert climbed(FakeEngine(lambda _: "No forecast: nothing to settle")).rung == "free"
    engine = FakeEngine(lambda request: "No forecast: nothing to settle" if request.regex else NONSENSE)
    rollout = climbed(engine)
    assert (rollout.rung, judge(rollout.text).verdict) == ("guided", "abstained")


def test_a_format_without_repair_goes_on_to_the_guided_rung() -> None:
    paragraph = (
        "Brent futures should rise by about 2% by tomorrow. It is because supply stays tight. The main risk is a truce."
    )
    engine = FakeEngine(lambda request: paragraph if request.regex else "Brent futures should rise by about 2%.")
    rollout = climbed(engine, generate_task(rollouts=2, format="paragraph"))
    assert (rollout.rung, rollout.text) == ("guided", paragraph)
    assert {request.stop for request in engine.requests} == {("\n\n",)}
