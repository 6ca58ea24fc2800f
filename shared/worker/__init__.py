"""The loop of a Celery worker: claim, renew, compute, complete; its metrics."""
