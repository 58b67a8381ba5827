"""Our books' side of reconciliation: `activities.ports.Comparison`, by shape. Findings stand in findings.py."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from adapters.postgres import findings, inbox
from adapters.postgres.pool import Pool, transaction
from billing.invoices import InvoiceStatus
from billing.payments import EventReading
from billing.reconciling import Booked, BookedAccount, Difference, FindingKind, Subject
from billing.reversals import BookedReversal

# An invoice moves while an attempt on it is in flight, and while somebody has news about it still to read.
_BOOKED: Final = """
    WITH news AS (
        SELECT n.object_id, n.payload #>> '{data,object,invoice}' AS invoice FROM inbox n
        WHERE n.account = $1 AND n.delivered_at IS NULL
        UNION ALL
        SELECT n.object_id, n.payload #>> '{data,object,invoice}' FROM inbox_readers r JOIN inbox n ON n.id = r.inbox_id
        WHERE n.account = $1 AND r.read_at IS NULL AND r.acked_at IS NULL
    )
    SELECT i.id AS invoice, i.client_id AS client, i.provider_id, i.status, i.currency, i.amount_due, i.amount_paid,
           ARRAY(
               SELECT charge_id FROM payment_attempts a
               WHERE a.invoice_id = i.id AND a.result = 'paid' AND a.charge_id IS NOT NULL
           ) AS charges,
           EXISTS (SELECT FROM payment_attempts a WHERE a.invoice_id = i.id AND a.result IS NULL)
           OR EXISTS (SELECT FROM news WHERE i.provider_id IN (news.object_id, news.invoice)) AS moving
    FROM invoices i WHERE i.account_id = $1
"""
_REREAD: Final = {
    Subject.ACCOUNT: "account.updated",
    Subject.INVOICE: "invoice.updated",
    Subject.REFUND: "refund.updated",
    Subject.DISPUTE: "charge.dispute.updated",
}
"""The event about each that says no more than that it may be another by now."""
_REVERSALS: Final = """
    SELECT r.subject, r.provider_id, r.invoice_id AS invoice, i.client_id AS client, r.status, r.amount, r.currency
    FROM (
        SELECT 'refund' AS subject, account_id, provider_id, invoice_id, status, amount, currency, created_at,
               settled_at IS NOT NULL AS over
        FROM refunds WHERE provider_id IS NOT NULL
        UNION ALL
        SELECT 'dispute', account_id, provider_id, invoice_id, status, amount, currency, created_at,
               closed_at IS NOT NULL
        FROM disputes
    ) r JOIN invoices i ON i.id = r.invoice_id WHERE r.account_id = $1
"""


class PostgresComparison:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def accounts(self, after: str, limit: int) -> Sequence[str]:
        """One that was disconnected is read no more, unless a finding about it is open."""
        rows = await self._pool.fetch(
            """
            SELECT account_id FROM connected_accounts c WHERE account_id > $1 AND (state <> 'disconnected' OR EXISTS (
                SELECT FROM findings f WHERE f.account_id = c.account_id AND f.resolved_at IS NULL
            )) ORDER BY account_id LIMIT $2
            """,
            after,
            limit,
        )
        return [row["account_id"] for row in rows]

    async def account(self, account: str) -> BookedAccount | None:
        row = await self._pool.fetchrow(
            """
            SELECT account_id AS account, charges_enabled, payouts_enabled, card_payments,
                   state <> 'disconnected' AS connected
            FROM connected_accounts WHERE account_id = $1
            """,
            account,
        )
        return BookedAccount(**row) if row else None

    async def events_since(self, account: str) -> datetime | None:
        query = "SELECT events_until FROM connected_accounts WHERE account_id = $1"
        until: datetime | None = await self._pool.fetchval(query, account)
        return until

    async def take_in(self, account: str, events: Sequence[EventReading], at: datetime) -> int:
        lacking = await self._lacking(account, events)
        for event in lacking:
            await inbox.receive(
                self._pool,
                account=account,
                event_id=event.id,
                type=event.type,
                object_id=event.object_id,
                customer_id=event.customer,
                created_at=event.created_at,
                payload=json.loads(event.payload),
                received_at=at,
            )
        return len(lacking)

    async def _lacking(self, account: str, events: Sequence[EventReading]) -> list[EventReading]:
        rows = await self._pool.fetch(
            "SELECT event_id FROM inbox WHERE account = $1 AND event_id = ANY ($2::text[])",
            account,
            [event.id for event in events],
        )
        known = {row["event_id"] for row in rows}
        return [event for event in events if event.id not in known]

    async def wake(self, account: str, objects: Mapping[str, Subject], at: datetime) -> None:
        for object, subject in objects.items():
            await inbox.receive(
                self._pool,
                account=account,
                event_id=f"retainer:{object}:{at.isoformat()}",
                type=_REREAD[subject],
                object_id=object,
                customer_id=None,
                created_at=at,
                # Nothing of what it is: so nobody takes it for known, and everybody reads.
                payload={"data": {"object": {"id": object}}},
                received_at=at,
            )

    async def expected(self, account: str, since: datetime) -> Sequence[Booked]:
        rows = await self._pool.fetch(
            f"{_BOOKED} AND i.provider_id IS NOT NULL AND (i.created_at >= $2 OR i.status = 'open')", account, since
        )
        return [_booked(row) for row in rows]

    async def booked(self, account: str, objects: Collection[str], invoices: Collection[str]) -> Sequence[Booked]:
        rows = await self._pool.fetch(
            f"{_BOOKED} AND (i.provider_id = ANY ($2::text[]) OR i.id = ANY ($3::text[]))",
            account,
            list(objects),
            list(invoices),
        )
        return [_booked(row) for row in rows]

    async def expected_reversals(self, account: str, since: datetime) -> Sequence[BookedReversal]:
        rows = await self._pool.fetch(f"{_REVERSALS} AND (r.created_at >= $2 OR NOT r.over)", account, since)
        return [_reversal(row) for row in rows]

    async def booked_reversals(self, account: str, objects: Collection[str]) -> Sequence[BookedReversal]:
        rows = await self._pool.fetch(f"{_REVERSALS} AND r.provider_id = ANY ($2::text[])", account, list(objects))
        return [_reversal(row) for row in rows]

    async def unread(self, account: str, objects: Collection[str]) -> frozenset[str]:
        rows = await self._pool.fetch(
            "SELECT object_id FROM inbox WHERE account = $1 AND object_id = ANY ($2::text[]) AND delivered_at IS NULL",
            account,
            list(objects),
        )
        return frozenset(row["object_id"] for row in rows)

    async def are_clients(self, account: str, customers: Collection[str]) -> frozenset[str]:
        rows = await self._pool.fetch(
            "SELECT customer_id FROM customers WHERE account_id = $1 AND customer_id = ANY ($2::text[])",
            account,
            list(customers),
        )
        return frozenset(row["customer_id"] for row in rows)

    async def open_findings(self, account: str) -> Sequence[tuple[FindingKind, str]]:
        return await findings.open_of(self._pool, account)

    async def settle(
        self, account: str, differences: Sequence[Difference], looked_at: Collection[str], at: datetime
    ) -> tuple[int, int]:
        async with transaction(self._pool) as connection:
            opened = await findings.enter(connection, account, differences, at)
            resolved = await findings.resolve(connection, account, differences, looked_at, at)
        return opened, resolved

    async def reconciled(self, account: str, events_until: datetime | None, at: datetime) -> None:
        await self._pool.execute(
            """
            UPDATE connected_accounts SET events_until = coalesce($2, events_until), reconciled_at = $3
            WHERE account_id = $1
            """,
            account,
            events_until,
            at,
        )

    async def finished(self, started_at: datetime, at: datetime, accounts: int, failed: int) -> None:
        await self._pool.execute(
            """
            INSERT INTO reconciliations (started_at, finished_at, accounts, failed) VALUES ($1, $2, $3, $4)
            ON CONFLICT (started_at) DO NOTHING
            """,
            started_at,
            at,
            accounts,
            failed,
        )


def _booked(row: Any) -> Booked:
    given = {**row, "status": InvoiceStatus(row["status"]), "charges": frozenset(row["charges"])}
    return Booked(**given)


def _reversal(row: Any) -> BookedReversal:
    subject = Subject(row["subject"])
    assert subject is Subject.REFUND or subject is Subject.DISPUTE, "as the query names them"
    return BookedReversal(**{**row, "subject": subject})
