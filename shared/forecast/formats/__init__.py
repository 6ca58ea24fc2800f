"""The formats there are. Each is one module of this package that calls its `Format` FORMAT; nothing else names it."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from shared.errors import InvalidInputError
from shared.forecast.format import Format


def formats() -> dict[str, Format]:
    """The formats by name, in the order of their names."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found: list[Format] = [import_module(f"{__name__}.{name}").FORMAT for name in names]
    return {form.name: form for form in sorted(found, key=lambda form: form.name)}


def format_named(name: str) -> Format:
    """The format of this name, as a run's configuration gives it; raises InvalidInputError if there is none."""
    known = formats()
    if name not in known:
        raise InvalidInputError(f"config.format: {name!r} does not exist; choose one of {', '.join(known)}")
    return known[name]
