"""What is asked of the engine and what it answers: requests, and the sequences that are sampled for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

Decode = Callable[[list[int]], str]
FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen.

    temperature 0 is greedy (top_k and top_p then do not apply); top_k 0 means all. `grammar` is a compiled xgrammar
    grammar. `logprobs` is how many of the likeliest tokens are reported beside each sampled one.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    logprobs: int = 0
    grammar: Any = None


@dataclass(eq=False)
class Request:
    """`n` answers to one prompt by one policy; `done` receives them. Setting `cancelled` gives them up."""

    model: str
    prompt_ids: tuple[int, ...]
    sampling: Sampling
    n: int = 1
    done: Future[list[Sequence]] = field(default_factory=Future)
    answers: list[Sequence] = field(default_factory=list)
    cancelled: bool = False

    def begin(self) -> list[Sequence]:
        """One unstarted sequence per answer; answer i is sampled with seed + i, as vLLM does."""
        seed = self.sampling.seed
        self.answers = [Sequence(self, i, None if seed is None else seed + i) for i in range(self.n)]
        return self.answers


@dataclass(frozen=True)
class Token:
    """A sampled token with its processed log-probability and the likeliest tokens with theirs."""

    id: int
    logprob: float
    top: list[tuple[int, float]]


class Sequence:
    """One answer in the making."""

    def __init__(self, request: Request, index: int, seed: int | None) -> None:
        self.request = request
        self.index = index
        self.sampling = request.sampling
        self.generator = torch.Generator()
        if seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(seed % 2**63)
        self.matcher: Any = None
        self.tokens: list[Token] = []
        self.text = ""
        self.finish_reason: FinishReason | None = None
        self.stop_reason: str | int | None = None

    @property
    def token_ids(self) -> list[int]:
        """The sampled tokens, up to and including the one that ended the answer."""
        return [token.id for token in self.tokens]

    @property
    def over(self) -> bool:
        """Whether nothing more is to be sampled."""
        return self.finish_reason is not None or self.request.cancelled

    def append(self, token: Token, end_ids: frozenset[int], decode: Decode) -> None:
        """Take a sampled token and notice whether the answer ends with it."""
        self.tokens.append(token)
        if self.matcher is not None:
            self.matcher.accept_token(token.id)
        if token.id in end_ids and (self.matcher is not None or not self.sampling.ignore_eos):
            self._finish("stop", None, decode)
        elif token.id in self.sampling.stop_token_ids:
            self._finish("stop", token.id, decode)
        elif stop := self._stop_string(decode):
            self._finish("stop", stop, decode)
        elif len(self.tokens) >= self.sampling.max_tokens:
            self._finish("length", None, decode)

    def _stop_string(self, decode: Decode) -> str | None:
        if not self.sampling.stop:
            return None
        # A token is at least one byte long, so a stop string that ends here began within this many tokens.
        reach = max(len(stop.encode()) for stop in self.sampling.stop) + 1
        tail = decode([token.id for token in self.tokens[-reach:]])
        found = [(tail.find(stop), stop) for stop in self.sampling.stop if stop in tail]
        return min(found)[1] if found else None

    def _finish(self, reason: FinishReason, stop: str | int | None, decode: Decode) -> None:
        self.finish_reason, self.stop_reason = reason, stop
        text = decode(self.token_ids)
        self.text = text[: text.find(stop)] if isinstance(stop, str) and stop in text else text


def hand_over(over: list[Sequence]) -> None:
    """Answer the requests of which these were the last rows to end."""
    for request in {row.request for row in over}:
        if all(row.over for row in request.answers) and not request.cancelled:
            request.done.set_result(request.answers)


def fail(rows: list[Sequence], error: Exception) -> None:
    """Answer the requests of these rows with an error, and give their other rows up."""
    for request in {row.request for row in rows}:
        if not request.done.done():
            request.cancelled = True
            request.done.set_exception(error)
