"""Invoices as people read them (billing-rules 5): each with its lines, and with the portal's word for it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

import asyncpg

from adapters.postgres.invoicing import line_of
from adapters.postgres.pool import Connection, Pool
from billing.invoices import InvoiceKind, InvoiceStatus, Line, portal_status

PortalStatus: TypeAlias = Literal["paid", "pending", "failed", "void"]
Position: TypeAlias = tuple[datetime, str]
"""Where a page of a list ended: `created_at` and id of its last invoice."""


@dataclass(frozen=True)
class Invoice:
    """An invoice. Amounts are minor units; before it is issued what is due is its total.

    `tax` is what rates that are not included added to the total, `balance_applied` what the customer's balance at
    Stripe did: negative when it paid for some. `credited` is what credit notes have taken off what was due.
    """

    id: str
    client_id: str
    subscription_id: str
    kind: InvoiceKind
    source: str
    number: str | None
    status: InvoiceStatus
    portal_status: PortalStatus | None
    """None of what the agency collects by itself: no client is shown it."""
    currency: str
    created_at: datetime
    issued_at: datetime | None
    settled_at: datetime | None
    due_at: datetime | None
    total: int
    tax: int
    amount_due: int
    amount_paid: int
    amount_refunded: int
    balance_applied: int
    credited: int
    paid_out_of_band: bool
    closed_period: int | None
    disputed: bool
    """Whether a payment of it is asked about or taken back by the client's bank, and not come back."""
    account_id: str
    """Empty for a statement that was kept without one."""
    provider_id: str | None
    hosted_url: str | None
    pdf_url: str | None
    lines: tuple[Line, ...]

    @property
    def sent(self) -> bool:
        """Whether the client has it: issued at Stripe. One of zero never is (billing-rules 5)."""
        return self.issued_at is not None and self.provider_id is not None


# An invoice of the debt counts as failed from its first failed attempt on. One that was issued while another only
# counted as failed was issued while the first of them had failed itself: nothing has to be followed further.
DEBT_FAILED: Final = """
    i.status = 'open' AND i.kind <> 'custom' AND EXISTS (
        SELECT 1 FROM invoices o JOIN payment_attempts a ON a.invoice_id = o.id
        WHERE o.subscription_id = i.subscription_id AND o.id <> i.id AND o.kind <> 'custom'
        AND o.status = 'open' AND a.result IN ('declined', 'action_required') AND a.settled_at <= i.issued_at
    )
"""
"""Whether the invoice `i` was issued while another of its debt had failed, and that one still is open."""
TAX: Final = "coalesce(i.provider_total, i.total) - i.total"
"""What tax added to the lines of the invoice `i`."""
_INVOICES: Final = f"""
    SELECT i.id, i.client_id, i.subscription_id, i.kind, i.source, i.number, i.status, i.failed, i.currency,
           i.created_at, i.issued_at, i.settled_at, i.due_at, i.total, {TAX} AS tax,
           coalesce(i.amount_due, i.total) AS amount_due,
           coalesce(i.amount_paid, 0) AS amount_paid, i.amount_refunded,
           coalesce(i.starting_balance, 0) - coalesce(i.ending_balance, i.starting_balance, 0) AS balance_applied,
           (SELECT coalesce(sum(n.before_payment), 0)::bigint FROM credit_notes n
            WHERE n.invoice_id = i.id AND n.status = 'issued') AS credited,
           i.paid_out_of_band, i.closed_period, coalesce(i.account_id, '') AS account_id,
           i.provider_id, i.hosted_url, i.pdf_url,
           EXISTS (SELECT 1 FROM disputes d WHERE d.invoice_id = i.id AND d.status IN ('warning', 'open', 'lost'))
           AS disputed, {DEBT_FAILED} AS debt_failed
    FROM invoices i WHERE i.agency_id = $1
"""
_NEWEST_FIRST: Final = "ORDER BY i.created_at DESC, i.id DESC"


async def client_invoices(
    source: Connection | Pool, agency: str, client: str, limit: int, after: Position | None, *, sent: bool = False
) -> list[Invoice]:
    """At most `limit` invoices of the client, newest first, behind the position `after`.

    `sent`: only those that the client has been shown, as `Invoice.sent` says.
    """
    rows = await source.fetch(
        f"""
        {_INVOICES} AND i.client_id = $2 AND ($3::timestamptz IS NULL OR (i.created_at, i.id) < ($3, $4::text))
        AND (NOT $6 OR (i.issued_at IS NOT NULL AND i.provider_id IS NOT NULL))
        {_NEWEST_FIRST} LIMIT $5
        """,
        agency,
        client,
        *(after or (None, None)),
        limit,
        sent,
    )
    return await _with_lines(source, rows)


async def agency_invoices(
    source: Connection | Pool, agency: str, status: InvoiceStatus | None, limit: int, after: Position | None
) -> list[Invoice]:
    """At most `limit` invoices of the agency, all or those with this status, newest first, behind `after`."""
    rows = await source.fetch(
        f"""
        {_INVOICES} AND ($2::text IS NULL OR i.status = $2)
        AND ($3::timestamptz IS NULL OR (i.created_at, i.id) < ($3, $4::text))
        {_NEWEST_FIRST} LIMIT $5
        """,
        agency,
        status.value if status else None,
        *(after or (None, None)),
        limit,
    )
    return await _with_lines(source, rows)


async def invoice(source: Connection | Pool, agency: str, invoice: str) -> Invoice | None:
    """The agency's invoice; none for an unknown one and for another tenant's."""
    rows = await source.fetch(f"{_INVOICES} AND i.id = $2", agency, invoice)
    return next(iter(await _with_lines(source, rows)), None)


async def numbers(source: Connection | Pool, agency: str, invoices: Sequence[str]) -> dict[str, str | None]:
    """The number of each of these invoices of the agency; none of one that has none yet."""
    rows = await source.fetch(
        "SELECT id, number FROM invoices WHERE agency_id = $1 AND id = ANY ($2::text[])", agency, invoices
    )
    return {row["id"]: row["number"] for row in rows}


async def _with_lines(source: Connection | Pool, rows: Sequence[asyncpg.Record]) -> list[Invoice]:
    found = await source.fetch(
        "SELECT * FROM invoice_lines WHERE invoice_id = ANY ($1::text[]) ORDER BY invoice_id, position",
        [row["id"] for row in rows],
    )
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in found:
        lines[line["invoice_id"]].append(line_of(line))
    return [_invoice(row, lines[row["id"]]) for row in rows]


def _invoice(row: asyncpg.Record, lines: Sequence[Line]) -> Invoice:
    shown = {name: value for name, value in row.items() if name not in ("failed", "debt_failed")}
    status = InvoiceStatus(row["status"])
    word = portal_status(status, row["failed"], row["debt_failed"])
    own = {"kind": InvoiceKind(row["kind"]), "status": status, "portal_status": word, "lines": tuple(lines)}
    return Invoice(**{**shown, **own})
