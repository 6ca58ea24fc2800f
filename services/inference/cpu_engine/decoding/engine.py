"""The engine: one thread owns the models and decodes, a token for every row at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from services.inference.cpu_engine.decoding.batches import Batches
from services.inference.cpu_engine.decoding.grammar import Grammars
from services.inference.cpu_engine.decoding.inbox import Inbox
from services.inference.cpu_engine.decoding.limits import Limits
from services.inference.cpu_engine.decoding.metrics import EngineMetrics
from services.inference.cpu_engine.decoding.pause import PauseGate
from services.inference.cpu_engine.decoding.prompts import Prompts
from services.inference.cpu_engine.decoding.queue import FairQueue
from services.inference.cpu_engine.decoding.sequence import Decode, Request, Sequence, fail
from services.inference.cpu_engine.model.policies import Policies, Policy
from services.inference.cpu_engine.model.weights import checksums, read_weights, replace_weights
from shared.compute import NoTurn, Turn
from shared.errors import ConflictError, MorrowError, UnavailableError

log = logging.getLogger(__name__)
T = TypeVar("T")


class Engine:
    """Decodes requests, a token for every row at each step; new rows join at any step."""

    def __init__(
        self,
        policies: Policies,
        ends: frozenset[int],
        decode: Decode,
        limits: Limits,
        grammars: Grammars | None = None,
        turn: Turn | None = None,
    ) -> None:
        self.policies = policies
        self.metrics = EngineMetrics(policies.base.name)
        self.weight_version = "default"
        self._limits = limits
        self._inbox = Inbox()
        self._waiting = FairQueue()
        self._prompts = Prompts(limits.prompt_tokens)
        self._batches = Batches(policies, limits.batch, self._prompts, self.metrics, ends, decode, grammars)
        self._unloaded: list[Policy] = []
        self._pause = PauseGate()
        self._turn = turn or NoTurn()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to decode."""
        self._thread.start()

    def give_up(self) -> None:
        """Stop after the present step; whatever is unfinished fails with UnavailableError."""
        self._stopping.set()
        self._inbox.put(lambda: None)

    def stop(self) -> None:
        """`give_up`, and wait until the loop has ended."""
        self.give_up()
        self._thread.join()

    def check(self) -> None:
        """Raise UnavailableError unless requests are being served."""
        if self._stopping.is_set() or not self._thread.is_alive():
            raise UnavailableError("the engine is not running")

    def submit(self, request: Request) -> Future[list[Sequence]]:
        """Queue a request; its future gets the finished sequences, or NotFoundError for an unknown policy."""
        self.check()
        self._inbox.put(lambda: self._enqueue(request))
        return request.done

    def load(self, name: str, path: str) -> Future[Policy]:
        """Load an adapter or a model between two steps; errors are those of `Policies.load`."""
        return self._between_steps(lambda: self.policies.load(name, path))

    def unload(self, name: str) -> Future[None]:
        """Stop offering a policy; its weights go once nothing runs on them."""
        return self._between_steps(lambda: self._unloaded.append(self.policies.unload(name)))

    @property
    def paused(self) -> bool:
        """Whether new requests are held until `resume`."""
        return self._pause.on

    def pause(self, clear_cache: bool) -> Future[None]:
        """Hold new requests; the future is done once all earlier ones are answered."""
        self.check()
        still: Future[None] = Future()
        self._inbox.put(lambda: self._pause.begin(still, self._prompts.clear if clear_cache else lambda: None))
        return still

    def resume(self) -> Future[None]:
        """Continue with the held requests."""

        def resume() -> None:
            for request in self._pause.end():
                self._enqueue(request)

        return self._between_steps(resume)

    def reload(self, path: str) -> Future[None]:
        """Replace the weights of the base model by those in a folder; nothing has changed if it raises MorrowError."""
        weights = read_weights(Path(path))

        def replace() -> None:
            if not self._pause.on or not self._idle:
                raise ConflictError("weights are replaced while the engine pauses: POST /pause?mode=wait first")
            replace_weights(self.policies.base_model, weights)
            self.policies.base_changed()
            self._prompts.clear()

        return self._between_steps(replace)

    def checksums(self) -> Future[dict[str, str]]:
        """SHA-256 of each tensor of the base model."""
        return self._between_steps(lambda: checksums(self.policies.base_model))

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._take_in()
                if not self._idle:
                    self._turn.hold()
                self._batches.admit(self._waiting)
                self._batches.step()
                self._release()
                if self._idle:
                    self._pause.still()
                self.metrics.show(len(self._batches.rows), len(self._waiting) + len(self._pause.held))
        finally:
            self._close()

    @property
    def _idle(self) -> bool:
        return not self._batches.rows and not self._waiting

    def _take_in(self) -> None:
        if self._idle:
            self._turn.release()
            self._inbox.wait()
            time.sleep(self._limits.gather_seconds)
        self._inbox.drain()

    def _release(self) -> None:
        for policy in list(self._unloaded):
            if self._waiting.has(policy) or self._batches.has(policy):
                continue
            self._unloaded.remove(policy)
            self._prompts.drop(policy)
            self.policies.release(policy)

    def _enqueue(self, request: Request) -> None:
        if self._pause.on:
            self._pause.held.append(request)
            return
        if not request.done.set_running_or_notify_cancel():
            return
        try:
            policy = self.policies.get(request.model)
            if len(self._waiting) + request.n > self._limits.waiting:
                raise UnavailableError(f"{len(self._waiting)} answers are waiting already: try again later")
        except MorrowError as error:
            request.done.set_exception(error)
        else:
            self._waiting.add(policy, request.begin())

    def _between_steps(self, action: Callable[[], T]) -> Future[T]:
        self.check()
        return self._inbox.call(action)

    def _close(self) -> None:
        self._stopping.set()
        self._turn.release()
        self._inbox.drain()
        over = UnavailableError("the engine is shutting down")
        self._pause.give_up(over)
        fail(self._batches.rows + self._waiting.clear(), over)
