"""Client of the judge's engine: the probability that the next letter is A rather than B."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import httpx

from shared.engine_client import check_model, completion_body, json_object
from shared.errors import InvalidInputError, MorrowError, UnavailableError
from shared.http import reaching

LETTERS: Final = ("A", "B")
_ROUNDING: Final = 1e-3
_CURE: Final = (
    "serve the judge with a longer context (vLLM: --max-model-len), or judge against a day of fewer headlines"
)


class JudgeEngine(Protocol):
    """An engine as the ranker `judge` uses it."""

    def first_letter(self, prompts: Sequence[str], between: Callable[[], None]) -> list[float]:
        """For each prompt, the probability in [0, 1] that A follows, given that A or B does.

        `between` is called before each answer is read and may raise to stop. Raises InvalidInputError for a prompt
        longer than the context, UnavailableError where a later call may succeed, MorrowError for a wrong answer.
        """
        ...


def question_body(model: str, prompt: str) -> dict[str, Any]:
    """The body of POST /v1/completions: one letter at temperature 1, and the log-probabilities of both."""
    return completion_body(
        model,
        prompt,
        max_tokens=1,
        temperature=1.0,
        seed=0,
        logprobs=len(LETTERS),
        regex=f"({'|'.join(LETTERS)})",
    )


def share_of_a(body: dict[str, Any], model: str) -> float:
    """The probability of A in [0, 1], from the log-probabilities of both letters and not from the letter sampled.

    Raises MorrowError if another model answered, or if the probabilities of A and B do not add up to 1.
    """
    check_model(body, model)
    logprobs = body["choices"][0].get("logprobs") or {}
    top: dict[str, float] = (logprobs.get("top_logprobs") or [{}])[0]
    shares = dict.fromkeys(LETTERS, 0.0)
    for token, logprob in top.items():
        if token.strip() in shares:
            shares[token.strip()] += math.exp(logprob)
    total = sum(shares.values())
    if abs(total - 1) > _ROUNDING:
        raise MorrowError(
            f"the engine gave A and B a probability of {total:.3f} together instead of 1: its log-probabilities must "
            "be those of the constrained distribution (vLLM: --logprobs-mode processed_logprobs)"
        )
    return shares[LETTERS[0]] / total


class HttpJudgeEngine:
    """The engine over HTTP: `concurrency` calls in flight, for it to batch. The first use makes the first call."""

    def __init__(self, client: httpx.Client, model: str, concurrency: int) -> None:
        self._client, self._model, self._concurrency = client, model, concurrency
        self._context: int | None = None

    @classmethod
    def at(cls, url: str, model: str, timeout: float, concurrency: int) -> HttpJudgeEngine:
        """A client of the engine at `url` that serves `model`; `timeout` in seconds per call."""
        return cls(httpx.Client(base_url=url, timeout=timeout), model, concurrency)

    def first_letter(self, prompts: Sequence[str], between: Callable[[], None]) -> list[float]:
        """As JudgeEngine says."""
        shares: list[float] = []
        with ThreadPoolExecutor(self._concurrency) as pool:
            answers = [pool.submit(self._ask, prompt) for prompt in prompts]
            try:
                for answer in answers:
                    between()
                    shares.append(answer.result())
            finally:
                for answer in answers:
                    answer.cancel()
        return shares

    def _ask(self, prompt: str) -> float:
        self._check_fits(prompt)
        body = question_body(self._model, prompt)
        return share_of_a(json_object(self._call("POST", "/v1/completions", body)), self._model)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        with reaching(f"the judge's engine at {self._client.base_url}"):
            return self._client.request(method, path, json=body)

    def _context_length(self) -> int:
        if self._context is None:
            cards = {card["id"]: card for card in json_object(self._call("GET", "/v1/models")).get("data", [])}
            if self._model not in cards:
                raise UnavailableError(
                    f"the engine at {self._client.base_url} does not serve {self._model}; set MORROW_JUDGE_MODEL to "
                    f"one of {', '.join(cards) or 'its models'}"
                )
            context = cards[self._model].get("max_model_len")
            if not isinstance(context, int):
                raise MorrowError(f"the engine does not say the max_model_len of {self._model}; serve it with vLLM")
            self._context = context
        return self._context

    def _check_fits(self, prompt: str) -> None:
        # No tokenizer makes more tokens than bytes, plus one that begins: only a longer prompt has to be counted.
        context, bound = self._context_length(), len(prompt.encode()) + 2
        if bound <= context:
            return
        response = self._call("POST", "/tokenize", {"model": self._model, "prompt": prompt})
        counted = None if response.status_code == 404 else int(json_object(response)["count"]) + 1
        if (counted or bound) > context:
            how = (
                f"{counted} tokens" if counted else f"up to {bound} tokens (the engine has no /tokenize to count them)"
            )
            raise InvalidInputError(
                f"outcomes: with them the judge's question has {how} and the context holds {context}; {_CURE}"
            )
