"""Text from headlines, prices and other machines is shown as text: no markup, nothing that a terminal obeys."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from services.cli import main
from services.cli.commands.stack import Teller
from services.cli.local.state import PartState
from services.cli.output import console
from services.cli.output.console import PlainConsole, print_json, table
from services.cli.output.markup import Markup, styled
from services.cli.output.watch import changes, picture
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
    """Whether nothing but Rich's own styles is there to obey."""
    return not {"\x07", "\x9b", "\u202e"} & set(text) and "\x1b]" not in text and "\x1b[31mred" not in text


def test_a_cell_is_what_it_says() -> None:
    said = shown(table(("headline",), [(HOSTILE,)]))
    assert harmless(said)
    assert SHOWN in said


def test_a_line_is_what_it_says_and_markup_is_what_was_meant() -> None:
    said = shown(HOSTILE, styled("[bold]{}[/] {}", HOSTILE, Markup("[red]failed[/]")))
    assert harmless(said)
    assert said.count(SHOWN) == 2
    assert "\x1b[31mfailed" in said


def test_what_is_followed_and_what_the_stack_tells_is_harmless() -> None:
    day = a_day(state="failed", reason=HOSTILE, policy=HOSTILE, profile=HOSTILE)
    run = a_run(name="R", state="failed")
    file = io.StringIO()
    teller = Teller(PlainConsole(file=file, force_terminal=True, width=300, highlight=False))
    teller.tell("engine", PartState(phase="failed", detail=HOSTILE))
    said = shown(picture(run, [day], HOSTILE), *changes("R", {}, [day])) + file.getvalue()
    assert harmless(said)
    assert said.count("click[/link]") >= 3


def test_json_holds_the_text_and_a_terminal_obeys_none_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": HOSTILE})
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert harmless(said)
    assert json.loads(said) == {"text": HOSTILE}


def test_an_error_is_told_without_what_a_terminal_obeys_and_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MorrowError(f"{HOSTILE} at postgresql://me:hunter2@db/morrow")

    monkeypatch.setattr(main, "app", fail)
    assert main.run(["runs"]) == 1
    said = capsys.readouterr().err
    assert harmless(said)
    assert "\x1b" not in said
    assert "hunter2" not in said


def test_every_command_prints_on_such_a_console() -> None:
    assert isinstance(console.out(), PlainConsole)
    assert isinstance(console.err(), PlainConsole)
    assert issubclass(PlainConsole, Console)
