"""The parts of the gate that need no database."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from fastapi.routing import iter_route_contexts

from services.coordinator.app import create_app
from services.coordinator.auth.rate_limit import MOST_KEYS, Buckets
from services.coordinator.auth.scopes import RULES, rule_of
from shared.tokens import new_token, parse_token


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    app = create_app(Mock(), Mock())
    routes = {(method, route.path) for route in iter_route_contexts(app.routes) for method in route.methods or ()}
    assert [(method, path) for method, path in sorted(routes, key=str) if rule_of(method, path or "") is None] == []
    assert {(method, path) for path, rules in RULES.items() for method in rules} - routes == set()


def test_only_health_is_open() -> None:
    assert {path for path, rules in RULES.items() for rule in rules.values() if rule.open} == {"/healthz", "/readyz"}


def test_nothing_that_changes_anything_is_there_for_readers() -> None:
    changing = [rule for rules in RULES.values() for method, rule in rules.items() if method != "GET"]
    assert all(len(rule.scopes) == 1 and "read" not in rule.scopes for rule in changing)


def test_a_token_is_read_as_it_was_written() -> None:
    fresh = new_token()
    assert parse_token(fresh.text) == fresh
    assert fresh.fits(fresh.sha256)
    assert not fresh.fits(new_token().sha256)
    assert fresh.secret not in repr(fresh)


@pytest.mark.parametrize("text", ["", "mrw_", "mrw_0123456789abcdef_", "mrw_0123456789abcdef_" + "a" * 44, "x" * 9_999])
def test_what_is_no_token_is_none(text: str) -> None:
    assert parse_token(text) is None


def test_a_bucket_lets_its_burst_pass_and_then_its_rate() -> None:
    buckets = Buckets(per_second=2.0, burst=3)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("b", 0.0) == 0.0
    assert [buckets.take("a", at) for at in (0.25, 0.5, 0.75, 100.0)] == [0.25, 0.0, 0.25, 0.0]


def test_a_rate_of_nothing_is_no_limit() -> None:
    assert {Buckets(0.0, 1).take("a", 0.0) for _ in range(9)} == {0.0}


def test_buckets_of_long_ago_are_forgotten() -> None:
    buckets: Any = Buckets(1.0, 1)
    for number in range(MOST_KEYS + 5):
        buckets.take(str(number), 0.0)
    assert len(buckets._left) == MOST_KEYS
