"""The inference worker's composition root: it consumes the queue `generate`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache

from services.inference.engine_client import HttpEngine
from services.inference.sampling.forced_tokens import XgrammarForcing
from services.inference.sampling.tokenizer import HfTokenizer
from services.inference.settings import InferenceSettings
from services.inference.worker.loop import LoopThread
from services.inference.worker.service import Generator
from shared.wire import GenerateResult, GenerateTask
from shared.worker.load import Load
from shared.worker.run import run
from shared.worker.steps import Lease


def make_generate(settings: InferenceSettings, load: Load) -> Callable[[GenerateTask, Lease], GenerateResult]:
    """The use case with its collaborators. All steps of a process share them, and sample on one event loop."""
    concurrency = settings.engine_concurrency
    engine = HttpEngine.at(settings.engine_url, settings.engine_timeout, concurrency)
    places, loop = asyncio.Semaphore(concurrency), LoopThread()

    @cache
    def generator() -> Generator:
        tokenizer = HfTokenizer(settings.base_model_source)
        forcing = XgrammarForcing(tokenizer.hf)
        return Generator(
            engine,
            tokenizer,
            forcing,
            settings.base_model,
            places,
            settings.policy_patience,
            load,
            settings.engine_rows,
        )

    return lambda task, lease: loop.run(generator().generate(task, lease))


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    settings = InferenceSettings()
    load = Load()
    run("generate", GenerateTask, make_generate(settings, load), settings, load)


if __name__ == "__main__":
    main()
