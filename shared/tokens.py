"""The text of a token: `mrw_`, an id, and a secret. Only a new token's random numbers are not deterministic.

The secret has 256 random bits, so nobody guesses one from its SHA-256: a slow hash protects what people choose, and
would only make each request slow.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

SECRET_BYTES = 32
_TEXT = re.compile(r"mrw_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Token:
    """A token in the hands of its owner. The secret is left out of what is printed of it."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The bearer token as it is sent."""
        return f"mrw_{self.id}_{self.secret}"

    @property
    def sha256(self) -> str:
        """SHA-256 of the secret, in hexadecimal: the coordinator stores nothing else of it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def fits(self, sha256: str) -> bool:
        """Whether the secret has this digest, compared in constant time."""
        return hmac.compare_digest(self.sha256, sha256)


def new_token() -> Token:
    """A new token with a random id and secret."""
    return Token(secrets.token_hex(8), secrets.token_urlsafe(SECRET_BYTES))


def parse_token(text: str) -> Token | None:
    """Parse the text of a token; None if it does not have the form of one."""
    found = _TEXT.fullmatch(text)
    return Token(found[1], found[2]) if found else None
