"""Columns as the migrations write them. What a migration has used stays as it is."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_KEYS: dict[str, type[sa.types.TypeEngine[Any]]] = {"rollouts": sa.BigInteger, "checkpoints": sa.Text}
"""Types of primary keys that are no integers."""


def key(kind: type[sa.types.TypeEngine[Any]] = sa.Integer) -> sa.Column[Any]:
    """An ascending primary key."""
    return sa.Column("id", kind(), primary_key=True)


def text(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    """Texts of any length."""
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def number(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    """Double-precision numbers."""
    return [sa.Column(name, sa.Double(), nullable=nullable) for name in names]


def count(*names: str, default: str | None = None, nullable: bool = False) -> list[sa.Column[Any]]:
    """Whole numbers."""
    return [sa.Column(name, sa.Integer(), server_default=default, nullable=nullable) for name in names]


def array(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """A list of numbers."""
    return sa.Column(name, sa.ARRAY(kind), nullable=False)


def json(name: str, default: str | None = None, *, nullable: bool = False) -> sa.Column[Any]:
    """A document as jsonb, `default` being its text."""
    value = sa.text(f"'{default}'::jsonb") if default else None
    return sa.Column(name, postgresql.JSONB(), server_default=value, nullable=nullable)


def flag(name: str) -> sa.Column[Any]:
    """True or false."""
    return sa.Column(name, sa.Boolean(), nullable=False)


def now(name: str) -> sa.Column[Any]:
    """A time that is the insertion's unless given."""
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def time(*names: str, nullable: bool = True) -> list[sa.Column[Any]]:
    """Times with zone."""
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def part_of(column: str, table: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    """A key of the row that this one goes with when it is deleted."""
    to = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, _KEYS.get(table, sa.Integer)(), to, nullable=nullable, **options)


def link(column: str, table: str, *, nullable: bool = True) -> sa.Column[Any]:
    """A key of another row."""
    return sa.Column(column, _KEYS.get(table, sa.Integer)(), sa.ForeignKey(f"{table}.id"), nullable=nullable)
