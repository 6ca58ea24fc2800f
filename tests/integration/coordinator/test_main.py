"""The process as it is composed: settings in, a served application with its threads out."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from sqlalchemy import inspect, text

from services.coordinator.database import make_engine, make_sessions
from services.coordinator.main import build_app, main
from services.coordinator.models import Base
from services.coordinator.settings import CoordinatorSettings
from tests.factories import day, make_corpus
from tests.local import local_client


def test_a_created_run_reaches_the_workers_queue(database_url: str, broker_url: str, tmp_path: Path) -> None:
    settings = CoordinatorSettings(
        database_url=database_url, broker_url=broker_url, store=str(tmp_path), publish_every=0.05
    )
    engine = make_engine(database_url)
    make_corpus(make_sessions(engine), dates=2, per_day=1)
    with local_client(build_app(settings, engine)) as client, redis.Redis.from_url(broker_url) as broker:
        broker.flushall()
        assert client.get("/readyz").status_code == 200
        body = {"name": "RUN", "corpus": "sample", "to": str(day(0))}
        assert client.post("/v1/backfills", json=body).status_code == 201
        assert broker.blpop(["generate"], timeout=20) is not None
    engine.dispose()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MORROW_DATABASE_URL", "postgresql://elsewhere/db")
    monkeypatch.setenv("MORROW_PORT", "9999")
    monkeypatch.setenv("MORROW_LEASE_SECONDS", "5")
    settings = CoordinatorSettings()
    assert (settings.database_url, settings.port, settings.lease_seconds) == ("postgresql://elsewhere/db", 9999, 5.0)


def test_the_migrate_command_migrates_and_ends(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MORROW_DATABASE_URL", database_url)
    monkeypatch.setattr("services.coordinator.main.configure_logging", lambda _: None)
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    assert inspect(engine).get_table_names() == []
    main(["migrate"])
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    engine.dispose()
