"""The ladder over a real engine and a real tokenizer: what it stores can be computed again."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from services.inference.engine_client import Completion, HttpEngine, SamplingRequest
from services.inference.sampling.forced_tokens import XgrammarForcing
from services.inference.sampling.tokenizer import HfTokenizer
from services.inference.worker.service import Generator
from shared.forecast import judge
from shared.wire import RolloutRecord
from shared.worker.steps import Lease
from tests.unit.inference.fakes import LINE, NONSENSE, generate_task

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
GAPS = re.sub(r"(Prob|Rationale|Risk)=[^;]*; ", "", LINE)
"""Lacks one slot, and two that stand together."""


class Replaced:
    """A real engine of which single answers are replaced by a text: the free ones, or all of them."""

    def __init__(self, engine: HttpEngine, tokenizer: HfTokenizer, text: str, *, guided: bool) -> None:
        self._engine, self._tokenizer, self._text, self._guided = engine, tokenizer, text, guided
        self.requests: list[SamplingRequest] = []

    async def policies(self) -> list[str]:
        """What is served."""
        return await self._engine.policies()

    async def rows(self) -> int | None:
        """As the engine."""
        return await self._engine.rows()

    async def complete(self, request: SamplingRequest) -> list[Completion]:
        """The engine's answers, or the text."""
        self.requests.append(request)
        if request.n > 1 or (request.regex and not self._guided):
            return await self._engine.complete(request)
        ids = self._tokenizer.encode(self._text)
        return [Completion(request.policy, self._text, ids, [-1.0] * len(ids), "stop")]


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> HfTokenizer:
    return HfTokenizer(str(tiny_model))


def climbed(url: str, tokenizer: HfTokenizer, text: str, *, guided: bool) -> tuple[RolloutRecord, list[Completion]]:
    """A rollout of the ladder arm, and the answer to its last request, requested again with the rollout's seed."""

    async def run() -> tuple[RolloutRecord, list[Completion]]:
        async with HttpEngine.at(url, 120, 4) as http:
            engine = Replaced(http, tokenizer, text, guided=guided)
            generator = Generator(engine, tokenizer, XgrammarForcing(tokenizer.hf), BASE, asyncio.Semaphore(4), 0)
            task = generate_task(rollouts=2, max_tokens=1024)
            rollout = (await generator.generate(task, Lease(7, 1))).groups[0].rollouts[1]
            return rollout, await http.complete(replace(engine.requests[-1], n=1, seed=rollout.seed))

    return asyncio.run(run())


def test_a_repaired_line_is_its_tokens_and_forced_ones_were_certain(engine_url: str, tokenizer: HfTokenizer) -> None:
    rollout, _ = climbed(engine_url, tokenizer, GAPS, guided=False)
    assert (rollout.rung, rollout.attempts) == ("repair", 3)
    assert tokenizer.decode(rollout.token_ids) == rollout.text
    assert judge(rollout.text).verdict == "strict"
    kept = judge(LINE).slots.keys() - {"Prob", "Rationale", "Risk"}
    assert {key: judge(rollout.text).slots[key] for key in kept} == {key: judge(LINE).slots[key] for key in kept}
    assert len(rollout.token_ids) == len(rollout.logprobs) == len(rollout.forced)
    pairs = list(zip(rollout.logprobs, rollout.forced, strict=True))
    assert [logprob for logprob, forced in pairs if forced] == pytest.approx([0.0] * sum(rollout.forced), abs=1e-5)
    assert 0 < sum(logprob < 0 for logprob, _ in pairs) < rollout.sampled_tokens - len(tokenizer.encode(GAPS))
    assert rollout.token_ids[-1] == tokenizer.end
    assert rollout.finish_reason == "stop"


def test_the_best_of_several_is_sampled_again_by_its_seed_alone(engine_url: str, tokenizer: HfTokenizer) -> None:
    rollout, again = climbed(engine_url, tokenizer, NONSENSE, guided=True)
    assert rollout.rung == "best_of_n"
    assert [answer.token_ids for answer in again] == [rollout.token_ids]
    assert [answer.text for answer in again] == [rollout.text]
    assert again[0].logprobs == pytest.approx(rollout.logprobs, abs=1e-4)
    assert rollout.sampled_tokens > 2 * len(tokenizer.encode(NONSENSE)) + len(rollout.token_ids)
