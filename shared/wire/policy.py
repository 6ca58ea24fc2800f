"""Checkpoints and policies, as services name them to one another."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from shared.wire.base import BASE_POLICY, Message


class CheckpointRef(Message):
    """Where a checkpoint lies: `uri` is relative to the store's root, `sha256` is that of its manifest."""

    id: str
    uri: str
    sha256: str


class PolicyRef(Message):
    """Base model plus checkpoint. `name` is what an engine serves it under: `base` or the checkpoint's id."""

    name: str = BASE_POLICY
    checkpoint: CheckpointRef | None = None


class CheckpointRecord(Message):
    """A published checkpoint. `files` maps each file's name to its SHA-256."""

    ref: CheckpointRef
    run: str
    date: dt.date
    fence: int
    parent: str | None
    base_model: str
    adapter: Literal["lora", "full"]
    files: dict[str, str]


class WantedCheckpoints(Message):
    """What every engine should hold: the served and previous checkpoint and every policy with open steps.

    `served_since` is when the served one was promoted.
    """

    served: str | None
    previous: str | None
    checkpoints: list[CheckpointRef]
    served_since: dt.datetime | None = None


class EngineReport(Message):
    """What a syncer says about its engine.

    `url` is the engine's address for others, and its identity. `loaded` are the policies that answered a probe, with
    the seconds each load took and since when each is verified. `ready`: it holds what is served. `syncer_url` is where
    the syncer itself is asked for forecasts, None if nowhere. `leaving`: it shuts down and will not report again.
    """

    url: str
    loaded: list[str]
    load_seconds: dict[str, float] = Field(default_factory=dict)
    verified_at: dict[str, dt.datetime] = Field(default_factory=dict)
    ready: bool = False
    syncer_url: str | None = None
    leaving: bool = False
    error: str | None = None
