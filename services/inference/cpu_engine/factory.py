"""Puts the parts of the engine together around a model and its tokenizer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.inference.cpu_engine.app import create_app
from services.inference.cpu_engine.engine import Engine, Limits
from services.inference.cpu_engine.grammar import Grammars
from services.inference.cpu_engine.policies import Policies
from services.inference.cpu_engine.requests import Intake
from services.inference.cpu_engine.responses import Answerer


def assemble(model: Any, tokenizer: Any, root: str, limits: Limits, threads: int = 1) -> FastAPI:
    """The app that serves `model` as `base`; `root` is where it came from."""
    ends = model.generation_config.eos_token_id
    end_ids = frozenset([ends] if isinstance(ends, int) else ends)

    def decode(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True))

    vocabulary = model.config.vocab_size
    engine = Engine(Policies(model, root), end_ids, decode, limits)
    grammars = Grammars(tokenizer, vocabulary, end_ids, threads)
    intake = Intake(tokenizer, grammars, vocabulary, model.config.max_position_embeddings)
    return create_app(engine, intake, Answerer(tokenizer))
