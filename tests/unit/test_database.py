"""The test servers are real."""

from __future__ import annotations

import redis
from sqlalchemy import text

from services.coordinator.database import Sessions


def test_each_test_has_a_fresh_migrated_database(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert session.execute(text("select count(*) from runs")).scalar_one() == 0


def test_the_broker_speaks_the_redis_protocol(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as client:
        assert client.ping()
