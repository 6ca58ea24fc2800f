"""Collaborators that the serving routes share for as long as the coordinator runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.coordinator.database import Sessions
from services.coordinator.serving.forecasts import Forecaster
from services.coordinator.serving.limits import ServingLimits
from services.coordinator.serving.polling import CachedPoll
from services.coordinator.serving.promotions import PromotionWaiter
from services.coordinator.serving.queries import desired_checkpoints
from services.coordinator.serving.syncer_client import SyncerClient
from shared.wire import WantedCheckpoints


@dataclass(frozen=True)
class ServingDeps:
    """The collaborators of the serving routes. `desired` polls the checkpoints that engines should load."""

    limits: ServingLimits
    forecaster: Forecaster
    desired: CachedPoll[WantedCheckpoints]
    waiter: PromotionWaiter

    @classmethod
    def over(cls, sessions: Sessions, limits: ServingLimits) -> ServingDeps:
        """Serving over a database."""

        def read() -> WantedCheckpoints:
            with sessions.begin() as session:
                return desired_checkpoints(session)

        forecaster = Forecaster(sessions, limits, SyncerClient(limits.max_forecasts))
        waiter = PromotionWaiter(sessions, limits.stale_after, limits.max_waiting)
        return cls(limits, forecaster, CachedPoll(read), waiter)

    async def close(self) -> None:
        """Close the connections to syncers."""
        await self.forecaster.client.close()


def get_serving(request: Request) -> ServingDeps:
    """The application's serving collaborators."""
    serving = request.app.state.serving
    assert isinstance(serving, ServingDeps)  # noqa: S101 - create_app sets it; narrows the type
    return serving


ServingDep = Annotated[ServingDeps, Depends(get_serving)]
