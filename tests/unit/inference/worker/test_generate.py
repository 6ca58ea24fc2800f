"""What becomes of a group's rollouts."""

from __future__ import annotations

import asyncio

import pytest

from services.inference.engine_client import SamplingRequest
from services.inference.sampling.rules import group_seed, sampling_seed
from services.inference.worker.service import Generator
from shared.errors import InvalidInputError, MorrowError, StoppedError, UnavailableError
from shared.forecast import line_regex
from shared.wire import GenerateResult, GenerateTask
from shared.worker.load import Load
from shared.worker.steps import Lease
from tests.unit.inference.fakes import LINE, NEAR_MISS, NONSENSE, FakeEngine, FakeForcing, FakeTokenizer, generate_task

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"


def generator(engine: FakeEngine, concurrency: int = 32, patience: float = 0.0) -> Generator:
    return Generator(engine, FakeTokenizer(), FakeForcing(), BASE, asyncio.Semaphore(concurrency), patience, Load())


def generated(engine: FakeEngine, task: GenerateTask, concurrency: int = 32) -> GenerateResult:
    return asyncio.run(generator(engine, concurrency).generate(task, Lease(7, 1)))


def nonsense_unless_guided(request: SamplingRequest) -> str:
    return LINE if request.regex else NONSENSE


def test_failures_of_the_ladder_arm_are_guided_and_those_of_the_free_arm_stay() -> None:
    engine = FakeEngine(nonsense_unless_guided)
    result = generated(engine, generate_task())
    rollouts = result.groups[0].rollouts
    assert [r.arm for r in rollouts] == ["free"] * 4 + ["ladder"] * 4
    assert [r.rung for r in rollouts] == ["free"] * 4 + ["guided"] * 4
    assert [r.attempts for r in rollouts] == [1] * 4 + [2] * 4
    assert [r.text for r in rollouts] == [NONSENSE] * 4 + [LINE] * 4
    assert {(r.raw_text, r.raw_strict) for r in rollouts} == {(NONSENSE, False)}
    assert result.engine_calls == 9
    assert result.tokens == 8 * (len(NONSENSE) + 1) + 4 * (len(LINE) + 1) == sum(r.sampled_tokens for r in rollouts)


def test_only_guided_tokens_can_be_forced() -> None:
    rollouts = generated(FakeEngine(nonsense_unless_guided), generate_task()).groups[0].rollouts
    assert [sum(r.forced) for r in rollouts] == [0] * 4 + [1] * 4
    assert all(len(r.forced) == len(r.token_ids) == len(r.logprobs) for r in rollouts)


def test_a_near_miss_stands_as_it_was_sampled() -> None:
    rollouts = generated(FakeEngine(lambda _: NEAR_MISS), generate_task()).groups[0].rollouts
    assert {(r.rung, r.attempts, r.text, r.raw_strict) for r in rollouts} == {("free", 1, NEAR_MISS, False)}


def test_a_strict_first_answer_counts_as_raw_strict() -> None:
    rollouts = generated(FakeEngine(lambda _: LINE), generate_task()).groups[0].rollouts
    assert all(r.raw_strict and r.text == r.raw_text for r in rollouts)


def test_a_line_that_repeats_the_headline_is_not_strict() -> None:
    task = generate_task(["Brent crude rises above 68 by tomorrow"])
    rollouts = generated(FakeEngine(lambda _: LINE), task).groups[0].rollouts
    assert not any(r.raw_strict for r in rollouts)
    assert [r.attempts for r in rollouts] == [1] * 4 + [4] * 4


def test_retries_bound_the_engine_calls_of_a_rollout() -> None:
    engine = FakeEngine(lambda _: NONSENSE)
    rollouts = generated(engine, generate_task(rollouts=2, retries=2)).groups[0].rollouts
    assert [(r.rung, r.attempts) for r in rollouts] == [("free", 1), ("best_of_n", 3)]


def test_the_free_arm_is_one_request_and_each_other_attempt_one_of_its_own_with_its_own_seed() -> None:
    engine = FakeEngine(nonsense_unless_guided)
    task = generate_task(["Oil climbs", "Gold falls"], max_tokens=399)
    result = generated(engine, task)
    expected = {
        (4 if index == attempt == 0 else 1, sampling_seed(task.config.seed, task.date, text, index, attempt))
        for text in ("Oil climbs", "Gold falls")
        for index in (0, 4, 5, 6, 7)
        for attempt in range(2 if index >= 4 else 1)
    }
    assert {(r.n, r.seed) for r in engine.requests} == expected
    assert len(engine.requests) == len(expected)
    first = group_seed(task.config.seed, task.date, "Gold falls")
    assert [r.seed for r in result.groups[1].rollouts[:4]] == [first, first + 1, first + 2, first + 3]
    assert {(r.temperature, r.top_p, r.top_k, r.max_tokens) for r in engine.requests} == {(0.5, 0.85, 50, 399)}
    assert {r.regex for r in engine.requests} == {None, line_regex("1d")}
    rollout = result.groups[1].rollouts[5]
    assert rollout.seed == sampling_seed(task.config.seed, task.date, "Gold falls", 5, 1)
    assert (rollout.temperature, rollout.profile) == (0.5, "tight")


def test_the_same_step_asks_for_the_same_answers() -> None:
    first, second = FakeEngine(nonsense_unless_guided), FakeEngine(nonsense_unless_guided)
    task = generate_task(["Oil climbs", "Gold falls"])
    assert generated(first, task).groups == generated(second, task, concurrency=1).groups
    assert sorted(first.requests, key=repr) == sorted(second.requests, key=repr)


def test_a_group_keeps_the_prompt_that_the_engine_was_given() -> None:
    engine = FakeEngine(lambda _: LINE)
    result = generated(engine, generate_task(["Oil climbs", "Gold falls"]))
    assert [group.headline_id for group in result.groups] == [1, 2]
    prompts = {tuple(request.prompt_token_ids) for request in engine.requests}
    assert prompts == {tuple(group.prompt_token_ids) for group in result.groups}
    assert result.groups[1].prompt_text.endswith('Headline: "Gold falls"')


def test_all_headlines_of_a_step_are_in_flight_at_once_but_no_more_calls_than_allowed() -> None:
    wide, narrow = FakeEngine(lambda _: LINE), FakeEngine(lambda _: LINE)
    task = generate_task(["one", "two", "three", "four"])
    generated(wide, task)
    generated(narrow, task, concurrency=5)
    assert (wide.most_at_once, narrow.most_at_once) == (4 * 5, 5)


def test_every_rollout_names_the_policy_that_spoke() -> None:
    engine = FakeEngine(lambda _: LINE, served=["base", "checkpoint"])
    rollouts = generated(engine, generate_task(policy="checkpoint")).groups[0].rollouts
    assert {r.policy for r in rollouts} == {"checkpoint"}
    assert {request.policy for request in engine.requests} == {"checkpoint"}


def test_a_group_that_another_policy_answered_is_refused() -> None:
    with pytest.raises(MorrowError, match="answered by"):
        generated(FakeEngine(lambda _: LINE, echoes="other"), generate_task())


def test_a_policy_that_does_not_appear_is_named() -> None:
    with pytest.raises(UnavailableError, match="has not loaded the policy checkpoint") as caught:
        generated(FakeEngine(lambda _: LINE), generate_task(policy="checkpoint"))
    assert caught.value.retryable


def test_an_engine_that_stays_away_is_the_reason_that_is_given() -> None:
    class Away(FakeEngine):
        async def policies(self) -> list[str]:
            raise UnavailableError("the engine does not answer")

    with pytest.raises(UnavailableError, match=r"does not answer \(waited 0 s for the policy base\)"):
        generated(Away(lambda _: LINE), generate_task())


def test_engine_and_policy_may_appear_late(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(FakeEngine):
        looks = 0

        async def policies(self) -> list[str]:
            self.looks += 1
            if self.looks == 1:
                raise UnavailableError("the engine does not answer")
            return ["base", "checkpoint"] if self.looks == 3 else ["base"]

    monkeypatch.setattr("services.inference.worker.service.POLL_SECONDS", 0.0)
    engine = Late(lambda _: LINE)
    work = generator(engine, patience=60).generate(generate_task(policy="checkpoint"), Lease(7, 1))
    assert len(asyncio.run(work).groups) == 1
    assert engine.looks == 4  # the last one after the answers


def test_another_base_model_is_refused_and_both_are_named() -> None:
    with pytest.raises(InvalidInputError, match=r"config.base_model: the run needs other/model, .* serves Hugging"):
        generated(FakeEngine(lambda _: LINE), generate_task(base_model="other/model"))


def test_a_lease_that_is_taken_back_cancels_what_is_in_flight() -> None:
    async def scenario() -> FakeEngine:
        engine = FakeEngine(lambda _: LINE, hold=asyncio.Event())
        lease = Lease(7, 1)
        work = asyncio.ensure_future(generator(engine).generate(generate_task(), lease))
        while len(engine.requests) < 5:
            await asyncio.sleep(0)
        lease.revoke("the run was cancelled")
        with pytest.raises(StoppedError, match="the run was cancelled"):
            await work
        return engine

    assert asyncio.run(scenario()).cancelled == 5


def test_the_engines_failure_is_the_steps_failure() -> None:
    def fail(request: SamplingRequest) -> str:
        raise UnavailableError("the engine is away")

    with pytest.raises(UnavailableError, match="the engine is away"):
        generated(FakeEngine(fail), generate_task())
