"""Refunds in the books: entered before Stripe is asked, settled by its answer, and those of its dashboard mirrored.

That no more goes back than was paid is kept by the database: of two refunds at once the second sees the first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from adapters.ids import derived_id
from adapters.postgres import outbox, projection, trail
from adapters.postgres.locks import lock_client_of_invoice
from adapters.postgres.pool import Connection, Pool, transaction
from billing.notices import Notice
from billing.refunds import RefundReading, RefundRow, RefundStatus, may_become, told, waiting

NEVER_EXCEED: Final = "refunds_never_exceed_paid"
"""The rule by which the books refuse a refund of ours."""
_COLUMNS: Final = ", ".join(RefundRow.__dataclass_fields__)


class RefundExceeds(Exception):
    """Less than the amount is left of what was paid through Stripe."""


def _row(row: Any) -> RefundRow:
    return RefundRow(**{**row, "status": RefundStatus(row["status"])})


async def enter(connection: Connection, refund: RefundRow) -> RefundRow:
    """Enter a refund that a person asks for, with the start of what carries it out. One that is known stays as it is.

    Raises RefundExceeds.
    """
    await lock_client_of_invoice(connection, refund.invoice_id)
    known = await load(connection, refund.id)
    if known:
        return known
    try:
        await _insert(connection, refund)
    except asyncpg.CheckViolationError as refused:
        if refused.constraint_name != NEVER_EXCEED:
            raise
        raise RefundExceeds(str(refused)) from refused
    start = {"refund": refund.id, "agency": refund.agency_id, "account": refund.account_id}
    key = f"{outbox.REFUND}:{refund.id}"
    await outbox.add(connection, refund.agency_id, outbox.REFUND, key, start, refund.created_at)
    await _write_trail(connection, refund, "refund_requested", refund.requested_by or "stripe", refund.created_at)
    return refund


async def load(source: Connection | Pool, refund: str) -> RefundRow | None:
    row = await source.fetchrow(f"SELECT {_COLUMNS} FROM refunds WHERE id = $1", refund)
    return _row(row) if row else None


async def refunds_of(source: Connection | Pool, agency: str, invoice: str) -> list[RefundRow]:
    """The invoice's refunds, the oldest first."""
    rows = await source.fetch(
        f"SELECT {_COLUMNS} FROM refunds WHERE (agency_id, invoice_id) = ($1, $2) ORDER BY created_at, id",
        agency,
        invoice,
    )
    return [_row(row) for row in rows]


async def invoice_paid_by(source: Connection | Pool, account: str, payment_intent: str) -> str | None:
    """Our id of the invoice that an attempt of ours paid through the intent; none when none of ours did."""
    found: str | None = await source.fetchval(
        """
        SELECT i.id FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id
        WHERE a.payment_intent_id = $2 AND i.account_id = $1 LIMIT 1
        """,
        account,
        payment_intent,
    )
    return found


async def mirror(connection: Connection, account: str, invoice: str, reading: RefundReading, at: datetime) -> None:
    """Take over what Stripe shows of a refund on the invoice, ours or its dashboard's. Repeatable, in any order."""
    await lock_client_of_invoice(connection, invoice)
    known = await _known(connection, account, invoice, reading)
    if known:
        await _settle(connection, known, reading, at)
        return
    made = RefundRow(
        id=derived_id("rfd", account, reading.provider_id),
        agency_id=await connection.fetchval("SELECT agency_id FROM invoices WHERE id = $1", invoice),
        invoice_id=invoice,
        account_id=account,
        amount=reading.amount,
        currency=reading.currency,
        reason=reading.reason,
        note=None,
        requested_by=None,
        status=reading.status,
        payment_intent_id=reading.payment_intent,
        with_fee=None,
        provider_id=reading.provider_id,
        failure=reading.failure,
        created_at=reading.created_at,
        first_sent_at=reading.created_at,
        settled_at=None if reading.status is RefundStatus.PENDING else at,
    )
    await _insert(connection, made)
    await _tell(connection, made, told(made, at), "stripe")


async def _known(connection: Connection, account: str, invoice: str, reading: RefundReading) -> RefundRow | None:
    # Metadata can be written by anybody in the account: it names ours only of the invoice that the payment paid.
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM refunds
        WHERE (account_id, invoice_id) = ($1, $2) AND (provider_id = $3 OR (id = $4 AND provider_id IS NULL))
        ORDER BY provider_id = $3 DESC LIMIT 1
        """,
        account,
        invoice,
        reading.provider_id,
        reading.refund,
    )
    return _row(row) if row else None


async def _settle(connection: Connection, known: RefundRow, reading: RefundReading, at: datetime) -> None:
    moves = may_become(known.status, reading.status)
    if known.provider_id and not moves:
        return
    row = await connection.fetchrow(
        f"""
        UPDATE refunds SET provider_id = $2, status = $3, failure = coalesce($4, failure),
                           settled_at = CASE WHEN $3 = 'pending' THEN NULL ELSE $5::timestamptz END
        WHERE id = $1 RETURNING {_COLUMNS}
        """,
        known.id,
        reading.provider_id,
        (reading.status if moves else known.status).value,
        reading.failure,
        at,
    )
    settled = _row(row)
    await _tell(connection, settled, told(settled, at), "system" if known.requested_by else "stripe")


async def _insert(connection: Connection, refund: RefundRow) -> None:
    values = [getattr(refund, name) for name in RefundRow.__dataclass_fields__]
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO refunds ({_COLUMNS}) VALUES ({places})", *values)


async def _tell(connection: Connection, refund: RefundRow, notices: Sequence[Notice], by: str) -> None:
    """The trail and the agency's messages of where the refund stands now."""
    for notice in notices:
        await _write_trail(connection, refund, notice.kind.value, by, notice.at)
    subscription = await _subscription_of(connection, refund.invoice_id)
    await trail.tell(connection, await projection.load(connection, subscription), notices)


async def _write_trail(connection: Connection, refund: RefundRow, what: str, who: str, at: datetime) -> None:
    state = await projection.load(connection, await _subscription_of(connection, refund.invoice_id))
    detail = {"refund": refund.id, "invoice": refund.invoice_id, "amount": refund.amount, "currency": refund.currency}
    await trail.write(
        connection,
        refund.agency_id,
        at=at,
        who=who,
        what=what,
        why=refund.failure if what == "refund_failed" else refund.note or refund.reason,
        client=state.client,
        subscription=state.id,
        detail=detail,
        dedupe_key=f"{refund.id}:{what}",
    )


async def _subscription_of(connection: Connection, invoice: str) -> str:
    found: str = await connection.fetchval("SELECT subscription_id FROM invoices WHERE id = $1", invoice)
    return found


class PostgresRefunds:
    """`activities.ports.RefundBooks`, by shape: each method a transaction of its own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def refund(self, refund: str) -> RefundRow:
        """Raises LookupError for an unknown one."""
        row = await load(self._pool, refund)
        if row is None:
            raise LookupError(f"no refund {refund}")
        return row

    async def provider_invoice(self, refund: RefundRow) -> str:
        """Stripe's id of the invoice."""
        found: str = await self._pool.fetchval("SELECT provider_id FROM invoices WHERE id = $1", refund.invoice_id)
        return found

    async def begin(self, refund: RefundRow, payment_intent: str, with_fee: bool, at: datetime) -> RefundRow:
        """What will be sent, before it is sent; once it stands it stays."""
        row = await self._pool.fetchrow(
            f"""
            UPDATE refunds SET payment_intent_id = coalesce(payment_intent_id, $2), with_fee = coalesce(with_fee, $3),
                               first_sent_at = coalesce(first_sent_at, $4)
            WHERE id = $1 RETURNING {_COLUMNS}
            """,
            refund.id,
            payment_intent,
            with_fee,
            at,
        )
        return _row(row)

    async def made(self, refund: RefundRow, reading: RefundReading, at: datetime) -> None:
        async with transaction(self._pool) as connection:
            await mirror(connection, refund.account_id, refund.invoice_id, reading, at)

    async def refused(self, refund: RefundRow, why: str, at: datetime) -> None:
        """Stripe will never make it. Repeatable; one that is made stays so."""
        async with transaction(self._pool) as connection:
            await lock_client_of_invoice(connection, refund.invoice_id)
            row = await connection.fetchrow(
                f"""
                UPDATE refunds SET status = 'failed', failure = $2, settled_at = $3
                WHERE id = $1 AND status = 'pending' AND provider_id IS NULL RETURNING {_COLUMNS}
                """,
                refund.id,
                why,
                at,
            )
            if row:
                failed = _row(row)
                await _tell(connection, failed, told(failed, at), "system")

    async def waits(self, refund: RefundRow, at: datetime) -> None:
        """Its account has left: the agency is told, once. Repeatable."""
        async with transaction(self._pool) as connection:
            await lock_client_of_invoice(connection, refund.invoice_id)
            known = await load(connection, refund.id)
            if known and not known.made:
                await _tell(connection, known, [waiting(known, at)], "system")
