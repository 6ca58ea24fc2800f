"""The engine's HTTP API. Routes translate and delegate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.inference.cpu_engine.api.errors import install_errors
from services.inference.cpu_engine.api.protocol import (
    ChatCompletion,
    ChatRequest,
    Completion,
    CompletionRequest,
    LoadAdapter,
    ModelCard,
    ModelList,
    Tokenized,
    TokenizeRequest,
    UnloadAdapter,
)
from services.inference.cpu_engine.api.requests import RequestParser
from services.inference.cpu_engine.api.responses import ResponseBuilder
from services.inference.cpu_engine.api.weight_routes import install_weights
from services.inference.cpu_engine.decoding.engine import Engine
from services.inference.cpu_engine.decoding.sequence import Request as Work
from services.inference.cpu_engine.decoding.sequence import Sequence
from services.inference.cpu_engine.model.policies import Policy
from shared.errors import UnavailableError


def create_app(engine: Engine, parser: RequestParser, builder: ResponseBuilder, rows: int) -> FastAPI:
    """The API over an engine, which starts and stops with it; `rows` is how many answers it decodes together."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        await asyncio.to_thread(engine.stop)

    app = FastAPI(title="Morrow CPU engine", lifespan=lifespan)
    app.state.engine = engine
    install_errors(app)
    _install_status(app, engine, parser, rows)
    _install_generation(app, engine, parser, builder)
    _install_adapters(app, engine)
    install_weights(app, engine)
    return app


def _install_generation(app: FastAPI, engine: Engine, parser: RequestParser, builder: ResponseBuilder) -> None:
    @app.post("/v1/completions")
    async def completions(body: CompletionRequest, http: Request) -> Completion:
        """Sample answers to a prompt."""
        work = await asyncio.to_thread(parser.completion, body)
        return builder.completion(body, work, await _answered(engine, work, http))

    @app.post("/v1/chat/completions")
    async def chat_completions(body: ChatRequest, http: Request) -> ChatCompletion:
        """Sample the next turn of a conversation."""
        work = await asyncio.to_thread(parser.chat, body)
        return builder.chat(body, work, await _answered(engine, work, http))


def _install_adapters(app: FastAPI, engine: Engine) -> None:
    @app.post("/v1/load_lora_adapter")
    async def load_lora_adapter(body: LoadAdapter) -> PlainTextResponse:
        """Offer an adapter, or full weights, under a fresh name."""
        await asyncio.wrap_future(engine.load(body.lora_name, body.lora_path))
        return PlainTextResponse(f"Success: LoRA adapter '{body.lora_name}' added successfully.")

    @app.post("/v1/unload_lora_adapter")
    async def unload_lora_adapter(body: UnloadAdapter) -> PlainTextResponse:
        """Stop offering an adapter; what runs on it finishes."""
        await asyncio.wrap_future(engine.unload(body.lora_name))
        return PlainTextResponse(f"Success: LoRA adapter '{body.lora_name}' removed successfully.")


def _install_status(app: FastAPI, engine: Engine, parser: RequestParser, rows: int) -> None:
    started = int(time.time())

    def card(policy: Policy) -> ModelCard:
        return ModelCard(
            id=policy.name,
            created=started,
            root=policy.root,
            parent=policy.parent,
            max_model_len=parser.context,
            max_num_seqs=rows,
        )

    @app.get("/health")
    async def health() -> Response:
        """Whether requests are being served: 200 or 503."""
        engine.check()
        return Response()

    @app.get("/v1/models")
    async def models() -> ModelList:
        """The policies on offer."""
        return ModelList(data=[card(policy) for policy in engine.policies.all()])

    @app.post("/tokenize")
    def tokenize(body: TokenizeRequest) -> Tokenized:
        """The tokens of a text, so that a client can see beforehand whether its prompt fits."""
        tokens = parser.tokenize(body.prompt)
        return Tokenized(count=len(tokens), max_model_len=parser.context, tokens=tokens)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Prometheus metrics under vLLM's names."""
        return Response(generate_latest(engine.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _answered(engine: Engine, work: Work, http: Request) -> list[Sequence]:
    """The finished sequences; if the client goes away first, nobody waits for them and they are given up."""
    answer = asyncio.wrap_future(engine.submit(work))
    gone = asyncio.create_task(_disconnected(http))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise UnavailableError("the client went away")
        return answer.result()
    finally:
        work.cancelled = not answer.done()
        gone.cancel()


async def _disconnected(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
