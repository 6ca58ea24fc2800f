"""HTTP clients of a syncer: its engine's adapters, its engine's weights, and the coordinator."""

from __future__ import annotations

import math
import uuid
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from services.inference.engine_client import policy_names
from shared.engine_client import checked, json_object
from shared.errors import MorrowError
from shared.http import raise_for_problem, reaching
from shared.wire import BASE_POLICY, EngineReport, WantedCheckpoints

PROBE = {"prompt": "Headline:", "max_tokens": 1, "temperature": 0.0}
"""One greedy token: enough to prove that the weights are loaded and that the name reaches them."""


class EngineAdmin(Protocol):
    """An engine's policies. Raises UnavailableError if it does not answer, MorrowError if it refuses."""

    def policies(self) -> list[str]: ...
    def load(self, name: str, folder: Path) -> None: ...
    def unload(self, name: str) -> None: ...
    def probe(self, name: str) -> None: ...


class WeightAdmin(Protocol):
    """An engine's own weights. Raises UnavailableError if it does not answer, MorrowError if it refuses."""

    def paused(self) -> bool: ...
    def pause(self) -> None: ...
    def reload(self, folder: Path) -> None: ...
    def resume(self) -> None: ...
    def name_version(self, version: str) -> None: ...
    def weight_version(self) -> str: ...
    def checksums(self) -> dict[str, str]: ...
    def fingerprint(self) -> list[float]: ...


class Coordinator(Protocol):
    """The coordinator as a syncer uses it. Raises UnavailableError if it does not answer."""

    def desired(self) -> WantedCheckpoints: ...
    def report(self, report: EngineReport) -> None: ...


class HttpEngineAdmin:
    """The engine's policies over HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        with reaching(f"the engine at {self._client.base_url}"):
            return checked(self._client.request(method, path, json=body))

    def policies(self) -> list[str]:
        """Names of the policies that the engine serves."""
        return policy_names(json_object(self._call("GET", "/v1/models")))

    def load(self, name: str, folder: Path) -> None:
        """Load a checkpoint's folder under a new name; never in place of another."""
        body = {"lora_name": name, "lora_path": str(folder), "load_inplace": False}
        self._call("POST", "/v1/load_lora_adapter", body)

    def unload(self, name: str) -> None:
        """Unload a policy; requests in flight finish on it."""
        self._call("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    def probe(self, name: str) -> None:
        """Sample one token. Raises MorrowError if another policy answers, or none."""
        body = json_object(self._call("POST", "/v1/completions", {"model": name, **PROBE}))
        if body.get("model") != name or not body.get("choices"):
            raise MorrowError(f"the engine was probed for {name} and answered with {body.get('model')}")


class HttpWeightAdmin:
    """The engine's own weights over HTTP, by vLLM's routes of the same names."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with reaching(f"the engine at {self._client.base_url}"):
            return json_object(self._client.request(method, path, json=body))

    def paused(self) -> bool:
        """Whether the engine is paused."""
        return bool(self._call("GET", "/is_paused")["is_paused"])

    def pause(self) -> None:
        """Pause once the requests in flight are answered, and drop cached keys and values."""
        self._call("POST", "/pause?mode=wait&clear_cache=true")

    def reload(self, folder: Path) -> None:
        """Replace the weights by those in a folder."""
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        self._call("POST", "/collective_rpc", body)

    def resume(self) -> None:
        """End the pause."""
        self._call("POST", "/resume")

    def name_version(self, version: str) -> None:
        """Set the weight version."""
        self._call("POST", "/update_weight_version", {"new_version": version})

    def weight_version(self) -> str:
        """The weight version."""
        return str(self._call("GET", "/weight_info")["weight_version"])

    def checksums(self) -> dict[str, str]:
        """SHA-256 of each tensor's bytes in the engine, by name."""
        return dict(self._call("POST", "/weight_checker", {"action": "checksum"})["checksums"])

    def fingerprint(self) -> list[float]:
        """Log-probabilities of a greedy answer of 8 tokens, computed without cached keys and values.

        Raises MorrowError if they are not finite: the weights are damaged.
        """
        body = {"model": BASE_POLICY, **PROBE, "max_tokens": 8, "logprobs": 0, "cache_salt": uuid.uuid4().hex}
        choice = self._call("POST", "/v1/completions", body)["choices"][0]
        logprobs = [float(logprob) for logprob in choice["logprobs"]["token_logprobs"]]
        if not logprobs or not all(math.isfinite(logprob) for logprob in logprobs):
            raise MorrowError("the engine's answer has no finite log-probabilities: its weights are damaged")
        return logprobs


class CoordinatorClient:
    """The coordinator over HTTP. `desired` long-polls: it returns after `wait` seconds, or as soon as they change."""

    def __init__(self, client: httpx.Client, wait: float = 0.0) -> None:
        self._client = client
        self._wait = wait
        self._last: WantedCheckpoints | None = None

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        with reaching(f"the coordinator at {self._client.base_url}"):
            return raise_for_problem(self._client.request(method, path, json=body))

    def desired(self) -> WantedCheckpoints:
        """The checkpoints that every engine should load."""
        known = {} if self._last is None else {"wait": f"{self._wait:g}", "known": self._last.served or ""}
        answer = self._call("GET", f"/v1/serving?{urlencode(known)}" if self._wait else "/v1/serving")
        self._last = WantedCheckpoints.model_validate_json(answer.content)
        return self._last

    def report(self, report: EngineReport) -> None:
        """Report the loaded policies."""
        self._call("PUT", "/v1/engines", report.model_dump(mode="json"))
