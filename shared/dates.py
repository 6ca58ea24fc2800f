"""Dates as users write them, YYYYMMDD or YYYY-MM-DD, in messages and on the command line."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from shared.errors import InvalidInputError

YEARS = range(1900, 2201)
_DATE = re.compile(r"\d{8}|\d{4}-\d{2}-\d{2}")


def parse_date(text: str) -> dt.date:
    """A date written YYYYMMDD or YYYY-MM-DD; raises InvalidInputError."""
    try:
        date = dt.date.fromisoformat(text.strip()) if _DATE.fullmatch(text.strip()) else None
    except ValueError:
        date = None
    if date is None or date.year not in YEARS:
        raise InvalidInputError(f"date {text!r} is not a date: write it as YYYYMMDD or YYYY-MM-DD, 1900 to 2200")
    return date


def _date(value: Any) -> Any:
    try:
        return parse_date(value) if isinstance(value, str) else value
    except InvalidInputError as error:
        raise ValueError(error.detail) from error


AnyDate = Annotated[dt.date, BeforeValidator(_date)]
"""A date written YYYYMMDD or YYYY-MM-DD."""
