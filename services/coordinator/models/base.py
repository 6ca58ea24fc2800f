"""The base of all tables: column types of Python types, names of constraints."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from sqlalchemy import ARRAY, DateTime, Dialect, Float, Integer, MetaData, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.operators import OperatorType

from services.coordinator.states import AttemptOutcome, DayState, Role, RunKind, RunState, StepState
from shared.run_config import RunConfig
from shared.wire import Arm, Rung, StepKind, Verdict

Json = dict[str, Any]
StepCounts = dict[StepKind, int]
"""Numbers of steps by kind."""
_LITERALS: dict[Any, type[Text]] = dict.fromkeys(
    (RunKind, RunState, Role, DayState, StepKind, StepState, AttemptOutcome, Arm, Rung, Verdict), Text
)
"""Closed sets of words. They are stored as text: a new word needs no migration; the type checker keeps to them."""

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class RunConfigJson(TypeDecorator[RunConfig]):
    """A run's configuration as jsonb: whole on the way in, validated on the way out.

    In SQL the column is plain jsonb, so `Run.config["lag"].as_integer()` works.
    """

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: RunConfig | None, dialect: Dialect) -> Json | None:  # noqa: ARG002
        """The configuration's JSON."""
        return None if value is None else value.model_dump(mode="json")

    def process_result_value(self, value: Json | None, dialect: Dialect) -> RunConfig | None:  # noqa: ARG002
        """The configuration of the stored JSON. Raises pydantic's ValidationError if it is not a valid one."""
        return None if value is None else RunConfig.model_validate(value)

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> Any:
        """The type of an operand: jsonb's own rule, or a key between brackets would be taken for a configuration."""
        return self.impl_instance.coerce_compared_value(op, value)


class Base(DeclarativeBase):
    """Typed columns: text without length, times with zone, JSON as jsonb, literals as text."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {
        str: Text,
        **_LITERALS,
        RunConfig: RunConfigJson,
        dt.datetime: DateTime(timezone=True),
        Json: JSONB,
        StepCounts: JSONB,
        list[int]: ARRAY(Integer),
        list[float]: ARRAY(Float),
        list[str]: JSONB,
    }
