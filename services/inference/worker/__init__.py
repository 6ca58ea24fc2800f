"""The Celery worker that samples forecasts."""
