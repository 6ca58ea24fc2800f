"""The use case: a headline in, forecast lines out, under exactly the policy that was asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.inference.engine_client import FRESH_WEIGHTS, Completion, HttpEngine, SamplingRequest
from services.inference.sampling.answers import Attempt
from services.inference.sampling.ladder import ClimbSettings, Ladder
from services.inference.sampling.prompts import messages
from services.inference.sampling.tokenizer import Tokenizer
from services.inference.syncer.loaded import Holdings
from services.inference.worker.service import gathered
from shared.errors import UnavailableError
from shared.forecast import format_named
from shared.run_config import RunConfig
from shared.wire import BASE_POLICY, ForecastLine, ForecastLines, ForecastTask


class NothingForced:
    """Tells of no token that it was forced: a forecast on demand is not learned from."""

    def forced(self, regex: str, token_ids: Sequence[int]) -> list[bool]:  # noqa: ARG002 - it is Forcing's
        """False for each token."""
        return [False] * len(token_ids)


@dataclass(frozen=True)
class SlotEngine:
    """An engine whose own weights, known to it as `base`, are those of `policy`."""

    engine: HttpEngine
    policy: str

    async def policies(self) -> list[str]:
        """The one policy."""
        return [self.policy]

    async def complete(self, request: SamplingRequest) -> list[Completion]:
        """Answers of the engine's own weights, under the name of whose they are."""
        answers = await self.engine.complete(replace(request, policy=BASE_POLICY, salt=self.policy))
        return [replace(answer, policy=self.policy) for answer in answers]


@dataclass(frozen=True)
class Forecaster:
    """Asks one engine. `tokenizer` is called where it may take seconds; `patience` is told in Holdings.reading."""

    engine: HttpEngine
    tokenizer: Callable[[], Tokenizer]
    holdings: Holdings
    url: str
    concurrency: int
    patience: float
    slotted: bool

    async def forecast(self, task: ForecastTask) -> ForecastLines:
        """The lines. Raises UnavailableError if the engine does not hold the policy, or lost it meanwhile."""
        started = time.monotonic()
        policy = task.policy.name
        tokenizer = await asyncio.to_thread(self.tokenizer)
        async with self.holdings.reading(policy, self.patience):
            climbed = await self._climbed(task, tokenizer)
            if self.slotted:
                await self._check_weights(policy)
        lines = [_line(tried) for tried in climbed]
        return ForecastLines(policy=policy, engine=self.url, lines=lines, seconds=time.monotonic() - started)

    async def _climbed(self, task: ForecastTask, tokenizer: Tokenizer) -> list[list[Attempt]]:
        settings, form = climb_settings(task), format_named(task.format)
        in_slot = self.slotted and task.policy.name == self.holdings.slot
        engine = SlotEngine(self.engine, task.policy.name) if in_slot else self.engine
        places = asyncio.Semaphore(self.concurrency)
        ladder = Ladder(engine, tokenizer, NothingForced(), form, settings, places)
        prompt = tokenizer.prompt(messages(task.headline, settings.horizon, form))
        return await gathered([ladder.climb(task.headline, prompt, index, "ladder") for index in range(task.lines)])

    async def _check_weights(self, policy: str) -> None:
        """No swap runs meanwhile; but an engine that restarted answers again with what it was started with."""
        whose = await self.engine.weight_version()
        whose = BASE_POLICY if whose == FRESH_WEIGHTS else whose
        if whose != self.holdings.slot:
            raise UnavailableError(f"the engine lost its weights while it was asked for {policy}: ask again")


def climb_settings(task: ForecastTask) -> ClimbSettings:
    """The ladder's settings of a forecast: the run's own, and a run's defaults for what a forecast cannot set."""
    default = RunConfig()
    return ClimbSettings(
        policy=task.policy.name,
        profile=task.profile,
        horizon=default.horizon,
        date=task.date,
        seed=task.seed,
        max_tokens=task.max_tokens,
        retries=task.retries,
        best_of=default.best_of,
    )


def _line(tried: list[Attempt]) -> ForecastLine:
    last = tried[-1]
    attempts = sum(attempt.calls for attempt in tried)
    return ForecastLine(text=last.answer.text, verdict=last.judgement.verdict, rung=last.rung, attempts=attempts)
