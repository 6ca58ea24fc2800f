"""The decoding ladder: the engine calls of each rung, and the answer made from them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from services.inference.engine_client import Completion, Engine, SamplingRequest
from services.inference.sampling.answers import Answer, Attempt, Draft
from services.inference.sampling.concurrency import gathered
from services.inference.sampling.forced_tokens import Forcing
from services.inference.sampling.rules import PROFILES, best, merit, next_rung, rows_in_flight, sampling_seed
from services.inference.sampling.tokenizer import Prompt, Tokenizer
from shared.errors import MorrowError
from shared.forecast import Asked, Format, Kept, RepairPlan
from shared.run_config import Horizon, ProfileName
from shared.wire import Arm, Rung


@dataclass(frozen=True)
class ClimbSettings:
    """What every rollout of a ladder has in common: whom to sample, with which sampler, and how often.

    `retries` are the engine calls a rollout may cost after its first; `max_tokens` bounds an answer; `seed` and `date`
    enter every sampling seed; `best_of` is how many answers the last rung samples in one call.
    """

    policy: str
    profile: ProfileName
    horizon: Horizon
    date: dt.date
    seed: int
    max_tokens: int
    retries: int
    best_of: int


@dataclass(frozen=True)
class Ladder:
    """Takes rollouts up the decoding ladder.

    `places` bounds how many engine calls are in flight at once; `check` is called before each and may raise to stop;
    `ended` is called with the `rows_in_flight` of rollouts of a group that need nothing more of the engine.
    """

    engine: Engine
    tokenizer: Tokenizer
    forcing: Forcing
    form: Format
    settings: ClimbSettings
    places: asyncio.Semaphore
    check: Callable[[], None] = lambda: None
    ended: Callable[[int], None] = lambda _: None

    async def group(self, headline: str, prompt: Prompt, size: int, free: int) -> list[list[Attempt]]:
        """All attempts of each of a group's rollouts, of which the first `free` are of the free arm. Raises as `climb`.

        The free ones are one engine call. The others are a call each, since a call returns with its last answer: a
        rollout climbs on as soon as its own answer is there.
        """
        calls = [self._first(headline, prompt, free)] if free else []
        climbs = [self._climbed(headline, prompt, index) for index in range(free, size)]
        return [tried for rollouts in await gathered([*calls, *climbs]) for tried in rollouts]

    async def _first(self, headline: str, prompt: Prompt, count: int) -> list[list[Attempt]]:
        """The one attempt of each of the rollouts from 0 to below `count`, by one engine call."""
        attempts = await Climber(self, headline, prompt, 0, 0).first(count)
        self.ended(rows_in_flight(count, count))
        return [[attempt] for attempt in attempts]

    async def _climbed(self, headline: str, prompt: Prompt, index: int) -> list[list[Attempt]]:
        tried = await self.climb(headline, prompt, index, "ladder")
        self.ended(1)
        return [tried]

    async def climb(self, headline: str, prompt: Prompt, index: int, arm: Arm) -> list[Attempt]:
        """All attempts of one rollout: the first is the free one, the last is the result.

        `index` in its group enters its sampling seeds; `arm` is "free" for a rollout that never goes beyond its first.
        Raises StoppedError if `check` does, MorrowError if another policy answered.
        """
        settings = self.settings
        tried: list[Attempt] = []
        while True:
            last = tried[-1].judgement if tried else None
            plan = self.form.repair(last, settings.horizon) if last else None
            calls = sum(attempt.calls for attempt in tried)
            left = settings.retries + 1 - calls
            rung = next_rung(arm, [attempt.rung for attempt in tried], last, plan, left)
            if rung is None:
                return tried
            tried.append(await Climber(self, headline, prompt, index, calls).attempt(rung, plan or ()))

    async def ask(self, request: SamplingRequest) -> list[Completion]:
        """One engine call. Raises what `check` raises, and MorrowError if another policy answered."""
        async with self.places:
            self.check()
            completions = await self.engine.complete(request)
        if strangers := {completion.policy for completion in completions} - {request.policy}:
            raise MorrowError(f"a headline was answered by {sorted(strangers)} and not by {request.policy}")
        return completions


@dataclass(frozen=True)
class Climber:
    """One rollout at one rung; `calls` is the number of engine calls it has cost so far."""

    ladder: Ladder
    headline: str
    prompt: Prompt
    index: int
    calls: int

    async def attempt(self, rung: Rung, plan: RepairPlan) -> Attempt:
        """The attempt at this rung."""
        if rung == "repair":
            return await self._repair(plan)
        settings, form = self.ladder.settings, self.ladder.form
        regex = None if rung == "free" else form.regex(settings.horizon)
        request = replace(self._request(0), regex=regex, n=settings.best_of if rung == "best_of_n" else 1)
        completions = await self.ladder.ask(request)
        judged = [form.judge(completion.text, self.headline) for completion in completions]
        chosen = best(
            [
                merit(judgement, form.form_score(completion.text, self.headline), completion.logprobs)
                for completion, judgement in zip(completions, judged, strict=True)
            ]
        )
        answer = self._answer(completions[chosen], regex, request.seed + chosen)
        sampled = sum(len(completion.token_ids) for completion in completions)
        return Attempt(rung, answer, judged[chosen], 1, sampled)

    def _request(self, call: int) -> SamplingRequest:
        """The request of this rung's call number `call`, for one free answer."""
        settings = self.ladder.settings
        profile = PROFILES[settings.profile]
        return SamplingRequest(
            policy=settings.policy,
            prompt_token_ids=self.prompt.token_ids,
            max_tokens=settings.max_tokens,
            temperature=profile.temperature,
            top_p=profile.top_p,
            top_k=profile.top_k,
            seed=sampling_seed(settings.seed, settings.date, self.headline, self.index, self.calls + call),
            stop=self.ladder.form.stop,
        )

    def _answer(self, completion: Completion, regex: str | None, seed: int) -> Answer:
        ids = completion.token_ids
        forced = self.ladder.forcing.forced(regex, ids, completion.logprobs) if regex else [False] * len(ids)
        return Answer(completion.text, ids, completion.logprobs, forced, completion.finish_reason, seed)

    async def first(self, count: int) -> list[Attempt]:
        """The free first attempts of as many rollouts of the group, from this one's index on."""
        request = replace(self._request(0), n=count)
        return [
            Attempt(
                "free",
                self._answer(completion, None, request.seed + place),
                self.ladder.form.judge(completion.text, self.headline),
                1,
                len(completion.token_ids),
            )
            for place, completion in enumerate(await self.ladder.ask(request))
        ]

    async def _repair(self, plan: RepairPlan) -> Attempt:
        """Fill the plan's gaps, from left to right, until one is cut short for want of room."""
        tokenizer = self.ladder.tokenizer
        kept = [tokenizer.encode(piece.text) if isinstance(piece, Kept) else [] for piece in plan]
        draft = Draft()
        for place, piece in enumerate(plan):
            if isinstance(piece, Kept):
                draft.keep(kept[place])
                continue
            await self._fill(draft, piece, sum(map(len, kept[place:])), last=place == len(plan) - 1)
            if draft.cut:
                break
        else:
            if isinstance(plan[-1], Kept) and tokenizer.end is not None:
                draft.keep([tokenizer.end])
        text = tokenizer.decode(draft.token_ids)
        reason: Literal["stop", "length"] = "length" if draft.cut else "stop"
        seed = self._request(0).seed
        answer = Answer(text, draft.token_ids, draft.logprobs, draft.forced, reason, seed)
        return Attempt("repair", answer, self.ladder.form.judge(text, self.headline), draft.calls, draft.sampled)

    async def _fill(self, draft: Draft, piece: Asked, behind: int, *, last: bool) -> None:
        """Sample one gap of a draft, where `behind` tokens are still to follow it besides the end token."""
        request = self._request(draft.calls)
        room = request.max_tokens - len(draft.token_ids) - behind - 1
        if room < 1:
            draft.cut = True
            return
        begun = self.prompt.token_ids + draft.token_ids
        request = replace(request, prompt_token_ids=begun, regex=piece.regex, max_tokens=room)
        (completion,) = await self.ladder.ask(request)
        draft.calls += 1
        draft.sampled += len(completion.token_ids)
        draft.cut = completion.finish_reason == "length"
        answer = self._answer(completion, piece.regex, request.seed)
        ended = not last and self.ladder.tokenizer.decode(answer.token_ids[-1:]) == ""
        end = len(answer.token_ids) - ended
        draft.add(answer.token_ids[:end], answer.logprobs[:end], answer.forced[:end])
