"""The engine's metrics, under vLLM's names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.inference.cpu_engine.decoding.prompts import Prompts
from services.inference.cpu_engine.decoding.sequence import Sequence


class EngineMetrics:
    """Gauges and counters of one engine, in a registry of their own. A request for n answers counts as n."""

    def __init__(self, model: str) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"vllm:{name}", text, ["model_name"], registry=self.registry).labels(model)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"vllm:{name}", text, ["model_name"], registry=self.registry).labels(model)

        self.running = gauge("num_requests_running", "Answers being decoded.")
        self.waiting = gauge("num_requests_waiting", "Answers waiting to be decoded.")
        self.prompt_tokens = counter("prompt_tokens", "Prompt tokens of the answers begun.")
        self.generation_tokens = counter("generation_tokens", "Tokens sampled.")
        self.prefix_queries = counter("prefix_cache_queries", "Tokens of the prompts that were looked up.")
        self.prefix_hits = counter("prefix_cache_hits", "Those among them that were not computed again.")
        self._seen = (0, 0)

    def began(self, rows: list[Sequence], prompts: Prompts) -> None:
        """Count answers that began, and what their prompts cost."""
        self.prompt_tokens.inc(sum(len(row.request.prompt_ids) for row in rows))
        self.prefix_queries.inc(prompts.tokens_asked - self._seen[0])
        self.prefix_hits.inc(prompts.tokens_reused - self._seen[1])
        self._seen = (prompts.tokens_asked, prompts.tokens_reused)

    def show(self, running: int, waiting: int) -> None:
        """Set what is running and waiting now."""
        self.running.set(running)
        self.waiting.set(waiting)
