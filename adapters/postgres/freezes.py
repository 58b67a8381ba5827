"""The freezes of connected accounts, and of agencies whose tier fell (billing-rules 8).

What begins or ends one stands in one transaction with the row that wakes every running subscription and with the
message to the agency: nothing of it is lost, and nothing told twice. Subscriptions read how things stand when they are
woken, whichever wake-up it was.
"""

from datetime import datetime
from typing import Final

from adapters.postgres import inbox, message_deliveries, messages, trail
from adapters.postgres.agencies import SELLING_TIERS
from adapters.postgres.pool import Connection, Pool
from billing.freezing import OpenFreeze, Standing
from billing.ledger import ACCOUNT_CHANGED
from billing.notices import Notice, NoticeKind
from billing.state import FreezeCause, State

OF_LEFT_ACCOUNT: Final = """
    EXISTS (SELECT FROM account_freezes f WHERE f.account_id = i.account_id AND f.replaced_at IS NOT NULL)
"""
"""Of `invoices i`: issued in an account that the agency has left for another, where nothing is ours to collect."""

_TOLD: Final[dict[FreezeCause, tuple[NoticeKind, str]]] = {
    "restricted": (
        NoticeKind.ACCOUNT_FROZEN,
        "Stripe takes no payments for the account: nothing is issued or charged until it is restored.",
    ),
    "disconnected": (
        NoticeKind.ACCOUNT_FROZEN,
        "The account was disconnected: nothing is issued or charged until it is connected again.",
    ),
    "tier": (
        NoticeKind.TIER_LOWERED,
        "The tier does not include billing: each subscription stands still from the end of its period.",
    ),
}


async def account_moved(connection: Connection, agency: str, account: str, was: str, state: str, at: datetime) -> None:
    """The account's health went from `was` to `state`: a freeze begins, gets another cause, or ends.

    One that never could charge has nothing that could stand still. The caller holds the agency's row.
    """
    if state == "active":
        if was != "active":
            await _replace(connection, agency, account, at)
        await _thaw(connection, agency, account, NoticeKind.ACCOUNT_RESTORED, at)
    elif was != state:
        cause: FreezeCause = "disconnected" if state == "disconnected" else "restricted"
        await _freeze(connection, agency, account, cause, at, begins=was == "active")


async def tier_moved(connection: Connection, agency: str, was: str, tier: str, at: datetime) -> None:
    """The agency's tier changed. The caller holds the agency's row."""
    if tier in SELLING_TIERS:
        await _thaw(connection, agency, None, NoticeKind.TIER_RAISED, at)
    elif was in SELLING_TIERS:
        await _freeze(connection, agency, None, "tier", at, begins=True)


async def frozen_by(source: Connection | Pool, agency: str, account: str) -> FreezeCause | None:
    """What holds up the subscriptions of the account now; none when nothing does."""
    cause: FreezeCause | None = await source.fetchval(
        """
        SELECT cause FROM account_freezes
        WHERE thawed_at IS NULL AND (account_id = $2 OR (account_id IS NULL AND agency_id = $1)) ORDER BY id LIMIT 1
        """,
        agency,
        account,
    )
    return cause


async def standing(connection: Connection, state: State) -> Standing:
    """How the subscription's account stands now, with the end of what the subscription still takes for frozen."""
    rows = await connection.fetch(
        """
        SELECT id, cause, frozen_at, thawed_at, replaced_at FROM account_freezes
        WHERE (account_id = $2 OR (account_id IS NULL AND agency_id = $1))
        AND (thawed_at IS NULL OR id = ANY ($3::bigint[])) ORDER BY id
        """,
        state.agency,
        state.account,
        [freeze.id for freeze in state.freezes],
    )
    return Standing(
        tuple(
            OpenFreeze(row["id"], row["cause"], row["frozen_at"], row["replaced_at"])
            for row in rows
            if row["thawed_at"] is None
        ),
        tuple((row["id"], row["thawed_at"]) for row in rows if row["thawed_at"]),
    )


async def _freeze(
    connection: Connection, agency: str, account: str | None, cause: FreezeCause, at: datetime, *, begins: bool
) -> None:
    freeze = await connection.fetchval(
        """
        UPDATE account_freezes SET cause = $3
        WHERE agency_id = $1 AND account_id IS NOT DISTINCT FROM $2 AND thawed_at IS NULL RETURNING id
        """,
        agency,
        account,
        cause,
    )
    if freeze is None and begins:
        freeze = await connection.fetchval(
            """
            INSERT INTO account_freezes (agency_id, account_id, cause, frozen_at) VALUES ($1, $2, $3, $4) RETURNING id
            """,
            agency,
            account,
            cause,
            at,
        )
    if freeze is not None:
        kind, detail = _TOLD[cause]
        # By its instant too: an account that comes and goes while it is restricted is told of each time.
        await _tell(connection, agency, f"frozen:{freeze}:{cause}:{at.isoformat()}", kind, detail, at)


async def _thaw(connection: Connection, agency: str, account: str | None, kind: NoticeKind, at: datetime) -> None:
    freeze = await connection.fetchval(
        """
        UPDATE account_freezes SET thawed_at = greatest($3, frozen_at)
        WHERE agency_id = $1 AND account_id IS NOT DISTINCT FROM $2 AND thawed_at IS NULL RETURNING id
        """,
        agency,
        account,
        at,
    )
    if freeze is not None:
        detail = "What waited is issued and charged within the next hour."
        await _tell(connection, agency, f"thawed:{freeze}", kind, detail, at)


async def _replace(connection: Connection, agency: str, account: str, at: datetime) -> None:
    """Another account of the agency can charge now: what ran on those that were left ends (billing-rules 8)."""
    left = await connection.fetch(
        """
        UPDATE account_freezes SET replaced_at = greatest($3, frozen_at)
        WHERE agency_id = $1 AND account_id <> $2 AND thawed_at IS NULL AND replaced_at IS NULL RETURNING account_id
        """,
        agency,
        account,
        at,
    )
    if not left:
        return
    for row in left:
        await message_deliveries.drop_held(connection, row["account_id"])
    # Cards are of the account that they were saved in; what was saved in this one since it is there stays.
    await connection.execute(
        """
        UPDATE clients SET card = NULL, card_at = $3 WHERE agency_id = $1 AND card IS NOT NULL
        AND card_at < (SELECT created_at FROM connected_accounts WHERE account_id = $2)
        """,
        agency,
        account,
        at,
    )
    detail = (
        "Nothing of the account that was left is collected any more: assign plans anew, clients are asked for a card."
    )
    await _tell(connection, agency, f"replaced:{account}:{at.isoformat()}", NoticeKind.ACCOUNT_REPLACED, detail, at)


async def _tell(connection: Connection, agency: str, key: str, kind: NoticeKind, detail: str, at: datetime) -> None:
    """Wake the agency's subscriptions, tell the agency, and note it in its trail."""
    await inbox.receive(
        connection,
        account=inbox.OWN,
        event_id=f"{agency}:{key}",
        type=ACCOUNT_CHANGED,
        object_id=agency,
        customer_id=None,
        created_at=at,
        payload={},
        received_at=at,
    )
    await messages.write(connection, agency, Notice(kind, "agency", key, at, detail))
    await trail.write(
        connection, agency, at=at, who="system", what=kind.value, why=detail, dedupe_key=f"{agency}:{key}"
    )
