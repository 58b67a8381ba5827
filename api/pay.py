"""`/pay/{signed}`: where the links in messages lead (billing-rules 9). No login: the signature is the right to it.

It reads how things stand now, and leads on to Stripe's page or says kindly that there is nothing to do. Every answer
keeps the link to itself: no referrer, no cache, no index.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from adapters.links import Link, LinkEnded, LinkRefused
from adapters.postgres import agencies, clients, invoices
from adapters.postgres.agencies import Agency
from adapters.postgres.invoices import Invoice
from api import pdf, problems
from api.card_pages import open_card_page
from api.ids import made_id
from api.openapi import refusals
from api.pages import rendering
from api.pages.formats import formats_of
from api.problems import NotFound, Problem
from api.services import Services, Used
from billing.invoices import InvoiceStatus

router = APIRouter(prefix="/pay", tags=["Links in messages"])
_HTML: Final[dict[str, Any]] = {"text/html": {"schema": {"type": "string"}}}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    **refusals(HTTPStatus.NOT_FOUND, "not_found"),
    **refusals(HTTPStatus.CONFLICT, "stripe_not_ready"),
    **refusals(HTTPStatus.GONE, "link_ended"),
    **refusals(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
}
_SAID: Final = {
    HTTPStatus.NOT_FOUND: ("This link leads nowhere", "Please look whether it was copied whole."),
    HTTPStatus.CONFLICT: ("Not just now", "Please ask who sent you the link."),
    HTTPStatus.GONE: ("This link has ended", "Please ask for a new one."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Not just now", "Please try again in a minute. Nothing was changed."),
}
"""What a person reads in place of a problem."""


class Ended(Problem):
    """The link was good once."""

    status = HTTPStatus.GONE
    code = "link_ended"


@router.get(
    "/{signed}",
    summary="Where a message's link leads",
    response_class=HTMLResponse,
    response_model=None,
    responses={
        200: {"description": "A page that says that there is nothing to do, and why", "content": _HTML},
        303: {"description": "On to Stripe's page: the invoice, or a card's"},
        **_REFUSALS,
    },
)
async def follow(
    signed: str,
    services: Used,
    request: Request,
    back: Annotated[bool, Query(description="From Stripe's page")] = False,
) -> Response:
    """People get a page, also when it is refused; a program that takes JSON gets the problem."""
    try:
        agency, link = await _opened(services, signed)
        answer = await (
            _to_invoice(services, request, agency, link)
            if link.about == "invoice"
            else _to_card(services, request, agency, link, came_back=back)
        )
    except Exception as error:
        answer = await _refused(request, problems.problem_of(error))
    return _kept(answer)


@router.get(
    "/{signed}/pdf",
    summary="The PDF of a message's invoice",
    response_class=Response,
    responses={**pdf.DOCUMENTED, **_REFUSALS},
)
async def document(signed: str, services: Used, request: Request) -> Response:
    try:
        agency, link = await _opened(services, signed)
        answer = await pdf.pdf_answer(services, agency.id, await _invoice(services, link))
    except Exception as error:
        answer = await _refused(request, problems.problem_of(error))
    return _kept(answer)


async def _opened(services: Services, signed: str) -> tuple[Agency, Link]:
    """Raises NotFound, Ended."""
    try:
        link = services.links.read(signed, services.clock.now())
    except LinkRefused as refused:
        raise NotFound from refused
    except LinkEnded as ended:
        raise Ended("The link has ended. Ask for a new one.") from ended
    agency = await agencies.agency(services.database, link.agency)
    if agency is None:
        raise NotFound
    return agency, link


async def _invoice(services: Services, link: Link) -> Invoice:
    """The invoice that the link is for, once it has been sent. Raises NotFound."""
    found = await invoices.invoice(services.database, link.agency, link.subject)
    if link.about != "invoice" or found is None or not found.sent:
        raise NotFound
    return found


async def _to_invoice(services: Services, request: Request, agency: Agency, link: Link) -> Response:
    invoice = await _invoice(services, link)
    pdf_link = f"{request.url.path}/pdf"
    if invoice.status is not InvoiceStatus.OPEN:
        at, zone = invoice.settled_at, agency.timezone
        day = formats_of(request, zone).day(at, zone) if at else ""
        return await _page(request, agency, *_nothing_to_pay(invoice.status, day), pdf=pdf_link)
    # By the link that Stripe gives now, and believing what it says: the books may not have heard yet.
    reading = await services.payments.read_invoice(invoice.account_id, invoice.provider_id or "")
    if reading.status is not InvoiceStatus.OPEN or reading.hosted_url is None:
        return await _page(request, agency, *_nothing_to_pay(reading.status), pdf=pdf_link)
    return RedirectResponse(reading.hosted_url, HTTPStatus.SEE_OTHER)


async def _to_card(services: Services, request: Request, agency: Agency, link: Link, *, came_back: bool) -> Response:
    own = request.url.path
    if came_back:
        text = f"If you have entered a card, {agency.name} has it now. You can close this page."
        return await _page(request, agency, "Thank you", text, again=own)
    client = await clients.client(services.database, link.agency, link.subject)
    if link.about != "card" or client is None or client.archived_at is not None:
        raise NotFound
    # One page a minute for each link: what reads mails ahead, and a double click, open no pages without end.
    minute = services.clock.now().strftime("%Y-%m-%dT%H:%M")
    page = await open_card_page(
        services,
        agency,
        client,
        made_id("ses", f"{own.rpartition('/')[2]}:{minute}"),
        f"{services.settings.public_base_url}{own}?back=true",
    )
    return RedirectResponse(page.url, HTTPStatus.SEE_OTHER)


def _nothing_to_pay(status: InvoiceStatus, day: str = "") -> tuple[str, str]:
    """`day`: on which it was settled, where the books know."""
    on = f" on {day}" if day else ""
    match status:
        case InvoiceStatus.PAID:
            return "This invoice is paid", f"It was paid{on}. Thank you."
        case InvoiceStatus.VOID:
            return "This invoice was cancelled", f"It was cancelled{on}. There is nothing to pay."
        case _:
            return "This invoice can't be paid here", "Please ask who sent it to you."


async def _refused(request: Request, problem: Problem) -> Response:
    if "json" in request.headers.get("accept", "") or problem.status not in _SAID:
        return problems.response(problem)
    answer = await _page(request, None, *_SAID[problem.status], status=problem.status)
    answer.headers.update(problem.headers)
    return answer


async def _page(
    request: Request,
    agency: Agency | None,
    title: str,
    text: str,
    status: int = HTTPStatus.OK,
    pdf: str = "",
    again: str = "",
) -> Response:
    """Of one card, as who is signed out sees one. `again`: where another card is entered."""
    await rendering.lay_bar(request)
    return rendering.page(request, "pay.html", status, agency=agency, title=title, text=text, pdf=pdf, again=again)


def _kept(answer: Response) -> Response:
    """Under the policy of every page; and the address, which is the right to it, is told to nobody."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    return rendering.guarded(answer)
