"""Ids of rows: opaque, with a prefix, twenty lower case base32 characters."""

from base64 import b32encode
from hashlib import sha256
from typing import Final

_CHARACTERS: Final = 20


def derived_id(prefix: str, *identity: str) -> str:
    """The id of the row that is about this: the same identity has the same id, whoever enters it, and however often."""
    digest = sha256("\n".join(identity).encode()).digest()
    return f"{prefix}_{b32encode(digest).decode().lower()[:_CHARACTERS]}"
