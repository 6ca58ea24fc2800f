"""Periodic background tasks."""

from __future__ import annotations

import logging
import threading

import pytest

from services.coordinator.background import PeriodicTask


def test_periodic_task_continues_after_failures_and_logs_them(caplog: pytest.LogCaptureFixture) -> None:
    calls, done = [], threading.Event()

    def work() -> int:
        calls.append(1)
        if len(calls) == 3:
            done.set()
        if len(calls) < 3:
            raise ValueError("not yet")
        return 0

    repeater = PeriodicTask("tester", work, 0.001)
    with caplog.at_level(logging.ERROR):
        repeater.start()
        assert done.wait(10)
        repeater.stop()
    assert caplog.text.count("tester failed") == 2


def test_periodic_task_repeats_at_once_while_there_is_work() -> None:
    left, done = [3, 2, 1], threading.Event()

    def work() -> int:
        if left:
            return left.pop(0)
        done.set()
        return 0

    repeater = PeriodicTask("tester", work, 3600)
    repeater.start()
    assert done.wait(10)
    repeater.stop()
    assert left == []
