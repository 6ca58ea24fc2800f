"""A CPU engine with a tiny model, listening on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.inference.cpu_engine.main import build
from services.inference.cpu_engine.settings import EngineSettings
from services.inference.sampling.prompts import messages
from shared.forecast import format_named
from tests.integration.engine_contract.serving import serve
from tests.integration.engine_contract.tiny import write_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny model whose tokenizer knows the prompt's words, so that prompts are short."""
    chat = messages("Oil climbs as supply falls", "1d", format_named("one_line"))
    texts = [turn["content"] for turn in chat]
    return write_model(tmp_path_factory.mktemp("tiny-model"), texts, vocabulary=700, context=2048)


@pytest.fixture(scope="session")
def engine_url(tiny_model: Path) -> Iterator[str]:
    """URL of an engine that serves the tiny model."""
    settings = EngineSettings(base_model_path=str(tiny_model), engine_threads=1)
    with serve(build(settings), tiny_model) as served:
        yield served.url
