"""The judge's engine: an OpenAI-compatible server that is asked which of two letters comes next."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import httpx

from shared.errors import InvalidInputError, MorrowError, UnavailableError, message_of

LETTERS: Final = ("A", "B")
_ROUNDING: Final = 1e-3
_CURE: Final = (
    "serve the judge with a longer context (vLLM: --max-model-len), or judge against a day of fewer headlines"
)


class Engine(Protocol):
    """What a judge needs of an engine."""

    def first_letter(self, prompts: Sequence[str], between: Callable[[], None]) -> list[float]:
        """For each prompt, the probability in [0, 1] that A is what follows, given that A or B does.

        `between` is called before each answer is taken and may raise to stop. Raises InvalidInputError for a prompt
        that the context does not hold, UnavailableError where trying again may help.
        """
        ...


def checked(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of a good answer. 404, 429 and 5xx mean: not now; anything else is a mistake that stays one."""
    if answer.is_error:
        said = f"the engine answered {answer.status_code} to {answer.request.url.path}: {answer.text[:500]}"
        passing = answer.status_code in (404, 429) or answer.status_code >= 500
        raise UnavailableError(said) if passing else MorrowError(said)
    body = answer.json() if "json" in answer.headers.get("content-type", "") else None
    if not isinstance(body, dict):
        raise UnavailableError(f"what answers {answer.request.url} is no engine: it sent no JSON object")
    return body


def completion_body(model: str, prompt: str) -> dict[str, Any]:
    """The body of POST /v1/completions: one letter at temperature 1, and the log-probabilities of both."""
    return {
        "model": model,
        "prompt": prompt,
        "max_tokens": 1,
        "temperature": 1.0,
        "seed": 0,
        "logprobs": len(LETTERS),
        "structured_outputs": {"regex": f"({'|'.join(LETTERS)})"},
    }


def share_of_a(body: dict[str, Any], model: str) -> float:
    """The probability of A in an answer, read from the log-probabilities and not from the letter that was drawn.

    Raises MorrowError if another model spoke, or if those of A and B are not all there is.
    """
    if body.get("model") != model:
        raise MorrowError(f"the engine was asked for {model} and answered with {body.get('model')}")
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


class HttpEngine:
    """The engine over HTTP: `concurrency` calls at once, for it to batch. Nothing is asked before the first use."""

    def __init__(self, client: httpx.Client, model: str, concurrency: int) -> None:
        self._client, self._model, self._concurrency = client, model, concurrency
        self._context: int | None = None

    @classmethod
    def at(cls, url: str, model: str, timeout: float, concurrency: int) -> HttpEngine:
        """A client of the engine at `url` that serves `model`; `timeout` in seconds per call."""
        return cls(httpx.Client(base_url=url, timeout=timeout), model, concurrency)

    def first_letter(self, prompts: Sequence[str], between: Callable[[], None]) -> list[float]:
        """As Engine says."""
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
        body = completion_body(self._model, prompt)
        return share_of_a(checked(self._call("POST", "/v1/completions", body)), self._model)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            return self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            reason = message_of(error)
            raise UnavailableError(
                f"the judge's engine at {self._client.base_url} does not answer: {reason}"
            ) from error

    def _most_tokens(self) -> int:
        if self._context is None:
            cards = {card["id"]: card for card in checked(self._call("GET", "/v1/models")).get("data", [])}
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
        """No tokenizer makes more tokens than bytes (and one that begins): only a longer prompt has to be counted."""
        context, bound = self._most_tokens(), len(prompt.encode()) + 2
        if bound <= context:
            return
        answer = self._call("POST", "/tokenize", {"model": self._model, "prompt": prompt})
        counted = None if answer.status_code == 404 else int(checked(answer)["count"]) + 1
        if (counted or bound) > context:
            how = (
                f"{counted} tokens" if counted else f"up to {bound} tokens (the engine has no /tokenize to count them)"
            )
            raise InvalidInputError(
                f"outcomes: with them the judge's question has {how} and the context holds {context}; {_CURE}"
            )
