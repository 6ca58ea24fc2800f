"""Puts the parts of the engine together around a model and its tokenizer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.inference.cpu_engine.api.app import create_app
from services.inference.cpu_engine.api.requests import RequestParser
from services.inference.cpu_engine.api.responses import ResponseBuilder
from services.inference.cpu_engine.decoding.engine import Engine
from services.inference.cpu_engine.decoding.grammar import Grammars
from services.inference.cpu_engine.decoding.limits import Limits
from services.inference.cpu_engine.model.policies import Policies
from shared.compute import Turn


def make_app(
    model: Any, tokenizer: Any, root: str, limits: Limits, threads: int = 1, turn: Turn | None = None
) -> FastAPI:
    """The app that serves `model` as `base`; `root` is where it came from, `turn` the one at shared processors."""
    ends = model.generation_config.eos_token_id
    end_ids = frozenset([ends] if isinstance(ends, int) else ends)

    def decode(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True))

    vocabulary = model.config.vocab_size
    grammars = Grammars(tokenizer, vocabulary, end_ids, threads)
    engine = Engine(Policies(model, root), end_ids, decode, limits, grammars, turn)
    parser = RequestParser(tokenizer, grammars, vocabulary, model.config.max_position_embeddings)
    return create_app(engine, parser, ResponseBuilder(tokenizer), limits.batch)
