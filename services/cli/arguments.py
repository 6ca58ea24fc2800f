"""Parsing of arguments: dates and `--set key=value` assignments."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from shared.dates import parse_date
from shared.errors import InvalidInputError
from shared.run_config import RunConfig


class UsageError(InvalidInputError):
    """The command line is not valid"""


_NULLS = frozenset({"null", "none", "~"})


def iso_date(text: str | None) -> str | None:
    """A date written YYYYMMDD or YYYY-MM-DD as ISO 8601, or None for None; raises UsageError for anything else."""
    try:
        return None if text is None else parse_date(text).isoformat()
    except InvalidInputError as error:
        raise UsageError(error.detail) from error


def _scalar(text: str) -> object:
    """A value with YAML's null and quotes; `{…}` is JSON. The field's type parses numbers and booleans later."""
    stripped = text.strip()
    if stripped.startswith("{"):
        try:
            return json.loads(stripped)
        except json.JSONDecodeError as error:
            raise UsageError(f"{text!r} is not a JSON object: {error}") from error
    if stripped.lower() in _NULLS:
        return None
    if len(stripped) >= 2 and stripped[0] == stripped[-1] == '"':
        try:
            return str(json.loads(stripped))
        except json.JSONDecodeError as error:
            raise UsageError(f"{text!r} is not a quoted string: {error}") from error
    if len(stripped) >= 2 and stripped[0] == stripped[-1] == "'":
        return stripped[1:-1]
    return stripped


def _unknown_field(key: str) -> UsageError:
    close = difflib.get_close_matches(key.replace("-", "_"), RunConfig.model_fields, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return UsageError(f"--set {key}: the configuration has no such field{hint} (`morrow config` lists them)")


def parse_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as the fields of a run's configuration that they set, typed as RunConfig types them.

    Raises UsageError naming the key: unknown (with the closest names), repeated, or out of its bounds.
    """
    values: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals:
            raise UsageError(f"--set {text}: write key=value")
        if key not in RunConfig.model_fields:
            raise _unknown_field(key)
        if key in values:
            raise UsageError(f"--set {key}: repeated; set it once")
        values[key] = _scalar(value)
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        field = f"{first['loc'][0]}={values.get(str(first['loc'][0]))}: " if first["loc"] else ""
        raise UsageError(f"--set {field}{message}") from error
    # Only the fields that were set are sent: a preset fills the others on the coordinator.
    return {key: config.model_dump(mode="json")[key] for key in values}
