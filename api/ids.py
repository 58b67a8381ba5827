"""Ids of what a request makes."""

import secrets

from adapters.ids import derived_id


def new_seed() -> str:
    return secrets.token_hex(20)


def made_id(prefix: str, seed: str) -> str:
    """The id of what this request makes: the same seed makes the same id.

    A request that is repeated under its Idempotency-Key keeps its seed, so that the repeat of one whose process died
    after the commit meets its own row instead of making a second.
    """
    return derived_id(prefix, f"{prefix}:{seed}")
