"""The trainer's composition root: a Celery worker that does train steps, one at a time."""

from __future__ import annotations

import os

from services.trainer.settings import TrainerSettings
from services.trainer.tasks import make_handler, make_task
from shared.checkpoints import open_store
from shared.logging import configure_logging
from shared.worker.celery import make_celery
from shared.worker.metrics import WorkerMetrics, serve_from_pool
from shared.worker.steps import HttpCoordinator


def main() -> None:
    """Consume the queue `train` until told to stop."""
    settings = TrainerSettings()
    configure_logging(settings.log_level)
    app = make_celery(settings.broker_url)
    coordinator = HttpCoordinator.at(
        settings.coordinator_url, settings.request_timeout, settings.token.get_secret_value()
    )
    metrics = WorkerMetrics("train")
    serve_from_pool(metrics, settings.metrics_host, settings.metrics_port)
    store = open_store(settings.store, settings.store_cache, settings.store_options)
    make_task(app, coordinator, make_handler(store, settings), metrics)
    options = ["-Q", "train", "-c", "1", "--without-mingle", "--without-gossip", "-n", f"train-{os.getpid()}@%h"]
    app.worker_main(["worker", *options, "--loglevel", settings.log_level])


if __name__ == "__main__":
    main()
