"""`morrow config`: the fields of a run's configuration."""

from __future__ import annotations

from typing import Any

import typer

from services.cli.options import AsJson
from services.cli.output.console import out, print_json, table
from services.cli.output.markup import styled
from shared.run_config import RunConfig

_SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _accepted(schema: dict[str, Any]) -> str:
    """A field's type and bounds from its JSON schema, as in `integer ≥ 2, ≤ 64`."""
    options = schema.get("anyOf", [schema])
    types = []
    for option in options:
        if "enum" in option:
            types.append(" | ".join(option["enum"]))
        elif option.get("type") != "null":
            bounds = [f"{sign} {option[key]}" for key, sign in _SIGNS.items() if key in option]
            types.append(" ".join([str(option.get("type", "")), ", ".join(bounds)]).strip())
    return " or ".join([*types, *(["null"] if any(o.get("type") == "null" for o in options) else [])])


def fields() -> list[dict[str, Any]]:
    """The fields of a run's configuration: name, accepted values (key `admits`), default, description."""
    properties = RunConfig.model_json_schema()["properties"]
    return [
        {
            "name": name,
            "admits": _accepted(schema),
            "default": schema.get("default"),
            "description": schema.get("description", ""),
        }
        for name, schema in properties.items()
    ]


def config(as_json: AsJson = False) -> None:
    """List the fields that `morrow backfill --set key=value` sets: accepted values, default, meaning."""
    rows = fields()
    if as_json:
        print_json(rows)
        return
    shown = [
        (
            styled("[bold]{}[/]", row["name"]),
            row["admits"],
            # As --set and JSON spell it.
            "null" if row["default"] is None else f"{row['default']}".replace("True", "true"),
            # Backticks are Markdown, which a table does not render.
            row["description"].replace("`", ""),
        )
        for row in rows
    ]
    out().print(table(("field", "accepts", "default", "meaning"), shown))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Runs")(config)
