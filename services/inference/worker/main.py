"""The inference worker's composition root: it consumes the queue `generate`."""

from __future__ import annotations

import asyncio
import logging
import threading
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

log = logging.getLogger(__name__)


def make_generator(settings: InferenceSettings, load: Load) -> Callable[[], Generator]:
    """A function that returns the use case with its collaborators. Its first call loads the tokenizer, in seconds."""
    concurrency, lock = settings.engine_concurrency, threading.Lock()
    engine = HttpEngine.at(settings.engine_url, settings.engine_timeout, concurrency)
    places = asyncio.Semaphore(concurrency)

    @cache
    def made() -> Generator:
        tokenizer = HfTokenizer(settings.base_model_source)
        forcing, patience = XgrammarForcing(tokenizer.hf), settings.policy_patience
        return Generator(engine, tokenizer, forcing, settings.base_model, places, patience, load, settings.engine_rows)

    def generator() -> Generator:
        with lock:
            return made()

    return generator


def make_generate(generator: Callable[[], Generator]) -> Callable[[GenerateTask, Lease], GenerateResult]:
    """A handler of steps. All steps of a process share one generator, and sample on one event loop."""
    loop = LoopThread()
    return lambda task, lease: loop.run(generator().generate(task, lease))


def warm(generator: Callable[[], Generator]) -> None:
    """Load what steps need, so that the first one does not wait for it. A failure is that of each step as well."""
    try:
        generator()
    except Exception:
        log.exception("could not load the tokenizer: the next step tries again")


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    settings, load = InferenceSettings(), Load()
    generator = make_generator(settings, load)
    threading.Thread(target=warm, args=(generator,), name="warm", daemon=True).start()
    run("generate", GenerateTask, make_generate(generator), settings, load)


if __name__ == "__main__":
    main()
