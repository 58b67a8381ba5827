"""Cards that a dispute stops: who has to know of it, and that the agency has let them be tried again.

A stop is of the client's card in one account, and so is the agency's word that lifts it (ADR 11).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from adapters.postgres import inbox
from adapters.postgres.pool import Connection
from billing.disputed import CardDisputed
from billing.ledger import CARD_DISPUTED
from billing.state import State

_OF_CLIENT: Final = """
    SELECT d.created_at, d.id, d.card_identity, d.lifted_at IS NOT NULL
    FROM disputes d JOIN invoices i ON i.id = d.invoice_id
    WHERE (i.client_id, d.account_id) = ($1, $2) AND d.card_identity IS NOT NULL ORDER BY d.created_at, d.id
"""


async def disputed_cards(connection: Connection, client: str, account: str) -> tuple[CardDisputed, ...]:
    """Every dispute of a card payment of the client's in the account, the oldest first."""
    return tuple(CardDisputed(*row) for row in await connection.fetch(_OF_CLIENT, client, account))


async def stop(connection: Connection, client: str, account: str, dispute: str, at: datetime) -> None:
    """Let each subscription and custom invoice that the client has in the account learn what it may not try."""
    for subscription in await _live(connection, client, account):
        await _wake(connection, subscription, dispute, at)


async def follow(connection: Connection, stored: State, current: State) -> None:
    """What is new of a subscription's state that others, or it itself, have to learn of disputes. Its client's books
    are locked, so that a dispute is either seen here or sees this."""
    if current.account and not stored.account:
        # Begun without an account: what happened to the client's cards in this one was no news of its.
        for known in await disputed_cards(connection, current.client, current.account):
            await _wake(connection, current.id, known.dispute, current.clock)
    lifted = _lifted(current) - _lifted(stored)
    if not lifted:
        return
    rows = await connection.fetch(
        "UPDATE disputes SET lifted_at = $2 WHERE id = ANY ($1::text[]) AND lifted_at IS NULL RETURNING id",
        sorted(lifted),
        current.clock,
    )
    others = [id for id in await _live(connection, current.client, current.account) if id != current.id]
    for dispute in sorted(row["id"] for row in rows):
        for subscription in others:
            await _wake(connection, subscription, dispute, current.clock, word="lifted")


def _lifted(state: State) -> frozenset[str]:
    return frozenset(one.dispute for one in state.disputed if one.lifted)


async def _live(connection: Connection, client: str, account: str) -> Iterable[str]:
    rows: Any = await connection.fetch(
        "SELECT id FROM subscriptions WHERE (client_id, account_id) = ($1, $2) AND NOT finished ORDER BY id",
        client,
        account,
    )
    return [row["id"] for row in rows]


async def _wake(
    connection: Connection, subscription: str, dispute: str, at: datetime, *, word: str = "dispute"
) -> None:
    await inbox.receive(
        connection,
        account=inbox.OWN,
        event_id=f"{word}:{subscription}:{dispute}",
        type=CARD_DISPUTED,
        object_id=subscription,
        customer_id=None,
        created_at=at,
        payload={"dispute": dispute},
        received_at=at,
    )
