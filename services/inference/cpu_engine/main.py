"""Composition root: `python -m services.inference.cpu_engine.main`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from services.inference.cpu_engine.settings import EngineSettings
from shared.compute import turn_at
from shared.logging import configure_logging

GRACE = 5
"""Seconds that requests in flight get to finish in when the engine is told to stop."""
SPIN = {"GOMP_SPINCOUNT": "2000"}
"""Threads that wait by spinning starve beside another busy process: steps took 20 times longer on two cores.

Where turns are taken at the processors no other computes, and a thread that slept costs each small operation a wake-up.
"""


def build(settings: EngineSettings) -> FastAPI:
    """Load the base model and put the engine together."""
    if not settings.compute_lock:
        os.environ.update({key: value for key, value in SPIN.items() if key not in os.environ})
    import torch  # after the line above: OpenMP reads its environment once
    from transformers import AutoTokenizer

    from services.inference.cpu_engine.decoding.limits import Limits
    from services.inference.cpu_engine.factory import make_app
    from services.inference.cpu_engine.model.policies import load_model

    torch.set_num_threads(settings.engine_threads)
    limits = Limits(
        settings.engine_max_batch,
        settings.engine_max_waiting,
        settings.engine_prompt_tokens,
        settings.engine_gather_ms / 1000,
    )
    source = settings.base_model_source
    tokenizer, turn = AutoTokenizer.from_pretrained(source), turn_at(settings.compute_lock)
    return make_app(load_model(source), tokenizer, source, limits, settings.engine_threads, turn)


class Server(uvicorn.Server):
    """A server that, told to stop, lets requests in flight finish for GRACE seconds and then has them given up."""

    def __init__(self, config: uvicorn.Config, give_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._give_up = give_up

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, then wait for what is in flight."""
        timer = asyncio.get_running_loop().call_later(GRACE, self._give_up)
        await super().shutdown(sockets)
        timer.cancel()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = EngineSettings()
    configure_logging(settings.log_level)
    app = build(settings)
    host, port = settings.engine_host, settings.engine_port
    config = uvicorn.Config(app, host, port, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE + 10)
    Server(config, app.state.engine.give_up).run()


if __name__ == "__main__":
    main()
