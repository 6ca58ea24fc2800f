"""The evaluator's composition root: `worker` does evaluate steps, `web` serves the stateless endpoint."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Sequence

from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.model import MiniLm
from services.evaluator.judge_client import HttpJudgeEngine
from services.evaluator.settings import EvaluatorSettings
from shared.errors import UnavailableError
from shared.logging import configure_logging

log = logging.getLogger(__name__)


def make_tools(settings: EvaluatorSettings, embedder: MiniLm) -> Dependencies:
    """What both processes have. Neither the embedding model nor the engine is touched before it is needed."""
    engine = HttpJudgeEngine.at(
        settings.engine_url, settings.judge_model, settings.engine_timeout, settings.judge_concurrency
    )
    return Dependencies(embedder, engine)


def warm(embedder: MiniLm) -> None:
    """Load the embedding model, so that the first step does not wait for it. A failure is that of each step as well."""
    try:
        embedder.check()
    except UnavailableError as error:
        log.warning("could not load the embedding model, the next step tries again: %s", error.detail)


def run_worker(settings: EvaluatorSettings) -> None:
    """Run the Celery worker of evaluate steps until SIGTERM or SIGINT."""
    from celery.signals import worker_process_init

    from services.evaluator.service import evaluate
    from shared.wire import EvaluateTask
    from shared.worker.run import run

    embedder = MiniLm(settings.embedder)
    tools = make_tools(settings, embedder)

    def load_ahead(**_: object) -> None:
        threading.Thread(target=warm, args=(embedder,), name="warm", daemon=True).start()

    # in the pool's child, which does the steps: the model loads while the first day is sampled
    worker_process_init.connect(load_ahead, weak=False)
    run("evaluate", EvaluateTask, lambda task, lease: evaluate(task, lease, tools), settings)


def run_web(settings: EvaluatorSettings) -> None:
    """Serve the endpoint until told to stop."""
    import uvicorn

    from services.evaluator.app import create_app

    embedder = MiniLm(settings.embedder)
    app = create_app(
        make_tools(settings, embedder),
        embedder.check,
        settings.evaluator_max_body,
        token=settings.evaluator_token.get_secret_value(),
        metrics_open=settings.metrics_open,
    )
    host, port = settings.evaluator_host, settings.evaluator_port
    uvicorn.run(app, host=host, port=port, log_config=None, proxy_headers=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the process that the first argument names."""
    parser = argparse.ArgumentParser(prog="python -m services.evaluator.main", description=__doc__)
    parser.add_argument("process", choices=("worker", "web"))
    chosen = parser.parse_args(arguments).process
    settings = EvaluatorSettings()
    configure_logging(settings.log_level)
    (run_worker if chosen == "worker" else run_web)(settings)


if __name__ == "__main__":
    main()
