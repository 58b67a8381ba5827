"""Drafting an invoice: the lines that are owed, the credit at hand, and what both use up, in one transaction."""

from datetime import datetime

from adapters.postgres.invoicing import find
from adapters.postgres.locks import lock_client
from adapters.postgres.pool import Connection, Pool
from billing.invoices import Draft, Line, compose, total
from billing.ledger import InvoiceRow, NewInvoice
from billing.state import State


class EntriesGone(Exception):
    """Late entries that the lines bill are settled by another invoice, or are not there: nothing is drafted."""


async def draft_invoice(connection: Connection, state: State, new: NewInvoice) -> InvoiceRow:
    """The live invoice of this source: drafted now, consuming credits and settling late entries, or as it is.

    Raises EntriesGone, and what billing.invoices.compose raises.
    """
    await lock_client(connection, state.client)
    known = await connection.fetchval(
        """
        SELECT id FROM invoices WHERE id = $1 OR ((subscription_id, kind, source) = ($2, $3, $4) AND status <> 'void')
        ORDER BY status = 'void' LIMIT 1
        """,
        new.id,
        state.id,
        new.kind.value,
        new.source,
    )
    if known is not None:
        return await find(connection, known)
    draft = compose(new.lines, await credit_left(connection, state.client, state.terms.currency), state.terms.currency)
    await _insert(connection, state, new, draft)
    await _insert_lines(connection, state.agency, new.id, draft.lines)
    await _settle(connection, state, new)
    if draft.new_credit:
        await _add_credit(connection, state, new, draft.new_credit)
    await _consume_credit(connection, state, new, draft.credit_used)
    return await find(connection, new.id)


async def credit_left(connection: Connection | Pool, client: str, currency: str) -> int:
    """The credit that the client's next invoice may consume, in minor units (billing-rules 5)."""
    left: int = await connection.fetchval(
        "SELECT coalesce(sum(amount - consumed), 0)::bigint FROM credits WHERE client_id = $1 AND currency = $2",
        client,
        currency,
    )
    return left


async def _insert(connection: Connection, state: State, new: NewInvoice, draft: Draft) -> None:
    closed = next((issue.closed for issue in state.to_issue if issue.invoice == new.id), None)
    await connection.execute(
        """
        INSERT INTO invoices (id, agency_id, client_id, subscription_id, kind, source, status, currency, total,
                              credit_used, opens_period, closed_period, account_id, customer_id, created_at,
                              fee_percent, tax_rate_ids)
        SELECT $1, $2, $3, $4, $5, $6, 'draft', $7, $8, $9,
               coalesce($10, (SELECT opens_period FROM invoices WHERE id = $15)),
               coalesce($11, (SELECT closed_period FROM invoices WHERE id = $15)),
               nullif($12, ''), nullif($13, ''), $14,
               application_fee_percent, CASE tax_mode WHEN 'rates' THEN tax_rate_ids ELSE '{}' END
        FROM agencies WHERE id = $2
        """,
        new.id,
        state.agency,
        state.client,
        state.id,
        new.kind.value,
        new.source,
        state.terms.currency,
        total(draft.lines),
        draft.credit_used,
        new.opens.number if new.opens else None,
        closed.number if closed else None,
        state.account,
        state.customer,
        new.at,
        new.revises,
    )


async def _insert_lines(connection: Connection, agency: str, invoice: str, lines: tuple[Line, ...]) -> None:
    await connection.executemany(
        """
        INSERT INTO invoice_lines (invoice_id, position, agency_id, kind, description, amount, period_start, period_end,
                                   quantity_seconds, rate, source)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::numeric, $11)
        """,
        [
            (
                invoice,
                position,
                agency,
                line.kind.value,
                line.description,
                line.amount,
                line.period_start,
                line.period_end,
                line.quantity_seconds,
                line.rate,
                line.source,
            )
            for position, line in enumerate(lines, start=1)
        ],
    )


async def _settle(connection: Connection, state: State, new: NewInvoice) -> None:
    """Mark the late entries as settled by this invoice, and count them to their periods (billing-rules 4)."""
    periods = await connection.fetch(
        """
        WITH settled AS (
            UPDATE late_entries SET settled_by = $1, settled_at = $2
            WHERE id = ANY ($3::bigint[]) AND settled_by IS NULL AND subscription_id = $4 RETURNING period, seconds
        )
        SELECT period, sum(seconds)::bigint AS seconds, count(*) AS entries FROM settled GROUP BY period
        """,
        new.id,
        new.at,
        new.late,
        state.id,
    )
    if sum(row["entries"] for row in periods) != len(new.late):
        raise EntriesGone(f"{new.id}: late entries {new.late}")
    await connection.executemany(
        "UPDATE periods SET settled_late_seconds = settled_late_seconds + $3 "
        "WHERE (subscription_id, number) = ($1, $2)",
        [(state.id, row["period"], row["seconds"]) for row in periods],
    )


async def _add_credit(connection: Connection, state: State, new: NewInvoice, amount: int) -> None:
    await connection.execute(
        "INSERT INTO credits (agency_id, client_id, currency, amount, invoice_id, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        state.agency,
        state.client,
        state.terms.currency,
        amount,
        new.id,
        new.at,
    )


async def _consume_credit(connection: Connection, state: State, new: NewInvoice, amount: int) -> None:
    """Use up the oldest credits first. A credit's own check refuses more than it holds, whoever comes."""
    credits = await connection.fetch(
        "SELECT id, amount - consumed AS left FROM credits "
        "WHERE client_id = $1 AND currency = $2 AND consumed < amount ORDER BY id",
        state.client,
        state.terms.currency,
    )
    uses: list[tuple[int, str, str, int, datetime]] = []
    for credit in credits:
        use = min(credit["left"], amount)
        if use > 0:
            uses.append((credit["id"], new.id, state.agency, use, new.at))
            amount -= use
    await connection.executemany(
        "INSERT INTO credit_uses (credit_id, invoice_id, agency_id, amount, used_at) VALUES ($1, $2, $3, $4, $5)", uses
    )
