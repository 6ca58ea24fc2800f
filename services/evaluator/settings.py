"""Settings of the evaluator, from MORROW_* environment variables."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.settings import WorkerSettings


class EvaluatorSettings(WorkerSettings):
    """Settings of the evaluator's worker and of its web endpoint."""

    embedder: str = Field(
        "",
        description="Folder or hub id of the sentence-embedding model; the pinned all-MiniLM-L6-v2 wheel when empty.",
    )
    engine_url: str = Field(
        "http://127.0.0.1:8701", description="Base URL of the OpenAI-compatible engine of the ranker judge."
    )
    engine_timeout: float = Field(600.0, gt=0, description="Seconds one call to the engine may take.")
    judge_model: str = Field("base", min_length=1, description="Name under which the engine serves the judge.")
    judge_concurrency: int = Field(
        8, ge=1, le=1024, description="Questions that the judge keeps in flight, for the engine to batch."
    )
    evaluator_host: str = Field("127.0.0.1", description="Address the REST endpoint listens on.")
    evaluator_port: int = Field(8702, ge=1, le=65_535, description="Port the REST endpoint listens on.")
    evaluator_max_body: int = Field(4_194_304, ge=1_024, description="Maximum size of a request body, in bytes.")
    evaluator_token: SecretStr = Field(
        SecretStr(""),
        description="Token that callers of the REST endpoint must send; without one, only this machine is served.",
    )
    metrics_open: bool = Field(False, description="Serve the REST endpoint's /metrics without a token.")
