"""What a syncer needs of its engine and of the coordinator, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx

from services.inference.engine import checked, json_object, policy_names
from shared.errors import MorrowError, UnavailableError, from_problem
from shared.wire import EngineReport, WantedCheckpoints

PROBE = {"prompt": "Headline:", "max_tokens": 2, "temperature": 0.0}
"""One greedy answer: enough to know that the weights are there and that the name reaches them."""


class EngineAdmin(Protocol):
    """An engine's policies. Raises UnavailableError if it does not answer, MorrowError if it refuses."""

    def policies(self) -> list[str]: ...
    def load(self, name: str, folder: Path) -> None: ...
    def unload(self, name: str) -> None: ...
    def probe(self, name: str) -> None: ...


class Serving(Protocol):
    """What the coordinator wants engines to hold, and where they say what they hold."""

    def wanted(self) -> WantedCheckpoints: ...
    def report(self, report: EngineReport) -> None: ...


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise UnavailableError(f"{what} does not answer: {error or type(error).__name__}") from error


class HttpEngineAdmin:
    """The engine's policies over HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        with _reaching(f"the engine at {self._client.base_url}"):
            return checked(self._client.request(method, path, json=body))

    def policies(self) -> list[str]:
        """Names of the policies that the engine serves."""
        return policy_names(json_object(self._call("GET", "/v1/models")))

    def load(self, name: str, folder: Path) -> None:
        """Load a checkpoint's folder under a fresh name; never in place of another."""
        body = {"lora_name": name, "lora_path": str(folder), "load_inplace": False}
        self._call("POST", "/v1/load_lora_adapter", body)

    def unload(self, name: str) -> None:
        """Unload a policy; what is in flight ends on it."""
        self._call("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    def probe(self, name: str) -> None:
        """Ask the policy for a few tokens; raises MorrowError if another one, or nothing, answers."""
        body = json_object(self._call("POST", "/v1/completions", {"model": name, **PROBE}))
        if body.get("model") != name or not body.get("choices"):
            raise MorrowError(f"the engine was probed for {name} and answered with {body.get('model')}")


class HttpServing:
    """The coordinator's side over HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        with _reaching(f"the coordinator at {self._client.base_url}"):
            answer = self._client.request(method, path, json=body)
        if answer.is_error:
            is_json = "json" in answer.headers.get("content-type", "")
            raise from_problem(answer.status_code, answer.json() if is_json else {"detail": answer.text[:500]})
        return answer

    def wanted(self) -> WantedCheckpoints:
        """The checkpoints that every engine should hold."""
        return WantedCheckpoints.model_validate_json(self._call("GET", "/v1/serving").content)

    def report(self, report: EngineReport) -> None:
        """Say what the engine holds."""
        self._call("PUT", "/v1/engines", report.model_dump(mode="json"))
