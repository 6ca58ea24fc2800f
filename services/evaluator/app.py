"""The stateless REST endpoint: it scores what is posted to it and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Histogram

from services.evaluator.body_limit import BodyLimit
from services.evaluator.context import Tools
from services.evaluator.evaluate import score_groups
from services.evaluator.messages import ScoreAnswer, ScoreRequest
from shared.web import install_health, install_problems


def create_app(tools: Tools, ready: Callable[[], None], most_body: int) -> FastAPI:
    """The application. `ready` raises a MorrowError while the embedder cannot be had."""
    app = FastAPI(title="Morrow evaluator", version="1", docs_url="/docs", redoc_url=None)
    app.add_middleware(BodyLimit, most=most_body)
    registry = CollectorRegistry()
    scored = Counter("morrow_evaluator_rollouts", "Rollouts scored.", ["ranker", "verdict"], registry=registry)
    seconds = Histogram("morrow_evaluator_seconds", "Seconds a posted group took.", ["ranker"], registry=registry)
    install_problems(app)
    install_health(app, ready, registry)

    @app.post("/v1/score", tags=["score"])
    def score(request: ScoreRequest) -> ScoreAnswer:
        """Score one group of forecasts against the headlines of the outcome day."""
        result = score_groups([request.group()], request.job(), tools)
        for evaluation in result.evaluations:
            scored.labels(result.ranker, evaluation.verdict).inc()
        seconds.labels(result.ranker).observe(result.seconds)
        return result

    return app
