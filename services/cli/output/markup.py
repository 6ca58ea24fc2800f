"""Rich markup that was written here, told from text that came from elsewhere."""

from __future__ import annotations

from rich.markup import escape


class Markup(str):
    """Text whose brackets are styles. All other text is shown as it is, brackets and all."""

    __slots__ = ()


def styled(template: str, *texts: object) -> Markup:
    """Markup with texts in its `{}`: those that are no markup themselves are shown as they are."""
    return Markup(template.format(*(text if isinstance(text, Markup) else escape(str(text)) for text in texts)))
