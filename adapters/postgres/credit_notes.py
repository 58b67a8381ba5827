"""Credit notes as Stripe has them: ours, and those of its dashboard. Their amounts stand; one can only become void."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from adapters.ids import derived_id
from adapters.postgres.pool import Connection, Pool
from billing.credit_notes import CreditNoteReading, CreditNoteStatus


@dataclass(frozen=True)
class CreditNoteRow:
    """A credit note in our books. `order_id` is our id of what was asked for; none of one made in Stripe's dashboard.

    `before_payment` is the part of `amount`, in minor units, that lowered what was due.
    """

    id: str
    order_id: str | None
    provider_id: str
    number: str
    amount: int
    before_payment: int
    currency: str
    status: CreditNoteStatus
    reason: str | None
    memo: str | None
    created_at: datetime


_COLUMNS: Final = ", ".join(CreditNoteRow.__dataclass_fields__)


async def mirror(connection: Connection, invoice: str, notes: Sequence[CreditNoteReading]) -> None:
    """Take over all the notes that Stripe shows of the invoice. Repeatable; one that it shows no more is void.

    Only with the invoice's own reading: its lock is held.
    """
    await connection.execute(
        "UPDATE credit_notes SET status = 'void' WHERE invoice_id = $1 AND NOT provider_id = ANY ($2::text[])",
        invoice,
        [note.provider_id for note in notes if note.status == "issued"],
    )
    if not notes:
        return
    owner = await connection.fetchrow("SELECT agency_id, account_id FROM invoices WHERE id = $1", invoice)
    assert owner is not None, "it is being mirrored"
    for note in notes:
        await _insert(connection, owner["agency_id"], owner["account_id"], invoice, note)


async def of_invoice(source: Connection | Pool, agency: str, invoice: str) -> list[CreditNoteRow]:
    """The invoice's credit notes, the oldest first."""
    rows = await source.fetch(
        f"SELECT {_COLUMNS} FROM credit_notes WHERE (agency_id, invoice_id) = ($1, $2) ORDER BY created_at, number",
        agency,
        invoice,
    )
    return [CreditNoteRow(**row) for row in rows]


async def _insert(connection: Connection, agency: str, account: str, invoice: str, note: CreditNoteReading) -> None:
    values: dict[str, Any] = {
        "id": derived_id("cnt", account, note.provider_id),
        "agency_id": agency,
        "invoice_id": invoice,
        "account_id": account,
        "order_id": note.note,
        "provider_id": note.provider_id,
        "number": note.number,
        "amount": note.amount,
        "before_payment": note.before_payment,
        "currency": note.currency,
        "status": note.status,
        "reason": note.reason,
        "memo": note.memo,
        "created_at": note.created_at,
    }
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    await connection.execute(
        f"INSERT INTO credit_notes ({', '.join(values)}) VALUES ({places}) ON CONFLICT (id) DO NOTHING",
        *values.values(),
    )
