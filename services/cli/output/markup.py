"""Rich markup of our own as a type, so that foreign text is never read as markup."""

from __future__ import annotations

from rich.markup import escape


class Markup(str):
    """Text whose brackets are styles. Brackets in any other string are printed as they are."""

    __slots__ = ()


def styled(template: str, *texts: object) -> Markup:
    """Markup from a template with `{}`; texts that are not Markup are escaped."""
    return Markup(template.format(*(text if isinstance(text, Markup) else escape(str(text)) for text in texts)))
