"""What the composition root hands to the routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions
from services.coordinator.serving.dependencies import ServingSide
from shared.checkpoints import CheckpointStore


@dataclass(frozen=True)
class Deps:
    """The collaborators of all routes. `lease_seconds` is how long a claim or a renewal lasts."""

    sessions: Sessions
    store: CheckpointStore
    lease_seconds: float
    side: ServingSide
    backoff: Backoff = field(default_factory=Backoff)


def get_deps(request: Request) -> Deps:
    """The app's collaborators."""
    deps = request.app.state.deps
    assert isinstance(deps, Deps)  # noqa: S101 - create_app sets it; narrows the type
    return deps


DepsDep = Annotated[Deps, Depends(get_deps)]
