"""Client of one syncer; validates its response."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import httpx
from pydantic import ValidationError

from services.coordinator.serving.schemas import EngineView
from shared.errors import InvalidInputError, UnavailableError, message_of
from shared.wire import ForecastLines, ForecastTask

INVALID_REQUEST = frozenset({400, 413, 422})
"""Statuses by which a syncer refuses the request itself: another one would refuse it, too."""
CONNECT_SECONDS = 5.0


class SyncerError(UnavailableError):
    """An engine gave no forecast"""


@dataclass
class SyncerClient:
    """Calls to syncers from this coordinator, `limit` connections at most. `busy` counts calls by the engine's URL."""

    limit: int = 64
    transport: httpx.AsyncBaseTransport | None = None
    busy: Counter[str] = field(default_factory=Counter)
    _client: httpx.AsyncClient | None = None

    @property
    def under_way(self) -> int:
        """Calls under way, to all engines."""
        return self.busy.total()

    async def forecast(self, engine: EngineView, task: ForecastTask, seconds: float) -> ForecastLines:
        """The lines of one engine, within `seconds`.

        Raises SyncerError if this engine gives none, InvalidInputError if the request itself is at fault.
        """
        self.busy[engine.url] += 1
        try:
            response = await self._http().post(
                f"{(engine.syncer_url or '').rstrip('/')}/v1/forecast",
                content=task.model_dump_json(),
                headers={"Content-Type": "application/json"},
                timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise SyncerError(f"its syncer at {engine.syncer_url} does not answer ({message_of(error)})") from error
        finally:
            self.busy[engine.url] -= 1
        return _validated(response, task)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            # Without proxies of the environment: the URL of a syncer is one of the cluster.
            limits = httpx.Limits(max_connections=self.limit, max_keepalive_connections=self.limit)
            self._client = httpx.AsyncClient(limits=limits, transport=self.transport, trust_env=False)
        return self._client


def _validated(response: httpx.Response, task: ForecastTask) -> ForecastLines:
    if response.status_code in INVALID_REQUEST:
        raise InvalidInputError(_detail(response))
    if response.is_error:
        raise SyncerError(_detail(response))
    try:
        lines = ForecastLines.model_validate_json(response.content)
    except ValidationError as error:
        raise SyncerError(f"its response is no forecast ({error.error_count()} faults)") from error
    # An engine may swap between the choice and the call: the policy that it names is what counts.
    if lines.policy != task.policy.name:
        raise SyncerError(f"policy mismatch: expected {task.policy.name}, got {lines.policy}")
    if len(lines.lines) != task.lines:
        raise SyncerError(f"expected {task.lines} lines, got {len(lines.lines)}")
    return lines


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        body = None
    detail = body.get("detail") if isinstance(body, dict) else None
    return str(detail or f"HTTP {response.status_code}")[:500]
