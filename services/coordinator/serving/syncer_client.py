"""Asks one syncer for a forecast, and believes nothing of the answer that can be checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import httpx
from pydantic import ValidationError

from services.coordinator.serving.schemas import EngineView
from shared.errors import InvalidInputError, message_of
from shared.wire import ForecastLines, ForecastTask

NOT_VALID = frozenset({400, 413, 422})
"""Statuses by which a syncer refuses the request itself: another one would refuse it, too."""


@dataclass
class Forwarder:
    """Calls to syncers from this coordinator. `busy` counts those under way by the engine's URL."""

    most: int = 64
    transport: httpx.AsyncBaseTransport | None = None
    busy: Counter[str] = field(default_factory=Counter)
    _client: httpx.AsyncClient | None = None

    @property
    def under_way(self) -> int:
        """Calls under way, to all engines."""
        return self.busy.total()

    async def ask(self, engine: EngineView, task: ForecastTask, seconds: float) -> ForecastLines | str:
        """The lines, or why this engine has none to give; raises InvalidInputError if the request is at fault."""
        self.busy[engine.url] += 1
        try:
            answer = await self._http().post(
                f"{(engine.syncer_url or '').rstrip('/')}/v1/forecast",
                content=task.model_dump_json(),
                headers={"Content-Type": "application/json"},
                timeout=httpx.Timeout(seconds, connect=min(seconds, 5.0)),
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            return f"its syncer at {engine.syncer_url} does not answer ({message_of(error)})"
        finally:
            self.busy[engine.url] -= 1
        return _read(answer, task)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Limits(max_connections=self.most, max_keepalive_connections=self.most)
            self._client = httpx.AsyncClient(limits=limits, transport=self.transport, trust_env=False)
        return self._client


def _read(answer: httpx.Response, task: ForecastTask) -> ForecastLines | str:
    if answer.status_code in NOT_VALID:
        raise InvalidInputError(_detail(answer))
    if answer.is_error:
        return _detail(answer)
    try:
        lines = ForecastLines.model_validate_json(answer.content)
    except ValidationError as error:
        return f"its answer is no forecast ({error.error_count()} faults)"
    if lines.policy != task.policy.name:
        return f"it answered by {lines.policy}, not by {task.policy.name}"
    if len(lines.lines) != task.lines:
        return f"it answered {len(lines.lines)} lines, not {task.lines}"
    return lines


def _detail(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        body = None
    detail = body.get("detail") if isinstance(body, dict) else None
    return str(detail or f"HTTP {answer.status_code}")[:500]
