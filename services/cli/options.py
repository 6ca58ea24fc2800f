"""Declarations of the options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DAY_FORMAT = "YYYYMMDD or YYYY-MM-DD"
