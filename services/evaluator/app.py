"""The stateless REST endpoint: scores a posted group and stores nothing."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Histogram

from services.evaluator.dependencies import Dependencies
from services.evaluator.schemas import ScoreAnswer, ScoreRequest
from services.evaluator.service import score_groups
from shared.web.auth import OneToken
from shared.web.body_limit import BodyLimit
from shared.web.problems import install_health, install_problems


def create_app(
    dependencies: Dependencies, ready: Callable[[], None], max_body: int, *, token: str = "", metrics_open: bool = False
) -> FastAPI:
    """The application. `ready` raises a MorrowError while the embedder cannot be loaded.

    `max_body` in bytes. Callers must send `token`; without one, only requests from this machine are served.
    """
    app = FastAPI(title="Morrow evaluator", version="1", docs_url="/docs", redoc_url=None)
    app.add_middleware(BodyLimit, limit=max_body, cure="send fewer outcomes or texts")
    open_paths = ["/healthz", "/readyz", *(["/metrics"] if metrics_open else [])]
    app.add_middleware(OneToken, token=token, setting="MORROW_EVALUATOR_TOKEN", open_paths=open_paths)
    registry = CollectorRegistry()
    scored = Counter("morrow_evaluator_rollouts", "Rollouts scored.", ["ranker", "verdict"], registry=registry)
    seconds = Histogram("morrow_evaluator_seconds", "Seconds a posted group took.", ["ranker"], registry=registry)
    install_problems(app)
    install_health(app, ready, registry)

    @app.post("/v1/score", tags=["score"])
    def score(request: ScoreRequest) -> ScoreAnswer:
        """Score one group of forecasts against the headlines of the outcome day."""
        result = score_groups([request.group()], request.inputs(), dependencies)
        for evaluation in result.evaluations:
            scored.labels(result.ranker, evaluation.verdict).inc()
        seconds.labels(result.ranker).observe(result.seconds)
        return result

    return app
