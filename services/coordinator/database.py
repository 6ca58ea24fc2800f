"""The database: engine, sessions, clock, storable text, migrations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from alembic import command
from alembic.config import Config
from pydantic_core import to_json
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

Sessions = sessionmaker[Session]
MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 7_770_125
"""Key of the advisory lock that serialises the migrations of several coordinators; any constant would do."""
_Value = TypeVar("_Value")


def normalized_url(url: str) -> str:
    """A Postgres URL in any spelling, rewritten to name the psycopg 3 driver; other URLs as they are."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgresql", "postgres", "postgresql+psycopg"} else url


def make_engine(url: str, pool_size: int = 10) -> Engine:
    """A pooled engine on a Postgres URL; each connection is tested before use."""
    return create_engine(normalized_url(url), pool_size=pool_size, max_overflow=10, pool_pre_ping=True)


def make_sessions(engine: Engine) -> Sessions:
    """Sessions whose objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)


def database_now(session: Session) -> dt.datetime:
    """The database's clock, which all coordinators share."""
    now: dt.datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now


def storable(value: _Value) -> _Value:
    """The value with U+FFFD in place of NUL in all its texts, which Postgres cannot store."""
    if isinstance(value, str):
        return cast("_Value", value.replace("\0", "\ufffd"))
    if isinstance(value, list):
        return cast("_Value", [storable(part) for part in value])
    return cast("_Value", {name: storable(part) for name, part in value.items()}) if isinstance(value, dict) else value


def insert_rows(session: Session, table: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of equal columns in one statement, with NUL in their texts replaced as by `storable`.

    The rows travel as one JSON text that Postgres turns into columns: to bind each value, and each number of an array,
    costs the driver several times as much. Values of a column that is an array are lists without None.
    """
    if not rows:
        return
    text_of_rows = to_json(rows)
    if b"\\u0000" in text_of_rows:
        text_of_rows = to_json([storable(dict(row)) for row in rows])
    name = table.__tablename__
    columns = ", ".join(f'"{column}"' for column in rows[0])
    source = f"SELECT {columns} FROM json_populate_recordset(NULL::{name}, :rows)"  # noqa: S608 - the model's names
    session.execute(text(f"INSERT INTO {name} ({columns}) {source}"), {"rows": text_of_rows.decode()})


def migrate(engine: Engine, revision: str = "head") -> None:
    """Upgrade to a revision in one transaction. Several coordinators may call it at once."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
