"""Prompts: a format's system turn, its worked examples and the headline, as messages of a chat.

Pure. Headlines are untrusted text: on one line, cut, quoted, and without the brackets that special tokens are made of.
"""

from __future__ import annotations

from typing import Final, TypedDict

from shared.forecast import Format
from shared.run_config import Horizon
from shared.text.sanitize import on_one_line, without_turns

MAX_HEADLINE: Final = 240
"""Characters of a headline that are shown."""

_HARMLESS: Final = str.maketrans('<>"', "()'")


class ChatMessage(TypedDict):
    """One turn of a chat."""

    role: str
    content: str


def shown(headline: str) -> str:
    """The headline as the model sees it: one line of at most MAX_HEADLINE characters, nothing that ends its quotes."""
    line = without_turns(on_one_line(headline.translate(_HARMLESS)))
    whole = line[: MAX_HEADLINE + 1].rpartition(" ")[0]
    return line if len(line) <= MAX_HEADLINE else whole or line[:MAX_HEADLINE]


def _question(headline: str) -> ChatMessage:
    return {"role": "user", "content": f'Headline: "{shown(headline)}"'}


def messages(headline: str, horizon: Horizon, form: Format) -> list[ChatMessage]:
    """The chat that asks for a forecast from a headline; the examples look as far ahead as the run does."""
    turns: list[ChatMessage] = [{"role": "system", "content": form.system}]
    for example in form.examples(horizon):
        turns += [_question(example.headline), {"role": "assistant", "content": example.answer}]
    return [*turns, _question(headline)]
