"""Collaborators that the composition root hands to the routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions
from shared.checkpoints import CheckpointStore


@dataclass(frozen=True)
class Deps:
    """The collaborators of all routes.

    `lease_seconds` is how long a claim or a renewal lasts. `after_import` resumes the runs that waited for imported
    rows, in a transaction of its own: corpora and prices stand below scheduling and cannot import it.
    """

    sessions: Sessions
    store: CheckpointStore
    lease_seconds: float
    after_import: Callable[[Session], None]
    backoff: Backoff = field(default_factory=Backoff)


def get_deps(request: Request) -> Deps:
    """The application's collaborators."""
    deps = request.app.state.deps
    assert isinstance(deps, Deps)  # noqa: S101 - create_app sets it; narrows the type
    return deps


DepsDep = Annotated[Deps, Depends(get_deps)]
