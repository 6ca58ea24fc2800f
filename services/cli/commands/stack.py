"""`morrow up` and `morrow down`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from services.cli.connect import local_home
from services.cli.local.home import Home
from services.cli.local.state import PartState, running
from services.cli.output.console import err, out
from services.cli.output.markup import Markup, styled
from shared.errors import UnavailableError


class StatePrinter:
    """Prints one line per part that became ready, died or stopped."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, name: str, part: PartState) -> None:
        """Print the new state of one part."""
        marks = {"ready": "[green]✓[/]", "restarting": "[yellow]![/]", "failed": "[red]✗[/]", "stopped": "[dim]–[/]"}
        if part.phase not in marks and not part.detail:
            return
        mark = marks.get(part.phase, "[dim]…[/]")
        seconds = f"{part.seconds:.1f} s" if part.phase == "ready" and part.seconds is not None else ""
        text = "  ".join(filter(None, (part.url if part.phase == "ready" else "", part.detail, seconds)))
        self._console.print(styled("{} {} {}", Markup(mark), f"{name:<14}", text or part.phase), soft_wrap=True)


def _require(module: str) -> None:
    try:
        __import__(module)
    except ImportError as error:
        raise UnavailableError(f"the local stack needs {module}: pip install 'morrow[all]'") from error


def start_detached(home: Home, *, tied: bool) -> str:
    """Start the stack in its own process and wait until it is ready; returns the coordinator's URL.

    `tied` ends the stack with this process. Raises UnavailableError if a part cannot start.
    """
    _require("psutil")
    # Imported here: the local stack needs psutil, of the extra `local`; the other commands do not.
    from services.cli.local.control import launch, wait_until_ready

    supervisor = launch(home, tied=tied)
    try:
        state = wait_until_ready(home, supervisor, StatePrinter(err()).show)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        raise
    return state.coordinator_url or ""


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run it in the background; return once it is ready.")
    ] = False,
) -> None:
    """Start the local stack: database, broker, coordinator, engine, workers. Ctrl-C stops it."""
    home = local_home()
    state = running(home)
    if state is not None:
        where = f": {state.coordinator_url}" if state.coordinator_url else ""
        out().print(f"the stack is already {'up' if state.phase == 'ready' else state.phase}{where}")
        return
    if detach:
        url = start_detached(home, tied=False)
        out().print(f"the stack is up: {url} (data in {home.root}; `morrow down` stops it)")
        return
    _require("psutil")
    from services.cli.local.recorder import Recorder
    from services.cli.local.stack import run_stack

    console = out()
    printer = StatePrinter(console)
    run_stack(home, lambda h: Recorder(h, printer.show), lambda line: console.print(line, soft_wrap=True))


def down() -> None:
    """Stop the local stack; its data are kept, and the next `morrow up` resumes unfinished runs."""
    _require("psutil")
    from services.cli.local.control import stop_stack

    home = local_home()
    out().print("the stack is down" if stop_stack(home) else f"no stack was running in {home.root}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Local stack")(up)
    app.command(rich_help_panel="Local stack")(down)
