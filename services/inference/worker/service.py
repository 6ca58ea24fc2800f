"""The use case: a generate step in, its groups of rollouts out.

All rollouts of a step climb their ladders side by side, so that the engine always has a batch to work on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from services.inference.engine_client import Engine
from services.inference.sampling.answers import Attempt
from services.inference.sampling.concurrency import gathered
from services.inference.sampling.forced_tokens import Forcing
from services.inference.sampling.ladder import ClimbSettings, Ladder
from services.inference.sampling.prompts import messages
from services.inference.sampling.rules import PROFILES, arm
from services.inference.sampling.tokenizer import Prompt, Tokenizer
from shared.errors import InvalidInputError, UnavailableError
from shared.forecast import format_named
from shared.wire import GenerateResult, GenerateTask, GroupRecord, HeadlineItem, RolloutRecord
from shared.worker.steps import Lease

log = logging.getLogger(__name__)
POLL_SECONDS = 0.5
WATCH_SECONDS = 0.2
T = TypeVar("T")


@dataclass(frozen=True)
class Generator:
    """Does generate steps. `base_model` is the name of the model that engine and tokenizer were given."""

    engine: Engine
    tokenizer: Tokenizer
    forcing: Forcing
    base_model: str
    concurrency: int
    policy_patience: float

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
        groups, calls, tokens = await stoppable(self._groups(task, lease), lease)
        result = GenerateResult(groups=groups, engine_calls=calls, tokens=tokens, seconds=time.monotonic() - started)
        _log_result(task, result)
        return result

    async def _groups(self, task: GenerateTask, lease: Lease) -> tuple[list[GroupRecord], int, int]:
        form = format_named(task.config.format)
        await self._policy_listed(task.policy.name, lease)
        places = asyncio.Semaphore(self.concurrency)
        ladder = Ladder(self.engine, self.tokenizer, self.forcing, form, climb_settings(task), places, lease.check)
        prompts = [self.tokenizer.prompt(messages(item.text, task.config.horizon, form)) for item in task.headlines]
        pairs = list(zip(task.headlines, prompts, strict=True))
        size = task.config.rollouts
        climbed = await gathered(
            [
                ladder.climb(item.text, prompt, index, arm(index, task.config))
                for item, prompt in pairs
                for index in range(size)
            ]
        )
        await self.engine.policies()  # raises if the weights were replaced meanwhile: no answer tells of that
        groups = [
            _group(task, item, prompt, climbed[n * size : (n + 1) * size]) for n, (item, prompt) in enumerate(pairs)
        ]
        attempts = [attempt for tried in climbed for attempt in tried]
        return groups, sum(attempt.calls for attempt in attempts), sum(attempt.sampled for attempt in attempts)

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
