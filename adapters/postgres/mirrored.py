"""Ids of rows that mirror what was made at Stripe: the same object has the same id, whoever reads it first."""

import hashlib
from base64 import b32encode
from typing import Final

_LENGTH: Final = 20


def mirrored_id(prefix: str, account: str, provider_id: str) -> str:
    digest = hashlib.sha256(f"{account}\n{provider_id}".encode()).digest()
    return f"{prefix}_{b32encode(digest).decode().lower()[:_LENGTH]}"
