"""The use case: a generate step in, its groups of rollouts out.

All rollouts of a step climb their ladders side by side, so that the engine always has a batch to work on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.inference.engine_client import Completion, Engine, SamplingRequest
from services.inference.sampling.answers import Attempt
from services.inference.sampling.concurrency import gathered
from services.inference.sampling.forced_tokens import Forcing
from services.inference.sampling.ladder import ClimbSettings, Ladder
from services.inference.sampling.prompts import messages
from services.inference.sampling.rules import PROFILES, arm, rows_in_flight
from services.inference.sampling.tokenizer import Prompt, Tokenizer
from shared.errors import InvalidInputError, UnavailableError
from shared.forecast import format_named
from shared.wire import GenerateResult, GenerateTask, GroupRecord, HeadlineItem, RolloutRecord
from shared.worker.load import Load
from shared.worker.steps import Lease

log = logging.getLogger(__name__)
POLL_SECONDS = 0.5
WATCH_SECONDS = 0.2
T = TypeVar("T")


@dataclass(frozen=True)
class Generator:
    """Does generate steps, several at a time.

    `base_model` is the name of the model that engine and tokenizer were given; `places` bounds the engine calls of all
    steps together; `load` counts their rows, against `rows` where the engine does not say how many it decodes together.
    """

    engine: Engine
    tokenizer: Tokenizer
    forcing: Forcing
    base_model: str
    places: asyncio.Semaphore
    policy_patience: float
    load: Load = field(default_factory=Load)
    rows: int = 64

    async def generate(self, task: GenerateTask, lease: Lease) -> GenerateResult:
        """Sample a group for each headline.

        Raises StoppedError as soon as the lease is revoked, InvalidInputError for another base model, and
        UnavailableError if the engine does not answer or does not list the policy within `policy_patience` seconds.
        """
        if task.config.base_model != self.base_model:
            raise InvalidInputError(
                f"config.base_model: the run needs {task.config.base_model}, but this worker serves {self.base_model}; "
                "start a worker with MORROW_BASE_MODEL set to the run's"
            )
        started = time.monotonic()
        size, free = task.config.rollouts, task.config.free_rollouts
        with self.load.step(lease, len(task.headlines) * rows_in_flight(size, free)) as ended:
            groups, calls = await stoppable(self._groups(task, lease, ended), lease)
        tokens = sum(rollout.sampled_tokens for group in groups for rollout in group.rollouts)
        result = GenerateResult(groups=groups, engine_calls=calls, tokens=tokens, seconds=time.monotonic() - started)
        _log_result(task, result)
        return result

    async def _groups(
        self, task: GenerateTask, lease: Lease, ended: Callable[[int], None]
    ) -> tuple[list[GroupRecord], int]:
        """The groups, and the number of engine calls."""
        form = format_named(task.config.format)
        await self._policy_listed(task.policy.name, lease)
        self.load.capacity = await self.engine.rows() or self.rows
        engine = CountingEngine(self.engine)
        ladder = Ladder(
            engine, self.tokenizer, self.forcing, form, climb_settings(task), self.places, lease.check, ended
        )
        prompts = [self.tokenizer.prompt(messages(item.text, task.config.horizon, form)) for item in task.headlines]
        size, free = task.config.rollouts, task.config.free_rollouts
        climbed = await gathered(
            [ladder.group(item.text, prompt, size, free) for item, prompt in zip(task.headlines, prompts, strict=True)]
        )
        await self.engine.policies()  # raises if the weights were replaced meanwhile: no answer tells of that
        groups = zip(task.headlines, prompts, climbed, strict=True)
        return [_group(task, item, prompt, tried) for item, prompt, tried in groups], engine.calls

    async def _policy_listed(self, policy: str, lease: Lease) -> None:
        """Wait until the engine lists the policy; it may still be starting."""
        deadline = time.monotonic() + self.policy_patience
        while problem := await self._missing(policy):
            lease.check()
            if time.monotonic() >= deadline:
                raise UnavailableError(f"{problem} (waited {self.policy_patience:g} s for the policy {policy})")
            await asyncio.sleep(POLL_SECONDS)

    async def _missing(self, policy: str) -> str | None:
        try:
            listed = policy in await self.engine.policies()
        except UnavailableError as error:
            return error.detail
        return None if listed else f"the engine has not loaded the policy {policy}; is its syncer up?"


@dataclass
class CountingEngine:
    """An engine, and the number of the calls that sampled."""

    engine: Engine
    calls: int = 0

    async def policies(self) -> list[str]:
        """As the engine."""
        return await self.engine.policies()

    async def rows(self) -> int | None:
        """As the engine."""
        return await self.engine.rows()

    async def complete(self, request: SamplingRequest) -> list[Completion]:
        """As the engine, counted."""
        self.calls += 1
        return await self.engine.complete(request)


def climb_settings(task: GenerateTask) -> ClimbSettings:
    """The ladder's settings of a generate step."""
    config = task.config
    return ClimbSettings(
        policy=task.policy.name,
        profile=task.profile,
        horizon=config.horizon,
        date=task.date,
        seed=config.seed,
        max_tokens=config.max_tokens,
        retries=config.retries,
        best_of=config.best_of,
    )


def _group(task: GenerateTask, item: HeadlineItem, prompt: Prompt, climbed: list[list[Attempt]]) -> GroupRecord:
    return GroupRecord(
        headline_id=item.id,
        prompt_text=prompt.text,
        prompt_token_ids=prompt.token_ids,
        rollouts=[_rollout(task, index, tried) for index, tried in enumerate(climbed)],
    )


def _rollout(task: GenerateTask, index: int, tried: list[Attempt]) -> RolloutRecord:
    first, last = tried[0], tried[-1]
    answer = last.answer
    return RolloutRecord(
        index=index,
        arm=arm(index, task.config),
        rung=last.rung,
        attempts=sum(attempt.calls for attempt in tried),
        sampled_tokens=sum(attempt.sampled for attempt in tried),
        raw_text=first.answer.text,
        raw_strict=first.judgement.verdict == "strict",
        text=answer.text,
        token_ids=answer.token_ids,
        logprobs=answer.logprobs,
        forced=answer.forced,
        finish_reason=answer.finish_reason,
        policy=task.policy.name,
        profile=task.profile,
        temperature=PROFILES[task.profile].temperature,
        seed=answer.seed,
    )


async def stoppable(work: Coroutine[Any, Any, T], lease: Lease) -> T:
    """The result of the work. A revoked lease cancels it with its calls in flight, and raises StoppedError."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=WATCH_SECONDS))[0]:
            lease.check()
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _log_result(task: GenerateTask, result: GenerateResult) -> None:
    rollouts = [rollout for group in result.groups for rollout in group.rollouts]
    log.info(
        "%s %s: %d headlines, %d rollouts by %s (%s, prompt %s), %d strict at first, %d calls, %d tokens, %.1f s",
        task.run,
        task.date,
        len(result.groups),
        len(rollouts),
        task.policy.name,
        task.profile,
        format_named(task.config.format).prompt_version,
        sum(rollout.raw_strict for rollout in rollouts),
        result.engine_calls,
        result.tokens,
        result.seconds,
    )
