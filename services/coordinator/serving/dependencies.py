"""What the routes of the serving side share for as long as the coordinator runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from services.coordinator.database import Sessions
from services.coordinator.serving.forecasts import Forecaster
from services.coordinator.serving.limits import ServingRules
from services.coordinator.serving.polling import Watch
from services.coordinator.serving.promotions import Standing, Waiters, standing_of
from services.coordinator.serving.queries import wanted
from services.coordinator.serving.syncer_client import Forwarder
from shared.wire import WantedCheckpoints


@dataclass(frozen=True)
class ServingSide:
    """The collaborators of the serving routes."""

    sessions: Sessions
    rules: ServingRules
    forecaster: Forecaster
    watch: Watch[WantedCheckpoints]
    waiters: Waiters

    @classmethod
    def over(cls, sessions: Sessions, rules: ServingRules) -> ServingSide:
        """The serving side over a database."""

        def read() -> WantedCheckpoints:
            with sessions.begin() as session:
                return wanted(session)

        forecaster = Forecaster(sessions, rules, Forwarder(rules.most_forecasts))
        return cls(sessions, rules, forecaster, Watch(read), Waiters(rules.most_waiting))

    def standing(self, checkpoint: str) -> Callable[[], Awaitable[Standing]]:
        """A look at how the engines stand to a checkpoint."""

        def look() -> Standing:
            with self.sessions.begin() as session:
                return standing_of(session, checkpoint, self.rules.stale_after)

        return lambda: run_in_threadpool(look)

    async def close(self) -> None:
        """Close the connections to syncers."""
        await self.forecaster.forwarder.close()
