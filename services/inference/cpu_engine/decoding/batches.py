"""The batches of all policies: each policy's rows are decoded together, and the policies' batches take steps in turn.

A policy that is asked for a few tokens, as when its adapter is verified, neither waits until another's rows have ended
nor keeps new ones from joining them.
"""

from __future__ import annotations

import logging

from services.inference.cpu_engine.decoding.batch import Batch
from services.inference.cpu_engine.decoding.grammar import Grammars
from services.inference.cpu_engine.decoding.metrics import EngineMetrics
from services.inference.cpu_engine.decoding.prompts import Prompts
from services.inference.cpu_engine.decoding.queue import FairQueue
from services.inference.cpu_engine.decoding.sequence import Decode, Sequence, fail, hand_over
from services.inference.cpu_engine.model.policies import Policies, Policy

log = logging.getLogger(__name__)


class Batches:
    """At most `limit` rows, of all policies together."""

    def __init__(
        self,
        policies: Policies,
        limit: int,
        prompts: Prompts,
        metrics: EngineMetrics,
        ends: frozenset[int],
        decode: Decode,
        grammars: Grammars | None,
    ) -> None:
        self._policies, self._limit, self._prompts, self._metrics = policies, limit, prompts, metrics
        self._ends, self._decode, self._grammars = ends, decode, grammars
        self._batches: dict[Policy, Batch] = {}

    @property
    def rows(self) -> list[Sequence]:
        """The rows of all policies."""
        return [row for batch in self._batches.values() for row in batch.rows]

    def has(self, policy: Policy) -> bool:
        """Whether a policy has rows."""
        return policy in self._batches

    def admit(self, waiting: FairQueue) -> None:
        """Take up what waits, the policies in turn, as far as there is room."""
        free = self._limit - len(self.rows)
        while free > 0 and (policy := waiting.turn()) is not None:
            rows = waiting.take(policy, free)
            if rows and not self._begin(policy, rows) and len(rows) > 1:
                # One bad prompt must not fail those that were taken up with it.
                for row in rows:
                    self._begin(policy, [row])
            free = self._limit - len(self.rows)

    def step(self) -> None:
        """At least one more token for every row."""
        for policy, batch in list(self._batches.items()):
            rows = list(batch.rows)
            try:
                over = batch.step(self._policies.decoder(policy))
            except Exception as error:
                log.exception("could not decode %d answers", len(rows))
                del self._batches[policy]
                fail(rows, error)
            else:
                self._settle(policy, batch, over)

    def _begin(self, policy: Policy, rows: list[Sequence]) -> bool:
        """Read the prompts and join the batch. False if it failed, which fails a row that is alone."""
        distinct = list(dict.fromkeys(row.request.prompt_ids for row in rows))
        batch = self._batches.setdefault(policy, Batch(self._ends, self._decode, self._grammars))
        try:
            prompts = self._prompts.read(self._policies.decoder(policy), policy, distinct)
            by_ids = dict(zip(distinct, prompts, strict=True))
            over = batch.join(rows, [by_ids[row.request.prompt_ids] for row in rows])
        except Exception as error:
            log.exception("could not begin %d answers", len(rows))
            if len(rows) == 1:
                fail(rows, error)
            self._settle(policy, batch, [])
            return False
        self._metrics.began(rows, self._prompts)
        self._settle(policy, batch, over)
        return True

    def _settle(self, policy: Policy, batch: Batch, over: list[Sequence]) -> None:
        self._metrics.generation_tokens.inc(batch.tokens)
        batch.tokens = 0
        if not batch.rows:
            del self._batches[policy]
        hand_over(over)
