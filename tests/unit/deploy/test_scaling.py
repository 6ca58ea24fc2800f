"""A day of load for the deployed ScaledObjects: no pod with a lease is stopped."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from deploy.checks.code import QUEUES
from deploy.checks.pods import pod_of
from deploy.checks.render import Object
from tests.unit.deploy.autoscaler import Direction, Rule
from tests.unit.deploy.conftest import Overlays
from tests.unit.deploy.scaling import DAY, Day, Workers, backfills, engines

HOUR = 3600.0
STARTS = (1 * HOUR, 2.5 * HOUR, 9 * HOUR, 18 * HOUR)
BOTH = ("open-steps", "messages")


def _object(overlays: Overlays, kind: str, name: str) -> Object:
    return next(one for one in overlays["gpu"] if one["kind"] == kind and one["metadata"]["name"] == name)


def _grace(overlays: Overlays, name: str) -> float:
    return float(pod_of(_object(overlays, "Deployment", name))["terminationGracePeriodSeconds"])


def _day(overlays: Overlays, name: str, seen: tuple[str, ...], rule: Rule | None = None) -> tuple[Day, int]:
    rule = rule or Rule.of(_object(overlays, "ScaledObject", name))
    grace = _grace(overlays, name)
    steps = backfills(7, STARTS if name != "trainer" else STARTS[:1], longest=2 * (rule.cooldown + grace))
    return Workers(rule, grace, seen).run(steps, until=(2 if name != "trainer" else 8) * DAY), len(steps)


@pytest.mark.parametrize("name", ["inference", "evaluator", "trainer"])
def test_scale_down_never_signals_a_pod_holding_a_lease(overlays: Overlays, name: str) -> None:
    day, steps = _day(overlays, name, BOTH)
    assert (day.killed, day.signalled, day.done) == ([], 0, steps)


@pytest.mark.parametrize("name", ["inference", "evaluator", "trainer"])
def test_replicas_grow_with_the_load_and_shrink_to_zero_without_open_steps(overlays: Overlays, name: str) -> None:
    rule = Rule.of(_object(overlays, "ScaledObject", name))
    day, _ = _day(overlays, name, BOTH)
    assert max(day.replicas) == rule.max_replicas
    assert all(new > old or new == 0 for old, new in day.changes)
    assert day.replicas[-1] == 0
    assert sum(new == 0 for _, new in day.changes) >= (1 if name == "trainer" else 2)


@pytest.mark.parametrize("name", ["inference", "evaluator"])
def test_scaling_by_list_length_alone_would_stop_pods_holding_leases(overlays: Overlays, name: str) -> None:
    day, _ = _day(overlays, name, ("messages",))
    assert day.killed


def test_scaling_down_one_by_one_would_stop_busy_pods(overlays: Overlays) -> None:
    rule = Rule.of(_object(overlays, "ScaledObject", "inference"))
    eager = replace(rule, down=Direction(300, ({"type": "Pods", "value": 1, "periodSeconds": 60},)))
    day, _ = _day(overlays, "inference", BOTH, eager)
    assert day.signalled > 0


def test_each_queue_has_its_scaled_object(overlays: Overlays) -> None:
    lists = {
        trigger["metadata"]["listName"]
        for one in overlays["gpu"]
        if one["kind"] == "ScaledObject"
        for trigger in one["spec"]["triggers"]
        if trigger["type"] == "redis"
    }
    assert lists == QUEUES


def test_engines_scale_up_with_requests_and_down_by_one_a_minute_after_five_idle_ones(overlays: Overlays) -> None:
    rule = Rule.of(_object(overlays, "ScaledObject", "engine"))
    over_time = engines(rule, {0.0: 0.0, 8 * HOUR: 18.0, 12 * HOUR: 0.0})
    changes = [(now, new - old) for (_, old), (now, new) in pairwise(over_time) if new != old]
    assert {replicas for _, replicas in over_time} == {2, 3, 4}
    assert [by for _, by in changes] == [1, 1, -1, -1]
    leaving = [now for now, by in changes if by < 0]
    assert leaving[0] - 12 * HOUR >= 300
    assert leaving[1] - leaving[0] >= 60


def test_lull_under_five_minutes_keeps_all_engines(overlays: Overlays) -> None:
    rule = Rule.of(_object(overlays, "ScaledObject", "engine"))
    load = {at * 300.0: 20.0 if at % 2 else 0.0 for at in range(40)}
    over_time = engines(rule, load)
    busy = [replicas for now, replicas in over_time if 600 < now < 39 * 300]
    assert busy == sorted(busy)


def test_missing_metrics_keep_the_minimum_of_engines(overlays: Overlays) -> None:
    spec = _object(overlays, "ScaledObject", "engine")["spec"]
    assert spec["fallback"]["replicas"] == spec["minReplicaCount"] == 2
    assert [one["metadata"]["ignoreNullValues"] for one in spec["triggers"]] == ["false"]


def test_terminating_engine_has_time_for_its_open_requests(overlays: Overlays) -> None:
    pod = pod_of(_object(overlays, "Deployment", "engine"))
    flag = next(
        word for one in pod["containers"] for word in one.get("args", []) if word.startswith("--shutdown-timeout=")
    )
    assert 0 < int(flag.partition("=")[2]) < pod["terminationGracePeriodSeconds"]
