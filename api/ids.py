"""Ids of rows: opaque, with a prefix, twenty lower case base32 characters."""

import base64
import hashlib
import secrets
from typing import Final

_CHARACTERS: Final = 20


def new_seed() -> str:
    return secrets.token_hex(20)


def made_id(prefix: str, seed: str) -> str:
    """The id of what this request makes: the same seed makes the same id.

    A request that is repeated under its Idempotency-Key keeps its seed, so that the repeat of one whose process died
    after the commit meets its own row instead of making a second.
    """
    digest = hashlib.sha256(f"{prefix}:{seed}".encode()).digest()
    return f"{prefix}_{base64.b32encode(digest).decode().lower()[:_CHARACTERS]}"
