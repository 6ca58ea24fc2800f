"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.arguments import parse_date

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DAY_FORMAT = "YYYYMMDD or YYYY-MM-DD"


def iso_date(text: str | None) -> str | None:
    """A date that a person typed, as the coordinator takes it; raises UsageError."""
    return None if text is None else parse_date(text).isoformat()
