"""The coordinator's settings: environment variables MORROW_*."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from shared.settings import StoreSettings


class CoordinatorSettings(StoreSettings):
    """Settings of the coordinator process."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8700, ge=0, le=65535, description="Port to listen on.")
    database_url: str = Field(
        "postgresql://127.0.0.1:5432/morrow", repr=False, description="URL of the Postgres database."
    )
    broker_url: str = Field("redis://127.0.0.1:6379/0", repr=False, description="Redis URL of the Celery broker.")
    migrate_on_start: bool = Field(True, description="Whether to migrate the database's schema on start.")
    pool_size: int = Field(20, ge=1, le=200, description="Database connections kept open.")
    lease_seconds: float = Field(30.0, gt=0, le=3600, description="Seconds that a claim or a renewal lasts.")
    publish_every: float = Field(
        0.5,
        gt=0,
        le=60,
        description="Seconds between rounds of the publisher, which sends the outbox's messages; a commit wakes it.",
    )
    queued_per_run: int = Field(
        16,
        ge=1,
        le=100_000,
        description="Messages of one run and kind of step in the queue at once; others wait, so that runs alternate.",
    )
    sweep_every: float = Field(
        2.0,
        gt=0,
        le=600,
        description="Seconds between rounds of the sweepers: expired leases, lost messages, promotions, engines.",
    )
    resend_after: float = Field(
        20.0, gt=0, le=3600, description="Seconds a due step may wait at an empty queue before its message is resent."
    )
    mature_every: float = Field(
        30.0, gt=0, le=3600, description="Seconds between rounds that resume runs waiting for outcomes."
    )
    event_days: int = Field(
        90, ge=0, le=36_500, description="Days that events of an ended run are kept; 0 keeps them for ever."
    )
    backoff_base: float = Field(
        1.0, ge=0, le=600, description="Seconds before a step's second attempt; each further wait doubles."
    )
    backoff_cap: float = Field(60.0, ge=0, le=3600, description="Seconds between two attempts, at most.")
    engine_stale_after: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="Seconds without a report after which an engine is stale: neither asked nor waited for.",
    )
    engine_expire_after: float = Field(
        3600.0, gt=0, le=30 * 86_400, description="Seconds without a report after which an engine is deleted."
    )
    forecast_timeout: float = Field(120.0, gt=0, le=600, description="Seconds that a forecast on demand may take.")
    forecast_patience: float = Field(
        10.0, ge=0, le=600, description="Seconds that a forecast waits for an engine that has loaded its policy."
    )
    forecast_max: int = Field(
        64, ge=1, le=4096, description="Maximum of forecasts on demand under way at once; more are refused."
    )
    auth: Literal["auto", "required"] = Field(
        "auto",
        description="Access while no token exists: `auto` admits callers on loopback, `required` nobody.",
    )
    local_token: SecretStr = Field(
        SecretStr(""), description="A token valid from loopback only; the local stack makes one for its parts."
    )
    metrics_open: bool = Field(False, description="Whether /metrics needs no token.")
    max_body_mib: int = Field(
        64, ge=1, le=4096, description="Maximum body of an import or a result, in MiB; of other requests 1."
    )
    rate_per_second: float = Field(
        100.0, ge=0, le=100_000, description="Requests per second of a token without scope `worker`; 0 is no limit."
    )
    rate_burst: int = Field(400, ge=1, le=1_000_000, description="Requests of a token above that rate at once.")
