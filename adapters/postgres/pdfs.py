"""The PDFs of invoices that somebody has asked for. Each says how its invoice stood: as paid it is another one."""

from datetime import datetime

from adapters.postgres.pool import Connection, Pool
from billing.invoices import InvoiceStatus


async def kept_pdf(source: Connection | Pool, agency: str, invoice: str, status: InvoiceStatus) -> bytes | None:
    """The invoice's PDF as it is while the invoice has this status; none when it was not asked for since."""
    content: bytes | None = await source.fetchval(
        "SELECT content FROM invoice_pdfs WHERE (agency_id, invoice_id, status) = ($1, $2, $3)",
        agency,
        invoice,
        status.value,
    )
    return content


async def keep_pdf(
    source: Connection | Pool, agency: str, invoice: str, status: InvoiceStatus, content: bytes, at: datetime
) -> None:
    """Keep the PDF in place of an earlier one."""
    await source.execute(
        """
        INSERT INTO invoice_pdfs (invoice_id, agency_id, status, content, fetched_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (invoice_id) DO UPDATE
        SET status = excluded.status, content = excluded.content, fetched_at = excluded.fetched_at
        """,
        invoice,
        agency,
        status.value,
        content,
        at,
    )
