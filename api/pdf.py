"""An invoice's PDF, under an address of ours: Stripe makes it, its links expire, so what was fetched is kept."""

import logging
import re
from typing import Any, Final

import httpx
from starlette.responses import Response

from adapters.postgres.invoices import Invoice
from adapters.postgres.pdfs import keep_pdf, kept_pdf
from api.problems import NotFound, TemporarilyUnavailable
from api.services import Services
from billing.invoices import InvoiceStatus

MEDIA_TYPE: Final = "application/pdf"
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The PDF", "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}
"""What a route that answers with a PDF says of it."""
_FETCH_SECONDS: Final = 15.0
_LARGEST_BYTES: Final = 10 * 1024 * 1024
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")

log = logging.getLogger(__name__)


def pdf_link(services: Services, path: str, invoice: Invoice) -> str | None:
    """Where the PDF is; none while there is none. `path` is the address of the invoice itself."""
    return f"{services.settings.public_base_url}{path}/{invoice.id}/pdf" if invoice.sent else None


async def pdf_answer(services: Services, agency: str, invoice: Invoice) -> Response:
    """The PDF of the agency's invoice as it stands now.

    Raises NotFound while there is none, TemporarilyUnavailable and PaymentTrouble when Stripe does not give it.
    """
    if not invoice.sent:
        raise NotFound("There is no PDF of this invoice.")
    content = await kept_pdf(services.database, agency, invoice.id, invoice.status)
    if content is None:
        status, content = await _fetch(services, invoice)
        await keep_pdf(services.database, agency, invoice.id, status, content, services.clock.now())
    name = _NOT_IN_A_NAME.sub("_", invoice.number or invoice.id)
    return Response(content, media_type=MEDIA_TYPE, headers={"Content-Disposition": f'inline; filename="{name}.pdf"'})


async def _fetch(services: Services, invoice: Invoice) -> tuple[InvoiceStatus, bytes]:
    """The PDF by the link that Stripe gives now: the one that we were given with the invoice may have expired."""
    reading = await services.payments.read_invoice(invoice.account_id, invoice.provider_id or "")
    if reading.pdf_url is None or reading.status is InvoiceStatus.DRAFT:
        raise NotFound("There is no PDF of this invoice.")
    try:
        return reading.status, await _download(reading.pdf_url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Not the error itself: it names the link, and whoever has that can read the invoice.
        why = (
            f"status {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
        )
        log.warning("the PDF of %s can't be fetched: %s", invoice.id, why)
        raise TemporarilyUnavailable("Stripe does not give the PDF just now.") from error


async def _download(url: str) -> bytes:
    """All of it before the first byte is passed on: a PDF that is cut off must not look like one. Raises HTTPError."""
    content = bytearray()
    async with (
        httpx.AsyncClient(timeout=_FETCH_SECONDS, follow_redirects=True) as client,
        client.stream("GET", url) as reply,
    ):
        reply.raise_for_status()
        async for chunk in reply.aiter_bytes():
            content += chunk
            if len(content) > _LARGEST_BYTES:
                raise httpx.HTTPError(f"more than {_LARGEST_BYTES} bytes")
    if not content.startswith(b"%PDF"):
        raise httpx.HTTPError("not a PDF")
    return bytes(content)
