"""Tokens and rate limits, without a database."""

from __future__ import annotations

from typing import Any

import pytest

from services.coordinator.auth.rate_limit import MAX_KEYS, TokenBucket
from shared.tokens import new_token, parse_token


def test_token_parses_to_what_was_printed() -> None:
    fresh = new_token()
    assert parse_token(fresh.text) == fresh
    assert fresh.fits(fresh.sha256)
    assert not fresh.fits(new_token().sha256)
    assert fresh.secret not in repr(fresh)


@pytest.mark.parametrize("text", ["", "mrw_", "mrw_0123456789abcdef_", "mrw_0123456789abcdef_" + "a" * 44, "x" * 9_999])
def test_malformed_token_parses_to_none(text: str) -> None:
    assert parse_token(text) is None


def test_bucket_admits_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(per_second=2.0, burst=3)
    assert [bucket.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take("b", 0.0) == 0.0
    assert [bucket.take("a", at) for at in (0.25, 0.5, 0.75, 100.0)] == [0.25, 0.0, 0.25, 0.0]


def test_rate_of_zero_is_no_limit() -> None:
    assert {TokenBucket(0.0, 1).take("a", 0.0) for _ in range(9)} == {0.0}


def test_least_recently_used_buckets_are_dropped() -> None:
    bucket: Any = TokenBucket(1.0, 1)
    for number in range(MAX_KEYS + 5):
        bucket.take(str(number), 0.0)
    assert len(bucket._left) == MAX_KEYS
