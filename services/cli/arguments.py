"""What a person types, parsed: dates and `--set key=value` assignments."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from shared.errors import InvalidInputError
from shared.run_config import RunConfig


class UsageError(InvalidInputError):
    """The command line is not valid"""


_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_NOTHING = frozenset({"null", "none", "~"})


def parse_date(text: str) -> dt.date:
    """A date written YYYYMMDD or YYYY-MM-DD; raises UsageError."""
    found = _DATE.fullmatch(text.strip())
    try:
        if found and len(text.strip()) in (8, 10):
            return dt.date(*(int(part) for part in found.groups()))
    except ValueError as error:
        raise UsageError(f"{text!r} is no date: {error}") from error
    raise UsageError(f"{text!r} is no date: write YYYYMMDD or YYYY-MM-DD")


def _scalar(text: str) -> object:
    """A value as YAML would read it, but for numbers and booleans, which the field's type decides; `{…}` is JSON."""
    stripped = text.strip()
    if stripped.startswith("{"):
        try:
            return json.loads(stripped)
        except json.JSONDecodeError as error:
            raise UsageError(f"{text!r} is not a JSON object: {error}") from error
    if stripped.lower() in _NOTHING:
        return None
    if len(stripped) >= 2 and stripped[0] == stripped[-1] == '"':
        try:
            return str(json.loads(stripped))
        except json.JSONDecodeError as error:
            raise UsageError(f"{text!r} is not a quoted string: {error}") from error
    if len(stripped) >= 2 and stripped[0] == stripped[-1] == "'":
        return stripped[1:-1]
    return stripped


def _unknown(key: str) -> UsageError:
    close = difflib.get_close_matches(key.replace("-", "_"), RunConfig.model_fields, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return UsageError(f"--set {key}: a run has no such field{hint} (`morrow config` lists them)")


def parse_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as the fields of a run's configuration that they set, typed as RunConfig types them.

    Raises UsageError naming the key: unknown (with the closest names), given twice, or out of its bounds.
    """
    given: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals:
            raise UsageError(f"--set {text}: write key=value")
        if key not in RunConfig.model_fields:
            raise _unknown(key)
        if key in given:
            raise UsageError(f"--set {key}: given twice")
        given[key] = _scalar(value)
    try:
        config = RunConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        field = f"{first['loc'][0]}={given.get(str(first['loc'][0]))}: " if first["loc"] else ""
        raise UsageError(f"--set {field}{message}") from error
    return {key: config.model_dump(mode="json")[key] for key in given}
