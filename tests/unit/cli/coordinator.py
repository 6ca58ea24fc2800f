"""A fake coordinator with canned responses for the CLI's tests, behind httpx.MockTransport."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.cli.client import Client

Json = dict[str, Any]


@dataclass
class FakeCoordinator:
    """Responds to `METHOD /path` with the next of its canned responses, the last one repeatedly; records requests."""

    responses: dict[str, list[tuple[int, object]]] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, str], object]] = field(default_factory=list)

    def on(self, route: str, *bodies: object, status: int = 200) -> FakeCoordinator:
        self.responses.setdefault(route, []).extend((status, body) for body in bodies)
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {request.url.path}"
        body = json.loads(request.content) if request.content else None
        self.sent.append((route, dict(request.url.params), body))
        queue = self.responses.get(route, [(404, {"type": "urn:morrow:problem:not-found", "detail": f"no {route}"})])
        status, content = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(content, Exception):
            raise content
        if isinstance(content, str):
            return httpx.Response(status, text=content)
        return httpx.Response(status, json=content)

    def client(self) -> Client:
        http = httpx.Client(base_url="http://coordinator", transport=httpx.MockTransport(self.handle))
        return Client(http, "start one")


def a_run(**changes: object) -> Json:
    run: Json = {
        "name": "R",
        "kind": "backfill",
        "corpus": "sample",
        "state": "running",
        "reason": None,
        "config": {"rollouts": 8, "base_model": "tiny"},
        "config_hash": "ab" * 32,
        "created_at": "2025-11-22T12:00:00Z",
        "finished_at": None,
        "warnings": [],
        "days": {"published": 1, "pending": 2},
        "steps": {"generate": {"done": 1}},
        "progress": {"steps_done": 3, "steps_total": 9, "fraction": 1 / 3, "eta_seconds": 125.0},
        "served": None,
    }
    return run | changes


def a_day(**changes: object) -> Json:
    day: Json = {
        "date": "2024-09-09",
        "outcome_date": "2024-09-10",
        "state": "pending",
        "reason": None,
        "headlines": 3,
        "left_out": {},
        "policy": None,
        "profile": "tight",
        "checkpoint": None,
        "started_at": None,
        "finished_at": None,
        "steps": {},
    }
    return day | changes


def a_page(*items: Json, next_: str | None = None) -> Json:
    return {"items": list(items), "next": next_}
