"""The test servers: a migrated database, and a broker with the Redis protocol."""

from __future__ import annotations

import redis
from sqlalchemy import text

from services.coordinator.database import Sessions


def test_database_is_migrated_and_empty(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert session.execute(text("select count(*) from runs")).scalar_one() == 0


def test_broker_responds_to_redis_ping(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as client:
        assert client.ping()
