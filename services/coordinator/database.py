"""The engine and its sessions. Transactions are opened at the edge and never span a call to elsewhere."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

Sessions = sessionmaker[Session]


def normalized_url(url: str) -> str:
    """A Postgres URL that names the psycopg 3 driver, whatever spelling was given."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgresql", "postgres", "postgresql+psycopg"} else url


def make_engine(url: str, pool_size: int = 10) -> Engine:
    """A pooled engine on a Postgres URL; broken connections are noticed before use."""
    return create_engine(normalized_url(url), pool_size=pool_size, max_overflow=10, pool_pre_ping=True)


def make_sessions(engine: Engine) -> Sessions:
    """Sessions whose objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)
