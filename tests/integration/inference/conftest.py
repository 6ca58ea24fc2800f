"""A CPU engine with a tiny model, listening on the loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from services.inference.cpu_engine.main import build
from services.inference.cpu_engine.settings import EngineSettings
from tests.integration.inference.tiny_model import make_tiny_model


class Announcing(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then say so."""
        await super().startup()
        self.listening.set()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny model."""
    folder = tmp_path_factory.mktemp("tiny-model")
    make_tiny_model(folder)
    return folder


@pytest.fixture(scope="session")
def engine_url(tiny_model: Path) -> Iterator[str]:
    """URL of an engine that serves the tiny model."""
    settings = EngineSettings(base_model_path=str(tiny_model), engine_threads=1)
    server = Announcing(uvicorn.Config(build(settings), host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, name="engine")
    thread.start()
    assert server.listening.wait(60)
    yield server.url
    server.should_exit = True
    thread.join(30)
