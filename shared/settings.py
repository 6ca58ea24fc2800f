"""Settings that more than one service reads. Every setting is an environment variable with the prefix MORROW_."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def morrow_home() -> Path:
    """Where the local stack keeps its data: MORROW_HOME, or .morrow in the working directory."""
    return Path(os.environ.get("MORROW_HOME", ".morrow")).absolute()


class ServiceSettings(BaseSettings):
    """What every service process has."""

    model_config = SettingsConfigDict(env_prefix="MORROW_", extra="ignore", frozen=True, hide_input_in_errors=True)

    log_level: str = Field("INFO", description="Least level that is logged: DEBUG, INFO, WARNING or ERROR.")


class WorkerSettings(ServiceSettings):
    """What every Celery worker has."""

    coordinator_url: str = Field(
        "http://127.0.0.1:8700",
        description="Base URL of the coordinator; with commas between them several, which are tried in turn.",
    )
    token: SecretStr = Field(
        SecretStr(""), description="Token of scope `worker` that is sent to the coordinator; none when empty."
    )
    broker_url: str = Field("redis://127.0.0.1:6379/0", repr=False, description="Redis URL of the Celery broker.")
    request_timeout: float = Field(60.0, gt=0, description="Seconds a call to the coordinator may take.")
    metrics_host: str = Field("127.0.0.1", description="Address on which a worker answers Prometheus.")
    metrics_port: int = Field(
        0, ge=0, le=65_535, description="Port on which a worker answers Prometheus; 0 is none. One per process."
    )


class StoreSettings(ServiceSettings):
    """Where checkpoints are. Credentials of S3 come from the usual AWS_* variables."""

    store: str = Field(
        ".morrow/checkpoints",
        min_length=1,
        description="The checkpoint store: a folder, or a URL of fsspec (`file:///folder`, `s3://bucket/prefix`).",
    )
    store_cache: str = Field(
        "",
        description="Folder in which this machine keeps checkpoints of a store that is no folder; below the user's "
        "cache folder when empty.",
    )
    store_options: dict[str, Any] = Field(
        {},
        repr=False,
        description='Options of the store\'s filesystem as JSON, such as `{"endpoint_url": "https://s3.example"}`.',
    )


class ModelSettings(WorkerSettings, StoreSettings):
    """What a worker that handles the model's tokens or weights has."""

    base_model: str = Field(
        "HuggingFaceTB/SmolLM2-135M-Instruct", description="Name of the base model, as runs name it."
    )
    base_model_path: str = Field(
        "", description="Folder or hub id the base model is loaded from; the name itself when empty."
    )

    @property
    def base_model_source(self) -> str:
        """What `from_pretrained` is given."""
        return self.base_model_path or self.base_model
