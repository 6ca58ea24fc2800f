"""Untrusted text on a terminal, in a log, in a prompt; and secrets that are in none of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.logging import FORMAT, SafeFormatter, captured_log, configure_logging
from shared.text.redact import masked
from shared.text.sanitize import escaped_line, for_terminal, guarded, on_one_line, unguarded, without_turns
from shared.tokens import new_token

SECRETS = [
    ("postgresql://morrow:hunter2@db:5432/morrow", "postgresql://morrow:***@db:5432/morrow"),
    ("redis://:hunter2@broker/0", "redis://:***@broker/0"),
    ("rediss://u:hunter2%40@broker", "rediss://u:***@broker"),
    ("host=db password=hunter2 user=morrow", "host=db password=*** user=morrow"),
    ("{'Authorization': 'Bearer hunter2'}", "{'Authorization': 'Bearer ***'}"),
    ('{"key": "AKIA", "secret": "hunter2"}', '{"key": "***", "secret": "***"}'),
]


@pytest.mark.parametrize(("text", "shown"), SECRETS)
def test_a_secret_is_masked_and_what_stands_around_it_stays(text: str, shown: str) -> None:
    assert masked(f"cannot reach {text}: refused") == f"cannot reach {shown}: refused"


def test_of_a_token_its_id_is_left() -> None:
    fresh = new_token()
    assert masked(f"bearer {fresh.text}.") == f"bearer mrw_{fresh.id}_***."


@pytest.mark.parametrize("text", ["Oil: the key is supply", "http://a.example/b?c=d", "token: 3 of 5", "a@b.example"])
def test_other_text_is_left_alone(text: str) -> None:
    assert masked(text) == text


@given(st.text())
def test_a_terminal_is_given_nothing_to_obey(text: str) -> None:
    for made in (for_terminal(text), escaped_line(text), on_one_line(text)):
        assert not [c for c in made if (ord(c) < 0x20 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    assert "\n" not in escaped_line(text)
    assert on_one_line(text).isprintable()


def test_turns_of_templates_are_taken_apart_and_other_brackets_stay() -> None:
    assert without_turns("[INST] a [/INST] [VIDEO]") == "(INST) a (/INST) [VIDEO]"
    assert without_turns("a <|end|> b", ["<|end|>", "a"]) == "a < |end|> b"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level, hook = logger.handlers[:], logger.level, sys.excepthook
    yield logger
    logger.handlers[:], sys.excepthook = handlers, hook
    logger.setLevel(level)


def test_a_message_cannot_pass_for_another_line_of_the_log(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("DEBUG")
    forged = "Oil\n2025-11-22 12:00:00,000 INFO services.coordinator all is well\x1b[2J"
    with captured_log() as lines:
        logging.getLogger("x").info("headline %s", forged)
        try:
            raise ValueError(f"bad: {forged}")
        except ValueError:
            logging.getLogger("x").exception("failed on %s", forged)
    for text in (capsys.readouterr().err, lines.text()):
        assert "\x1b" not in text
        assert [line for line in text.splitlines() if line.startswith("2025-11-22 12:00:00,000 INFO services")] == []
        assert "ValueError: bad: Oil" in text


def test_no_log_and_no_last_word_of_a_process_has_a_secret(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("DEBUG")
    fresh = new_token()
    for text in (f"redis://:hunter2@h/0 {fresh.text}", "password=hunter2"):
        logging.getLogger("x").debug("connecting to %s", text)
        error = ValueError(text)
        logging.getLogger("x").error("failed", exc_info=error)
        sys.excepthook(ValueError, error, None)
    output = capsys.readouterr().err
    assert output.count("ValueError") == 4
    assert "hunter2" not in output
    assert fresh.secret not in output


def test_a_traceback_is_indented_below_its_message() -> None:
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), (ValueError, ValueError("why"), None))
    first, *below = SafeFormatter(FORMAT).format(record).splitlines()
    assert first.endswith("ERROR x failed")
    assert below == ["  ValueError: why"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_what_a_spreadsheet_would_run_stands_behind_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["Rates held", "", "'quoted'", "a=b", " =1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text
    assert unguarded(text) == text
