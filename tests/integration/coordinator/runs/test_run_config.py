"""The configuration of a run as the database stores it."""

from __future__ import annotations

from sqlalchemy import select, text, update

from services.coordinator.database import Sessions
from services.coordinator.models import Run
from shared.run_config import RunConfig

CONFIG = RunConfig(preset="legacy", lag=2, reward_base="mix", reward_weights={"composite": 0.5}, ab_share=0.25)


def _store(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.add(Run(name="RUN", config=CONFIG, config_hash=CONFIG.digest(), state="running"))


def test_stored_configuration_is_read_back_equal_and_with_the_same_hash(sessions: Sessions) -> None:
    _store(sessions)
    with sessions.begin() as session:
        run = session.scalars(select(Run)).one()
    assert run.config == CONFIG
    assert run.config.digest() == run.config_hash


def test_configuration_is_stored_as_its_whole_json(sessions: Sessions) -> None:
    _store(sessions)
    with sessions.begin() as session:
        assert session.execute(text("select config from runs")).scalar_one() == CONFIG.model_dump(mode="json")


def test_sql_reads_single_settings_of_a_stored_configuration(sessions: Sessions) -> None:
    _store(sessions)
    config = Run.config
    with sessions.begin() as session:
        row = session.execute(
            select(config["lag"].as_integer(), config["ab_share"].as_float(), config["preset"].astext)
        ).one()
        assert tuple(row) == (2, 0.25, "legacy")
        assert session.scalars(select(Run.id).where(config["preset"].astext == "legacy")).all()


def test_core_update_stores_a_configuration_as_the_orm_does(sessions: Sessions) -> None:
    _store(sessions)
    with sessions.begin() as session:
        session.execute(update(Run).values(config=CONFIG.model_copy(update={"lag": 3})))
    with sessions.begin() as session:
        assert session.scalars(select(Run)).one().config.lag == 3
