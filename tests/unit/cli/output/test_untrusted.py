"""Untrusted text from headlines, prices and other machines is printed without markup and control characters."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from services.cli import main
from services.cli.commands.stack import StatePrinter
from services.cli.local.state import PartState
from services.cli.output import console
from services.cli.output.console import PlainConsole, print_json, table
from services.cli.output.markup import Markup, styled
from services.cli.output.watch import changes, render
from shared.errors import MorrowError
from tests.unit.cli.coordinator import a_day, a_run

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egnp.exe [link=http://evil.example]click[/link] [/nothing] :smile:"
SHOWN = "[link=http://evil.example]click[/link] [/nothing] :smile:"


def shown(*things: object) -> str:
    file = io.StringIO()
    printer = PlainConsole(file=file, force_terminal=True, width=300, highlight=False)
    for thing in things:
        printer.print(thing)
    return file.getvalue()


def harmless(text: str) -> bool:
    """Whether the text has no control sequences but Rich's own styles."""
    return not {"\x07", "\x9b", "\u202e"} & set(text) and "\x1b]" not in text and "\x1b[31mred" not in text


def test_table_cell_is_printed_literally() -> None:
    text = shown(table(("headline",), [(HOSTILE,)]))
    assert harmless(text)
    assert SHOWN in text


def test_line_is_printed_literally_and_markup_is_styled() -> None:
    text = shown(HOSTILE, styled("[bold]{}[/] {}", HOSTILE, Markup("[red]failed[/]")))
    assert harmless(text)
    assert text.count(SHOWN) == 2
    assert "\x1b[31mfailed" in text


def test_followed_run_and_stack_states_are_printed_without_control_characters() -> None:
    day = a_day(state="failed", reason=HOSTILE, policy=HOSTILE, profile=HOSTILE)
    run = a_run(name="R", state="failed")
    file = io.StringIO()
    printer = StatePrinter(PlainConsole(file=file, force_terminal=True, width=300, highlight=False))
    printer.show("engine", PartState(phase="failed", detail=HOSTILE))
    text = shown(render(run, [day], HOSTILE), *changes("R", {}, [day])) + file.getvalue()
    assert harmless(text)
    assert text.count("click[/link]") >= 3


def test_json_escapes_control_characters_and_round_trips(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": HOSTILE})
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert harmless(text)
    assert json.loads(text) == {"text": HOSTILE}


def test_error_line_has_no_control_characters_and_no_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MorrowError(f"{HOSTILE} at postgresql://me:hunter2@db/morrow")

    monkeypatch.setattr(main, "app", fail)
    assert main.run(["runs"]) == 1
    text = capsys.readouterr().err
    assert harmless(text)
    assert "\x1b" not in text
    assert "hunter2" not in text


def test_console_factories_return_plain_consoles() -> None:
    assert isinstance(console.out(), PlainConsole)
    assert isinstance(console.err(), PlainConsole)
    assert issubclass(PlainConsole, Console)
