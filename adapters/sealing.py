"""Secrets at rest: what the database, its backups and who reads them cannot use without a key of the settings.

A sealed secret says whose it is, so that one that is copied to another row opens nothing. Rows from before there was a
key are plain, and are sealed when they are next used (docs/adr/0024).
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from adapters.settings import Settings

_SEALED: Final = "sealed:"
_PURPOSE: Final = b"retainer secrets at rest"


class CannotOpen(Exception):
    """None of the keys opens it, or it is somebody else's."""


class Seal:
    """The newest key comes first: it seals, and all of them open. Without any, secrets stay as they are."""

    def __init__(self, keys: Sequence[str]) -> None:
        ciphers = [Fernet(_derived(key)) for key in keys]
        self._newest = ciphers[0] if ciphers else None
        self._all = MultiFernet(ciphers) if ciphers else None

    def close(self, owner: str, secret: str) -> str:
        if self._newest is None:
            return secret
        return _SEALED + self._newest.encrypt(f"{owner}:{secret}".encode()).decode()

    def open(self, owner: str, stored: str) -> str:
        """The secret. Raises CannotOpen."""
        if not stored.startswith(_SEALED):
            return stored
        if self._all is None:
            raise CannotOpen
        try:
            known, _, secret = self._all.decrypt(stored.removeprefix(_SEALED)).decode().partition(":")
        except InvalidToken as error:
            raise CannotOpen from error
        if known != owner:
            raise CannotOpen
        return secret

    def is_newest(self, stored: str) -> bool:
        """Whether it need not be sealed anew."""
        if self._newest is None:
            return True
        try:
            self._newest.decrypt(stored.removeprefix(_SEALED))
        except InvalidToken:
            return False
        return stored.startswith(_SEALED)


def seal_of(settings: Settings) -> Seal:
    return Seal([key.get_secret_value() for key in settings.secrets_key])


def _derived(key: str) -> bytes:
    """A key is of any form and long enough to be hashed once: it was generated."""
    return base64.urlsafe_b64encode(hashlib.sha256(_PURPOSE + key.encode()).digest())
