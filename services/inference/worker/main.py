"""The inference worker's composition root: it consumes the queue `generate`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache

from services.inference.engine_client import HttpEngine
from services.inference.sampling.forced_tokens import XgrammarForcing
from services.inference.sampling.tokenizer import HfTokenizer
from services.inference.settings import InferenceSettings
from services.inference.worker.service import Generator
from shared.wire import GenerateResult, GenerateTask
from shared.worker.run import run
from shared.worker.steps import Lease


def make_generate(settings: InferenceSettings) -> Callable[[GenerateTask, Lease], GenerateResult]:
    """The use case with its collaborators.

    The first step loads the tokenizer, in the pool process that does the step; each step has its own event loop.
    """

    @cache
    def models() -> tuple[HfTokenizer, XgrammarForcing]:
        tokenizer = HfTokenizer(settings.base_model_source)
        return tokenizer, XgrammarForcing(tokenizer.hf)

    async def generate(task: GenerateTask, lease: Lease) -> GenerateResult:
        tokenizer, forcing = models()
        timeout, concurrency = settings.engine_timeout, settings.engine_concurrency
        async with HttpEngine.at(settings.engine_url, timeout, concurrency) as engine:
            generator = Generator(
                engine, tokenizer, forcing, settings.base_model, concurrency, settings.policy_patience
            )
            return await generator.generate(task, lease)

    return lambda task, lease: asyncio.run(generate(task, lease))


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    settings = InferenceSettings()
    run("generate", GenerateTask, make_generate(settings), settings)


if __name__ == "__main__":
    main()
