"""All invoices as a table that a spreadsheet opens, and does not execute."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from starlette.responses import StreamingResponse

from adapters.postgres.exporting import invoice_batches
from api.guard import Calling
from api.services import Used
from api.tenant import agency_router, own_agency
from billing.money import show

router = agency_router("Figures", "/export")

_AMOUNTS: Final = ("total", "tax", "balance_applied", "amount_due", "amount_paid")
COLUMNS: Final = (
    "id",
    "number",
    "client_id",
    "client_name",
    "external_id",
    "subscription_id",
    "kind",
    "status",
    "currency",
    *_AMOUNTS,
    "paid_out_of_band",
    "created_at",
    "issued_at",
    "settled_at",
)
_FORMULAS: Final = tuple("=+-@＝＋－＠")
"""What makes a spreadsheet take a cell's text for something to be worked out."""
_EXAMPLE: Final = ",".join(COLUMNS) + (
    "\r\ninv_3f5m7kq2n4b6c8d0e2f4_p2,VNLPKQDN-0002,cli_3f5m7kq2n4b6c8d0e2f4,Harbor Dental,crm-1041,"
    "sub_3f5m7kq2n4b6c8d0e2f4,period,paid,usd,62.44,0.00,0.00,62.44,62.44,false,2026-11-23T15:00:00Z,"
    "2026-11-23T15:00:02Z,2026-11-23T15:00:04Z\r\n"
)


@router.get(
    "/invoices.csv",
    summary="All invoices as CSV",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
)
async def invoices(services: Used, caller: Calling) -> StreamingResponse:
    """The oldest first, drafts included. Amounts are in major units, as 62.44; times are UTC. Text that a spreadsheet
    would take for a formula begins with an apostrophe."""
    agency = await own_agency(services, caller)
    return StreamingResponse(
        table(invoice_batches(services.database, agency.id)),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": 'attachment; filename="invoices.csv"'},
    )


async def table(batches: AsyncIterator[list[Any]]) -> AsyncIterator[str]:
    """RFC 4180: the header, then a piece for each batch."""
    yield _written([COLUMNS])
    async for batch in batches:
        yield _written([[_cell(row, name) for name in COLUMNS] for row in batch])


def _written(rows: list[Any]) -> str:
    piece = io.StringIO()
    csv.writer(piece).writerows(rows)
    return piece.getvalue()


def _cell(row: Any, name: str) -> str:
    value = row[name]
    if name in _AMOUNTS:
        return show(value, row["currency"]).partition(" ")[0]
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return inert(str(value))


def inert(text: str) -> str:
    """The text as a cell that no spreadsheet works out."""
    worked_out = text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(_FORMULAS)
    return f"'{text}" if worked_out else text
