"""Client of an OpenAI-compatible engine, vLLM or the CPU engine, for sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, cast

import httpx

from shared.engine_client import check_model, completion_body, json_object
from shared.errors import MorrowError, UnavailableError
from shared.http import reaching
from shared.wire import BASE_POLICY

FRESH_WEIGHTS = "default"
"""The weight version of the weights that an engine was started with."""


@dataclass(frozen=True)
class SamplingRequest:
    """Answers to sample, `n` of them: answer i with seed + i.

    `policy` is the name the engine serves it under; `stop` are texts that end an answer; `regex` constrains all of it.
    `salt` keeps the prompt's cached keys and values apart from those of other salts.
    """

    policy: str
    prompt_token_ids: list[int]
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int
    stop: tuple[str, ...] = ()
    regex: str | None = None
    n: int = 1
    salt: str | None = None


@dataclass(frozen=True)
class Completion:
    """A sampled answer. One log-probability per token id, a sampled end token included; `policy` is as echoed."""

    policy: str
    text: str
    token_ids: list[int]
    logprobs: list[float]
    finish_reason: Literal["stop", "length"]


class Engine(Protocol):
    """An engine as sampling uses it. Raises UnavailableError where a later call may succeed."""

    async def policies(self) -> list[str]: ...
    async def rows(self) -> int | None: ...
    async def complete(self, request: SamplingRequest) -> list[Completion]: ...


def policy_names(body: dict[str, Any]) -> list[str]:
    """The names in an answer to GET /v1/models."""
    return [str(model["id"]) for model in body.get("data", [])]


def request_body(request: SamplingRequest) -> dict[str, Any]:
    """The body of POST /v1/completions for a sampling request."""
    body = completion_body(
        request.policy,
        request.prompt_token_ids,
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        seed=request.seed,
        logprobs=0,  # that of the sampled token alone: those beside it would be formatted, sent and dropped
        regex=request.regex,
    )
    sampler = {"n": request.n, "top_p": request.top_p, "top_k": request.top_k, "stop": list(request.stop)}
    salt = {"cache_salt": request.salt} if request.salt else {}
    return body | sampler | {"return_token_ids": True} | salt


def completions_of(body: dict[str, Any], request: SamplingRequest) -> list[Completion]:
    """The completions of a response, in the order of their seeds.

    Raises MorrowError if another policy generated them, if some are missing, or if tokens and log-probabilities do not
    match; UnavailableError if the engine aborted one.
    """
    check_model(body, request.policy)
    choices = sorted(body["choices"], key=lambda choice: int(choice["index"]))
    if [choice["index"] for choice in choices] != list(range(request.n)):
        raise MorrowError(f"the engine was asked for {request.n} answers and gave {len(choices)}")
    return [_completion(choice, request.policy) for choice in choices]


def _completion(choice: dict[str, Any], policy: str) -> Completion:
    token_ids = choice.get("token_ids")
    logprobs = (choice.get("logprobs") or {}).get("token_logprobs")
    if not token_ids or not logprobs or len(token_ids) != len(logprobs):
        raise MorrowError("the engine must answer with one log-probability per token id (logprobs, return_token_ids)")
    if choice["finish_reason"] not in ("stop", "length"):
        raise UnavailableError(f"the engine gave up on an answer: {choice['finish_reason']}")
    return Completion(
        policy=policy,
        text=str(choice["text"]).replace("\x00", "\ufffd"),
        token_ids=[int(token) for token in token_ids],
        logprobs=[float(logprob) for logprob in logprobs],
        finish_reason=cast('Literal["stop", "length"]', choice["finish_reason"]),
    )


class HttpEngine:
    """The engine over HTTP; an asynchronous context manager that lives within one event loop."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._capacity: tuple[int | None] | None = None

    @classmethod
    def at(cls, url: str, timeout: float, concurrency: int) -> HttpEngine:
        """A client of the engine at `url` with at most `concurrency` connections; `timeout` in seconds per call."""
        limits = httpx.Limits(max_connections=concurrency + 1, max_keepalive_connections=concurrency + 1)
        return cls(httpx.AsyncClient(base_url=url, timeout=timeout, limits=limits))

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with reaching(f"the engine at {self._client.base_url}"):
            return json_object(await self._client.request(method, path, json=body))

    async def policies(self) -> list[str]:
        """The names of the policies that the engine serves.

        Raises UnavailableError if its own weights were replaced: `base`, and every adapter, would be another policy.
        """
        version = await self.weight_version()
        if version not in (FRESH_WEIGHTS, BASE_POLICY):
            raise UnavailableError(
                f"the engine's own weights are named {version!r}: it is for forecasts through its syncer only; set "
                "MORROW_ENGINE_URL to an engine whose syncer has no MORROW_SERVED_WEIGHTS"
            )
        return policy_names(await self._call("GET", "/v1/models"))

    async def rows(self) -> int | None:
        """How many answers the engine decodes together, None if it does not say.

        The CPU engine lists it with its models. vLLM tells it on a route of its development mode, which takes seconds
        the first time.
        """
        if self._capacity is None:
            models = (await self._call("GET", "/v1/models")).get("data") or [{}]
            self._capacity = (models[0].get("max_num_seqs") or await self._vllm_rows(),)
        return self._capacity[0]

    async def _vllm_rows(self) -> int | None:
        try:
            info = await self._call("GET", "/server_info?config_format=json")
        except MorrowError as error:
            # A server without that mode, and a gateway that lets nobody reach the route.
            if " 404 " in error.detail or " 403 " in error.detail:
                return None
            raise
        rows = info.get("vllm_config", {}).get("scheduler_config", {}).get("max_num_seqs")
        return int(rows) if rows else None

    async def weight_version(self) -> str:
        """The weight version; `default` for the weights it was started with, or if the engine has no such route."""
        try:
            return str((await self._call("GET", "/weight_info")).get("weight_version", FRESH_WEIGHTS))
        except UnavailableError as error:
            if " 404 " in error.detail:
                return FRESH_WEIGHTS
            raise

    async def complete(self, request: SamplingRequest) -> list[Completion]:
        """Sample the answers to one request."""
        return completions_of(await self._call("POST", "/v1/completions", request_body(request)), request)
