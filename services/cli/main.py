"""The console script `morrow`: registers the commands and prints one line per failure."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from services.cli.arguments import UsageError
from services.cli.client import error_lines
from services.cli.commands import (
    backfills,
    compare,
    config,
    corpus,
    demo,
    panels,
    prices,
    reports,
    runs,
    serving,
    stack,
    tokens,
)
from shared.errors import MorrowError
from shared.text.redact import masked
from shared.text.sanitize import for_terminal

app = typer.Typer(
    name="morrow",
    help="Train a small language model to make falsifiable market forecasts, one past day at a time.",
    no_args_is_help=True,
    add_completion=False,
    # Every expected error is one line, printed by run().
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (demo, stack, backfills, runs, reports, compare, serving, config):
    module.register(app)
app.add_typer(corpus.app, name="corpus")
app.add_typer(panels.app, name="panel")
app.add_typer(prices.app, name="prices")
app.add_typer(reports.run_app, name="run")
app.add_typer(tokens.app, name="token")


def _print_version(requested: bool) -> None:
    if requested:
        try:
            typer.echo(version("morrow"))
        except PackageNotFoundError:
            typer.echo("unknown: morrow is not installed")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def _print_error(lines: list[str]) -> None:
    lines[0] = f"morrow: {lines[0]}"
    for line in lines:
        print(masked(for_terminal(line)), file=sys.stderr)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 for a failure, 2 for a usage error, 130 for Ctrl-C."""
    try:
        # Not standalone: click would print errors in its own form and exit.
        result = app(arguments, standalone_mode=False, prog_name="morrow")
    # Before MorrowError, of which it is a subclass.
    except UsageError as error:
        _print_error(error_lines(error))
        return 2
    except MorrowError as error:
        _print_error(error_lines(error))
        return 1
    except TyperException as error:
        if error.format_message():
            _print_error([f"{error.format_message().rstrip('.')} (see `morrow --help`)"])
        return error.exit_code
    except BrokenPipeError:
        # The reader of a pipe has closed it, as `head` does: closing stderr keeps Python from reporting it at exit.
        sys.stderr.close()
        return 1
    except (KeyboardInterrupt, typer.Abort):
        # The shells' convention for SIGINT: 128 + 2.
        return 130
    return result if isinstance(result, int) else 0


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
