"""A steady load of forecast requests and their outcomes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import httpx

HEADLINES = ("Oil climbs as supply falls", "Chip maker raises guidance", "Central bank holds rates", "Gold slips")


@dataclass(frozen=True)
class Outcome:
    """One request: its start and end on the monotonic clock, its policy and engine, and its problem, if any."""

    began: float
    ended: float
    policy: str
    engine: str
    problem: str


@dataclass
class Current:
    """The pairs of current policies (served, previous), each with the time since which it is current."""

    pairs: list[tuple[float, frozenset[str]]] = field(default_factory=lambda: [(0.0, frozenset({"base"}))])

    def now(self, served: str, previous: str) -> None:
        """Record the pair that is current from now on."""
        self.pairs.append((time.monotonic(), frozenset({served, previous})))

    def during(self, began: float, ended: float) -> frozenset[str]:
        """The policies that were current at any time between two times."""
        since = [at for at, _ in self.pairs[1:]] + [float("inf")]
        pairs = [pair for (at, pair), until in zip(self.pairs, since, strict=True) if at <= ended and until >= began]
        return frozenset().union(*pairs)


@dataclass
class Load:
    """`clients` threads that request one forecast after another until `stop`."""

    url: str
    clients: int
    max_tokens: int
    outcomes: list[Outcome] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start the threads."""
        self._threads = [
            threading.Thread(target=self._request_forecasts, args=(number,)) for number in range(self.clients)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads after their current requests."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _request_forecasts(self, number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=120, trust_env=False) as client:
            turn = number
            while not self._stop.is_set():
                headline = HEADLINES[turn % len(HEADLINES)]
                body = {"headline": headline, "max_tokens": self.max_tokens, "lines": 1, "seed": turn}
                self.outcomes.append(_outcome(client, body))
                turn += self.clients


def _outcome(client: httpx.Client, body: dict[str, object]) -> Outcome:
    began = time.monotonic()
    try:
        response = client.post("/v1/forecast", json=body)
    except httpx.TransportError as error:
        return Outcome(began, time.monotonic(), "", "", f"{type(error).__name__}: {error}")
    ended = time.monotonic()
    if response.status_code != 200:
        return Outcome(began, ended, "", "", f"{response.status_code}: {response.text[:300]}")
    forecast = response.json()
    return Outcome(began, ended, forecast["policy"], forecast["engine"], "")
