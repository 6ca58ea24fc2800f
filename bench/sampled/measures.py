"""One measurement of sampling: of the engine alone, or of a backfill's generate steps."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.inference.engine_client import Completion, HttpEngine, SamplingRequest
from services.inference.sampling.prompts import messages
from services.inference.sampling.rules import PROFILES
from services.inference.sampling.tokenizer import HfTokenizer
from shared.forecast import format_named
from shared.run_config import RunConfig

SAMPLE = Path(__file__).resolve().parents[2] / "services/cli/sample_corpus"
DAY = dt.date(2024, 9, 9)
COUNTERS = ("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total")
Json = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """Sampled tokens, seconds, engine calls, and the share of prompt tokens that the engine had in its cache.

    `rungs` counts the rollouts by the rung that their result is of, with the attempts that these cost.
    """

    tokens: int
    seconds: float
    calls: int
    hits: float
    rungs: str = ""

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds


def texts(count: int) -> list[str]:
    """The first headlines of the sample corpus."""
    days = [json.loads(file.read_text("utf8")) for file in sorted(SAMPLE.glob("*_headlines.json"))]
    return [headline["text"] for day in days for headline in day["headlines"]][:count]


class PrefixCache:
    """An engine's cache of prompts, emptied at the start of a measurement."""

    def __init__(self, engine_url: str) -> None:
        self._http = httpx.Client(base_url=engine_url, timeout=60, trust_env=False)
        for path in ("/pause?mode=wait&clear_cache=true", "/resume"):
            self._http.post(path).raise_for_status()
        self._before = self._counters()

    def hits(self) -> float:
        """The share of the prompts' tokens since the start that were found in the cache, by the engine's metrics."""
        queries, hits = (now - then for now, then in zip(self._counters(), self._before, strict=True))
        return hits / queries if queries else 0.0

    def _counters(self) -> list[float]:
        rows = [line.rsplit(" ", 1) for line in self._http.get("/metrics").text.splitlines()]
        return [sum(float(row[1]) for row in rows if row[0].startswith(counter)) for counter in COUNTERS]


def requests(model: Path, headlines: list[str], rollouts: int) -> list[SamplingRequest]:
    """The free first answers of all groups, a request each, as a run with the default configuration samples them."""
    config, tokenizer = RunConfig(), HfTokenizer(str(model))
    form, profile = format_named(config.format), PROFILES[config.profile]
    return [
        SamplingRequest(
            policy="base",
            prompt_token_ids=tokenizer.prompt(messages(text, config.horizon, form)).token_ids,
            max_tokens=config.max_tokens,
            temperature=profile.temperature,
            top_p=profile.top_p,
            top_k=profile.top_k,
            seed=1000 * place,
            stop=form.stop,
            n=rollouts,
        )
        for place, text in enumerate(headlines)
    ]


def engine_alone(url: str, work: list[SamplingRequest]) -> Figures:
    """All requests at once, straight at the engine."""

    async def sample() -> list[list[Completion]]:
        async with HttpEngine.at(url, 600, len(work)) as engine:
            return await asyncio.gather(*(engine.complete(request) for request in work))

    cache, began = PrefixCache(url), time.monotonic()
    answers = asyncio.run(sample())
    seconds = time.monotonic() - began
    tokens = sum(len(answer.token_ids) for group in answers for answer in group)
    return Figures(tokens, seconds, len(work), cache.hits())


class Backfills:
    """Backfills of one day at a coordinator, over a corpus of the given headlines."""

    def __init__(self, coordinator_url: str, engine_url: str, headlines: list[str]) -> None:
        self._http = httpx.Client(base_url=coordinator_url, timeout=60, trust_env=False)
        self._engine_url, self._headlines = engine_url, headlines
        noon = dt.datetime.combine(DAY, dt.time(12), dt.UTC)
        rows = [
            {"origin": "bench", "text": text, "published_at": (noon + dt.timedelta(minutes=place)).isoformat()}
            for place, text in enumerate(headlines)
        ]
        after = noon + dt.timedelta(days=1)
        rows.append({"origin": "bench", "text": "Nothing happens", "published_at": after.isoformat()})
        self._http.post("/v1/corpora/bench/imports", json={"rows": rows}).raise_for_status()

    def measure(self, name: str, config: Json) -> Figures:
        """A backfill, from its first claim to its last accepted generate step."""
        cache = PrefixCache(self._engine_url)
        body = {"name": name, "corpus": "bench", "from": str(DAY), "to": str(DAY), "config": config}
        self._http.post("/v1/backfills", json=body).raise_for_status()
        steps = self._generated(name)
        began = min(dt.datetime.fromisoformat(step["started_at"]) for step in steps)
        ended = max(dt.datetime.fromisoformat(step["finished_at"]) for step in steps)
        rollouts = list(self._items(f"/v1/backfills/{name}/rollouts"))
        assert len(rollouts) == len(self._headlines) * config["rollouts"], len(rollouts)
        tokens = sum(rollout["sampled_tokens"] for rollout in rollouts)
        calls = sum(step["figures"]["engine_calls"] for step in steps)
        rungs = Counter(f"{rollout['rung']} in {rollout['attempts']}" for rollout in rollouts)
        words = ", ".join(f"{count} {rung}" for rung, count in sorted(rungs.items()))
        return Figures(tokens, (ended - began).total_seconds(), calls, cache.hits(), words)

    def _generated(self, name: str) -> list[Json]:
        """The generate steps, once all of them are done."""
        while True:
            steps = [step for step in self._items(f"/v1/backfills/{name}/steps") if step["kind"] == "generate"]
            states = {step["state"] for step in steps}
            if states == {"done"}:
                return steps
            assert "failed" not in states, [step["error"] for step in steps]
            time.sleep(0.5)

    def _items(self, path: str) -> Iterator[Json]:
        cursor = ""
        while True:
            page = self._http.get(path, params={"limit": 100} | ({"cursor": cursor} if cursor else {}))
            body = page.raise_for_status().json()
            yield from body["items"]
            if not (cursor := body["next"] or ""):
                return
