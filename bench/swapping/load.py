"""A steady load of forecasts, and what came of each."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import httpx

HEADLINES = ("Oil climbs as supply falls", "Chip maker raises guidance", "Central bank holds rates", "Gold slips")


@dataclass(frozen=True)
class Outcome:
    """One request: when it began and ended, who spoke, and what went wrong, if anything."""

    began: float
    ended: float
    policy: str
    engine: str
    problem: str


@dataclass
class Current:
    """The two current policies over time: since when each pair is current."""

    pairs: list[tuple[float, frozenset[str]]] = field(default_factory=lambda: [(0.0, frozenset({"base"}))])

    def now(self, served: str, previous: str) -> None:
        """From now on these two are the current ones."""
        self.pairs.append((time.monotonic(), frozenset({served, previous})))

    def during(self, began: float, ended: float) -> frozenset[str]:
        """Policies that were current when a request began or later, until it ended."""
        since = [at for at, _ in self.pairs[1:]] + [float("inf")]
        pairs = [pair for (at, pair), until in zip(self.pairs, since, strict=True) if at <= ended and until >= began]
        return frozenset().union(*pairs)


@dataclass
class Load:
    """`clients` threads, each asking for one forecast after another until it is told to stop."""

    url: str
    clients: int
    max_tokens: int
    outcomes: list[Outcome] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to ask."""
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more, and wait for what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
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
        answer = client.post("/v1/forecast", json=body)
    except httpx.TransportError as error:
        return Outcome(began, time.monotonic(), "", "", f"{type(error).__name__}: {error}")
    ended = time.monotonic()
    if answer.status_code != 200:
        return Outcome(began, ended, "", "", f"{answer.status_code}: {answer.text[:300]}")
    said = answer.json()
    return Outcome(began, ended, said["policy"], said["engine"], "")
