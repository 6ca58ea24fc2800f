"""Periodic background tasks."""

from __future__ import annotations

import logging
import queue
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


def test_a_wake_ends_the_pause() -> None:
    calls: queue.Queue[int] = queue.Queue()

    def work() -> int:
        calls.put(1)
        return 0

    repeater = PeriodicTask("tester", work, 3600)
    repeater.start()
    calls.get(timeout=10)
    repeater.wake()
    calls.get(timeout=10)
    repeater.stop()
    assert calls.empty()


def test_a_wake_during_the_work_calls_it_again() -> None:
    began: queue.Queue[int] = queue.Queue()
    go_on = threading.Event()

    def work() -> int:
        began.put(1)
        go_on.wait(10)
        return 0

    repeater = PeriodicTask("tester", work, 3600)
    repeater.start()
    began.get(timeout=10)
    repeater.wake()
    go_on.set()
    assert began.get(timeout=10) == 1
    repeater.stop()


def test_a_wake_does_not_shorten_the_pause_after_a_failure() -> None:
    calls: queue.Queue[int] = queue.Queue()

    def work() -> int:
        calls.put(1)
        raise ValueError("the broker is away")

    repeater = PeriodicTask("tester", work, 3600)
    repeater.start()
    calls.get(timeout=10)
    repeater.wake()
    repeater.stop()
    assert calls.empty()
