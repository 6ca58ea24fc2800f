"""The base of all tables: how Python types become columns, and how constraints are named."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from sqlalchemy import (
    ARRAY,
    DateTime,
    Float,
    Integer,
    MetaData,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

Json = dict[str, Any]

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Typed columns: text without length, times with zone, JSON as jsonb."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {
        str: Text,
        dt.datetime: DateTime(timezone=True),
        Json: JSONB,
        list[int]: ARRAY(Integer),
        list[float]: ARRAY(Float),
        list[str]: JSONB,
    }
