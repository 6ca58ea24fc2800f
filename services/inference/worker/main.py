"""The inference worker's composition root: it consumes the queue `generate`."""

from __future__ import annotations

import os
from functools import cache

from services.inference.engine_client import HttpEngine
from services.inference.sampling.forced_tokens import XgrammarForcing
from services.inference.sampling.tokenizer import HfTokenizer
from services.inference.settings import InferenceSettings
from services.inference.worker.service import Generator
from services.inference.worker.tasks import Generate, make_handler, make_task
from shared.logging import configure_logging
from shared.wire import GenerateResult, GenerateTask
from shared.worker.celery import make_celery
from shared.worker.metrics import WorkerMetrics, serve_from_pool
from shared.worker.steps import HttpCoordinator, Lease


def make_generate(settings: InferenceSettings) -> Generate:
    """The use case with its collaborators. The tokenizer is loaded by the first step, in the process that does it."""

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

    return generate


def main() -> None:
    """Consume the queue until told to stop."""
    settings = InferenceSettings()
    configure_logging(settings.log_level)
    app = make_celery(settings.broker_url)
    coordinator = HttpCoordinator.at(
        settings.coordinator_url, settings.request_timeout, settings.token.get_secret_value()
    )
    metrics = WorkerMetrics("generate")
    serve_from_pool(metrics, settings.metrics_host, settings.metrics_port)
    make_task(app, coordinator, make_handler(make_generate(settings)), metrics)
    options = ["-Q", "generate", "-c", "1", "--without-mingle", "--without-gossip", "-n", f"generate-{os.getpid()}@%h"]
    app.worker_main(["worker", *options, "--loglevel", settings.log_level])


if __name__ == "__main__":
    main()
