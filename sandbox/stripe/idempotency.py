"""Was this request answered before? First results are kept for 24 hours under their key and given again."""

import hashlib
import json
from dataclasses import dataclass

from sandbox.stripe.errors import KeyInUse, KeyReused
from sandbox.stripe.store import Store

KEY_LIFE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Result:
    """The first answer under a key."""

    status: int
    body: str
    request_id: str


class IdempotencyKeys:
    """Keys are the account's own; those whose first request is not answered yet are known in memory only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_flight: set[tuple[str, str]] = set()

    def begin(self, account: str, key: str) -> None:
        """Claim the key for a request, or refuse because another is still being answered."""
        if (account, key) in self._in_flight:
            raise KeyInUse(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later.",
                code="idempotency_key_in_use",
            )
        self._in_flight.add((account, key))

    def end(self, account: str, key: str) -> None:
        """The request under this key has been answered."""
        self._in_flight.discard((account, key))

    def recall(self, account: str, key: str, fingerprint: str, now: int) -> Result | None:
        """The stored result, if this very request was answered less than 24 hours ago."""
        row = self._store.execute(
            "SELECT fingerprint, status, body, request_id FROM idempotency_keys "
            "WHERE account = ? AND key = ? AND created > ?",
            account, key, now - KEY_LIFE_SECONDS,
        ).fetchone()  # fmt: skip
        if row is None:
            return None
        if row[0] != fingerprint:
            raise KeyReused(
                f"Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
        return Result(row[1], row[2], row[3])

    def remember(self, account: str, key: str, fingerprint: str, now: int, result: Result) -> None:
        """Keep the first result, in the same transaction as its effects, and forget what is too old."""
        self._store.execute("DELETE FROM idempotency_keys WHERE created <= ?", now - KEY_LIFE_SECONDS)
        self._store.execute(
            "INSERT OR REPLACE INTO idempotency_keys (account, key, created, fingerprint, request_id, status, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            account, key, now, fingerprint, result.request_id, result.status, result.body,
        )  # fmt: skip

    def prune_all(self) -> None:
        """Forget every key at once, as if a day had passed."""
        self._store.execute("DELETE FROM idempotency_keys")


def fingerprint_of(method: str, path: str, params: object) -> str:
    """What has to be the same for a request to be the same."""
    content = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
