"""Invoices in the books: read as the rules see them, and brought to what Stripe says of them (billing-rules 5)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.postgres import credit_notes
from adapters.postgres.locks import lock_client_of_invoice
from adapters.postgres.pool import Connection
from billing.invoices import InvoiceKind, InvoiceStatus, Levies, Line, LineKind, application_fee, may_become
from billing.ledger import InvoiceRow
from billing.money import format_rate
from billing.payments import InvoiceReading


async def load_invoice(connection: Connection, invoice: str) -> InvoiceRow | None:
    """The invoice with its lines in their order; none when the books do not know it."""
    row = await connection.fetchrow(
        """
        SELECT id, subscription_id, kind, source, status, currency, total, created_at, issued_at, provider_id,
               fee_percent, tax_rate_ids
        FROM invoices WHERE id = $1
        """,
        invoice,
    )
    if row is None:
        return None
    lines = await connection.fetch("SELECT * FROM invoice_lines WHERE invoice_id = $1 ORDER BY position", invoice)
    return InvoiceRow(
        id=row["id"],
        subscription=row["subscription_id"],
        kind=InvoiceKind(row["kind"]),
        source=row["source"],
        status=InvoiceStatus(row["status"]),
        currency=row["currency"],
        lines=tuple(line_of(line) for line in lines),
        total=row["total"],
        created_at=row["created_at"],
        issued_at=row["issued_at"],
        provider_id=row["provider_id"],
        levies=Levies(row["fee_percent"], tuple(row["tax_rate_ids"])),
    )


def line_of(row: Any) -> Line:
    """A row of `invoice_lines` as the rules see it."""
    rate: Decimal | None = row["rate"]
    return Line(
        kind=LineKind(row["kind"]),
        description=row["description"],
        amount=row["amount"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        quantity_seconds=row["quantity_seconds"],
        rate=None if rate is None else format_rate(rate),
        source=row["source"],
    )


async def find(connection: Connection, invoice: str) -> InvoiceRow:
    """The invoice. Raises LookupError when the books do not know it."""
    row = await load_invoice(connection, invoice)
    if row is None:
        raise LookupError(f"no invoice {invoice}")
    return row


def _fee(known: InvoiceRow, reading: InvoiceReading) -> int:
    """What the platform takes of it: of what is too small to be charged, with the invoice that it is charged with."""
    if not reading.amount_due:
        return 0
    return application_fee(known.levies.fee_percent, reading.total, reading.starting_balance, known.currency)


async def invoice_by_provider(connection: Connection, account: str, provider_id: str) -> InvoiceRow | None:
    """The invoice that the provider knows by this id, on this account only."""
    known: str | None = await connection.fetchval(
        "SELECT id FROM invoices WHERE (account_id, provider_id) = ($1, $2)", account, provider_id
    )
    return await load_invoice(connection, known) if known else None


async def mirror_invoice(connection: Connection, invoice: str, reading: InvoiceReading, at: datetime) -> InvoiceRow:
    """Take over number, status, amounts and links as Stripe has them.

    Status moves forward only: a reading that is older than what the books know changes nothing. Voiding gives back the
    credit that the invoice consumed. Raises LookupError for an unknown invoice.
    """
    await lock_client_of_invoice(connection, invoice)
    known = await find(connection, invoice)
    moves = may_become(known.status, reading.status)
    if not moves and known.status is not reading.status:
        return known
    await connection.execute(
        """
        UPDATE invoices SET status = $2, provider_id = $3, number = coalesce($4, number), provider_subtotal = $5,
            provider_total = $6, amount_due = $7, amount_paid = $8, starting_balance = $9, ending_balance = $10,
            paid_out_of_band = $11, hosted_url = coalesce($12, hosted_url), pdf_url = coalesce($13, pdf_url),
            issued_at = CASE WHEN $2 <> 'draft' THEN coalesce(issued_at, $14) END,
            settled_at = CASE WHEN $2 IN ('draft', 'open') THEN NULL WHEN $15 THEN $14 ELSE settled_at END,
            due_at = $16, application_fee = CASE WHEN issued_at IS NULL THEN $17 ELSE application_fee END
        WHERE id = $1
        """,
        invoice,
        reading.status.value,
        reading.provider_id,
        reading.number,
        reading.subtotal,
        reading.total,
        reading.amount_due,
        reading.amount_paid,
        reading.starting_balance,
        reading.ending_balance,
        reading.paid_out_of_band,
        reading.hosted_url,
        reading.pdf_url,
        at,
        moves,
        reading.due_at,
        _fee(known, reading),
    )
    await credit_notes.mirror(connection, invoice, reading.credit_notes)
    if reading.status is InvoiceStatus.VOID:
        await _give_back_credit(connection, invoice, at)
    return await find(connection, invoice)


async def withdraw_draft(connection: Connection, invoice: str, at: datetime) -> InvoiceRow:
    """A draft that is nothing at Stripe goes void, and gives back its credit. Repeatable; another one is refused."""
    await lock_client_of_invoice(connection, invoice)
    await connection.execute(
        "UPDATE invoices SET status = 'void', settled_at = $2 WHERE id = $1 AND status = 'draft' "
        "AND provider_id IS NULL",
        invoice,
        at,
    )
    row = await find(connection, invoice)
    if row.status is not InvoiceStatus.VOID:
        raise ValueError(f"{invoice} is {row.status}: it is not withdrawn")
    await _give_back_credit(connection, invoice, at)
    return row


async def settle_empty(connection: Connection, invoice: str, at: datetime) -> InvoiceRow:
    """An invoice of zero: issued and paid in our books, never at Stripe. Repeatable; another total is refused."""
    await lock_client_of_invoice(connection, invoice)
    await connection.execute(
        """
        UPDATE invoices SET status = 'paid', amount_due = 0, amount_paid = 0, issued_at = $2, settled_at = $2
        WHERE id = $1 AND status = 'draft' AND total = 0
        """,
        invoice,
        at,
    )
    row = await find(connection, invoice)
    if row.total != 0:
        raise ValueError(f"{invoice} is not empty: {row.total} {row.currency}")
    return row


async def keep_statement(connection: Connection, invoice: str, at: datetime) -> InvoiceRow:
    """A draft becomes a statement: final, with nothing due. Repeatable; what Stripe has, or is final, is refused."""
    await lock_client_of_invoice(connection, invoice)
    await connection.execute(
        """
        UPDATE invoices SET status = 'statement', amount_due = 0, amount_paid = 0, issued_at = $2
        WHERE id = $1 AND status = 'draft' AND provider_id IS NULL
        """,
        invoice,
        at,
    )
    row = await find(connection, invoice)
    if row.status is not InvoiceStatus.STATEMENT:
        raise ValueError(f"{invoice} is {row.status}: it is no statement")
    return row


async def _give_back_credit(connection: Connection, invoice: str, at: datetime) -> None:
    await connection.execute(
        "UPDATE credit_uses SET given_back_at = $2 WHERE invoice_id = $1 AND given_back_at IS NULL", invoice, at
    )
