"""Redacts secrets in text that is logged, shown or sent. Pure."""

from __future__ import annotations

import re

HIDDEN = "***"
_PATTERNS = (
    re.compile(r"(mrw_[0-9a-f]{16}_)[A-Za-z0-9_-]+"),
    re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:]*:)[^\s/]+(?=@)"),
    re.compile(r"(?i)(\b(?:password|passwd|sslpassword|secret_access_key)\s*=\s*)[^\s&;,'\"]+"),
    re.compile(r"(?i)(\bauthorization['\"]?\s*[:=,]\s*b?['\"]?\s*(?:bearer|basic)\s+)[^\s'\"]+"),
    re.compile(r"(?i)([\"'](?:[a-z0-9_]*secret[a-z0-9_]*|password|token|key)[\"']\s*:\s*[\"'])[^\"']+"),
)
"""Our tokens, passwords of URLs and of libpq, credentials of HTTP, and secret members of a JSON object."""


def masked(text: str) -> str:
    """The text without the secrets in it: tokens keep their id, URLs their user and host."""
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
