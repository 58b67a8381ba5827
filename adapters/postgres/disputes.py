"""Disputes in the books, as Stripe has them, and the wake-up of whom each stops."""

from datetime import datetime
from typing import Any, Final

from adapters.ids import derived_id
from adapters.postgres import disputed, projection, trail
from adapters.postgres.locks import lock_client_of_invoice
from adapters.postgres.pool import Connection, Pool
from billing.disputes import DisputeReading, DisputeRow, DisputeStatus, is_over, may_become, told

_COLUMNS: Final = ", ".join(DisputeRow.__dataclass_fields__)


def _row(row: Any) -> DisputeRow:
    return DisputeRow(**{**row, "status": DisputeStatus(row["status"])})


async def mirror(connection: Connection, account: str, invoice: str, reading: DisputeReading, at: datetime) -> None:
    """Take over what Stripe shows of a dispute of the payment of this invoice. Repeatable, in any order."""
    client = await lock_client_of_invoice(connection, invoice)
    found = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM disputes WHERE (account_id, provider_id) = ($1, $2)", account, reading.provider_id
    )
    if found is None:
        entered = await _enter(connection, account, invoice, reading, at)
        if entered.card_identity:
            await disputed.stop(connection, client, account, entered.id, at)
    elif may_become(DisputeStatus(found["status"]), reading.status):
        await _tell(connection, await _update(connection, found["id"], reading, at), at)
    elif found["status"] == reading.status:
        await _update(connection, found["id"], reading, found["closed_at"] or at)


async def of_invoice(source: Connection | Pool, agency: str, invoice: str) -> list[DisputeRow]:
    """The invoice's disputes, the oldest first."""
    rows = await source.fetch(
        f"SELECT {_COLUMNS} FROM disputes WHERE (agency_id, invoice_id) = ($1, $2) ORDER BY created_at, id",
        agency,
        invoice,
    )
    return [_row(row) for row in rows]


async def _enter(
    connection: Connection, account: str, invoice: str, reading: DisputeReading, at: datetime
) -> DisputeRow:
    values: dict[str, Any] = {
        "id": derived_id("dsp", account, reading.provider_id),
        "agency_id": await connection.fetchval("SELECT agency_id FROM invoices WHERE id = $1", invoice),
        "invoice_id": invoice,
        "account_id": account,
        "provider_id": reading.provider_id,
        "charge_id": reading.charge,
        "amount": reading.amount,
        "currency": reading.currency,
        "status": reading.status,
        "reason": reading.reason,
        "card_identity": reading.card,
        "evidence_due_at": reading.evidence_due_at,
        "created_at": reading.created_at,
        "closed_at": at if is_over(reading.status) else None,
    }
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    entered = await connection.fetchrow(
        f"INSERT INTO disputes ({', '.join(values)}) VALUES ({places}) RETURNING {_COLUMNS}", *values.values()
    )
    dispute = _row(entered)
    await _tell(connection, dispute, at)
    return dispute


async def _update(connection: Connection, dispute: str, reading: DisputeReading, at: datetime) -> DisputeRow:
    """What can change of it; `at` is when it was over, if it is."""
    row = await connection.fetchrow(
        f"""
        UPDATE disputes SET status = $2, amount = $3, reason = $4, evidence_due_at = $5, closed_at = $6 WHERE id = $1
        RETURNING {_COLUMNS}
        """,
        dispute,
        reading.status,
        reading.amount,
        reading.reason,
        reading.evidence_due_at,
        at if is_over(reading.status) else None,
    )
    return _row(row)


async def _tell(connection: Connection, dispute: DisputeRow, at: datetime) -> None:
    """The trail and the agency's message of where the dispute stands now."""
    subscription = await connection.fetchval("SELECT subscription_id FROM invoices WHERE id = $1", dispute.invoice_id)
    state = await projection.load(connection, subscription)
    await trail.write(
        connection,
        dispute.agency_id,
        at=at,
        who="stripe",
        what=f"dispute_{dispute.status.value}",
        why=dispute.reason,
        client=state.client,
        subscription=state.id,
        detail={
            "dispute": dispute.id,
            "invoice": dispute.invoice_id,
            "amount": dispute.amount,
            "currency": dispute.currency,
        },
    )
    await trail.tell(connection, state, [told(dispute, at)])
