"""Fakes of what the inference worker and the syncer work with."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from services.inference.engine_client import Completion, SamplingRequest
from services.inference.sampling.prompts import ChatMessage
from services.inference.sampling.tokenizer import Prompt
from services.inference.syncer.reconciler import Clocks
from shared.errors import CheckpointCorruptError, MorrowError, UnavailableError
from shared.run_config import RunConfig
from shared.wire import CheckpointRef, EngineReport, GenerateTask, HeadlineItem, PolicyRef, WantedCheckpoints

LINE = (
    "Domain=MarketMove; Proxy=Brent crude; Horizon=1d; Prob=60%; Claim=Brent crude rises above 68 by tomorrow; "
    "Rationale=Supply stays tight; Risk=Weak demand; Confidence=2"
)
NEAR_MISS = LINE.replace("60%", "60")
BROKEN = LINE.replace("Prob=60%; ", "")
"""A line of which all but Prob can be kept."""

NONSENSE = "Oil will climb."
"""Nothing that can be kept."""


def generate_task(headlines: Sequence[str] = ("Oil climbs",), policy: str = "base", **config: Any) -> GenerateTask:
    """A generate step of a made-up run."""
    published = dt.datetime(2025, 8, 18, 9, tzinfo=dt.UTC)
    return GenerateTask(
        step_id=7,
        fence=1,
        run="made-up",
        date=dt.date(2025, 8, 18),
        config=RunConfig(**{"max_tokens": 400} | config),
        policy=PolicyRef(name=policy),
        profile="tight",
        headlines=[HeadlineItem(id=n, text=text, published_at=published) for n, text in enumerate(headlines, start=1)],
    )


@dataclass
class FakeTokenizer:
    """One token a character; token 2 ends an answer and has no text."""

    end: int | None = 2

    def prompt(self, messages: list[ChatMessage]) -> Prompt:
        """The turns' contents, one after another."""
        text = "\n".join(turn["content"] for turn in messages)
        return Prompt(text, self.encode(text))

    def encode(self, text: str) -> list[int]:
        """The characters' numbers."""
        return [ord(character) for character in text]

    def decode(self, token_ids: list[int]) -> str:
        """The characters, without the end."""
        return "".join(chr(token) for token in token_ids if token != self.end)


@dataclass
class FakeForcing:
    """Says that the first token was forced."""

    requests: list[str] = field(default_factory=list)

    def forced(self, regex: str, token_ids: Sequence[int], logprobs: Sequence[float]) -> list[bool]:
        """True, then False."""
        self.requests.append(regex)
        return [True] + [False] * (len(token_ids) - 1)


@dataclass
class FakeEngine:
    """Answers what `says` makes of a request; counts what is requests and how much of it at once."""

    says: Callable[[SamplingRequest], str]
    served: list[str] = field(default_factory=lambda: ["base"])
    echoes: str | None = None
    requests: list[SamplingRequest] = field(default_factory=list)
    most_at_once: int = 0
    cancelled: int = 0
    hold: asyncio.Event | None = None
    capacity: int | None = None
    _now: int = 0

    async def rows(self) -> int | None:
        """How many answers it decodes together."""
        return self.capacity

    async def policies(self) -> list[str]:
        """The served names."""
        return list(self.served)

    async def complete(self, request: SamplingRequest) -> list[Completion]:
        """Its answers after one turn of the loop, or once `hold` is set."""
        self.requests.append(request)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await (self.hold.wait() if self.hold else asyncio.sleep(0))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self._now -= 1
        return [self._answer(replace(request, seed=request.seed + i)) for i in range(request.n)]

    def _answer(self, request: SamplingRequest) -> Completion:
        text = self.says(request)
        ids = [*(ord(character) for character in text), 2]
        over = len(ids) > request.max_tokens
        ids = ids[: request.max_tokens]
        text = text[: request.max_tokens] if over else text
        policy = self.echoes or request.policy
        return Completion(policy, text, ids, [-0.5] * len(ids), "length" if over else "stop")


def ref(name: str) -> CheckpointRef:
    """A reference to a checkpoint of day 18 whose id ends in the name, a hexadecimal letter."""
    return CheckpointRef(id=f"made-up-20250818-{name * 12}", uri=f"made-up/20250818-{name * 12}", sha256=name)


@dataclass
class FakeStore:
    """A store where every checkpoint is sound but the corrupt ones."""

    corrupt: set[str] = field(default_factory=set)
    checked: list[str] = field(default_factory=list)

    def verified(self, ref: CheckpointRef) -> Path:
        """The folder of a sound checkpoint."""
        self.checked.append(ref.id)
        if ref.id in self.corrupt:
            raise CheckpointCorruptError(f"checkpoint {ref.id}: weights are changed")
        return Path("/store") / ref.uri


@dataclass
class FakeAdmin:
    """An engine that can be down, or refuse to answer as some policy."""

    served: list[str] = field(default_factory=lambda: ["base"])
    down: bool = False
    mute: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def _reached(self) -> None:
        if self.down:
            raise UnavailableError("the engine does not answer")

    def policies(self) -> list[str]:
        """The served names."""
        self._reached()
        return list(self.served)

    def load(self, name: str, folder: Path) -> None:
        """Serve another name."""
        self._reached()
        self.calls.append(("load", name))
        self.served.append(name)

    def unload(self, name: str) -> None:
        """Serve a name no more."""
        self._reached()
        self.calls.append(("unload", name))
        self.served.remove(name)

    def probe(self, name: str) -> None:
        """Answer, unless mute."""
        self._reached()
        self.calls.append(("probe", name))
        if name in self.mute:
            raise MorrowError(f"probed for {name}, base answered")


@dataclass
class FakeCoordinator:
    """A coordinator that wants what it is told to want."""

    checkpoints: list[CheckpointRef] = field(default_factory=list)
    served: str | None = None
    down: bool = False
    reports: list[EngineReport] = field(default_factory=list)

    def desired(self) -> WantedCheckpoints:
        """What engines should hold."""
        if self.down:
            raise UnavailableError("the coordinator does not answer")
        return WantedCheckpoints(served=self.served, previous=None, checkpoints=self.checkpoints)

    def report(self, report: EngineReport) -> None:
        """Remember a report."""
        if self.down:
            raise UnavailableError("the coordinator does not answer")
        self.reports.append(report)


def clocks(seconds: Callable[[], float] = time.monotonic) -> Clocks:
    """A syncer's clocks; what time it is says the counter of seconds too."""
    return Clocks(seconds, lambda: dt.datetime.fromtimestamp(seconds(), dt.UTC))
