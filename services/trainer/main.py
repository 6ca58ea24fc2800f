"""The trainer's composition root: a Celery worker that does train steps, one at a time."""

from __future__ import annotations

from services.trainer.settings import TrainerSettings
from services.trainer.step import train
from shared.checkpoints import open_store
from shared.wire import TrainTask
from shared.worker.run import run


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    settings = TrainerSettings()
    store = open_store(settings.store, settings.store_cache, settings.store_options)
    run("train", TrainTask, lambda task, lease: train(task, lease, store, settings), settings)


if __name__ == "__main__":
    main()
