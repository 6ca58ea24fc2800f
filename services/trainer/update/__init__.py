"""One update: model, optimizer, statistics; `python -m services.trainer.update`."""
