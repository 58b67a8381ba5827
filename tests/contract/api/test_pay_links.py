"""The links in messages: without a login, to what was signed and nothing else (billing-rules 9)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.http import Site, refused
from support.pages import Page
from support.tenant import FAILS, PAYS, Tenant

from adapters.links import LASTS, About, links_of


def _path(site: Site, about: About, agency: str, subject: str, at: datetime | None = None) -> str:
    link = links_of(site.settings).to(about, agency, subject, at or datetime.now(UTC))
    assert link.startswith(f"{site.base}/pay/")
    return link.removeprefix(site.base)


async def _get(site: Site, path: str, **headers: str) -> httpx.Response:
    """As a browser would, without following."""
    return await (await site.caller(None)).send("GET", path, headers={"accept": "text/html", **headers})


def _keeps_itself(answer: httpx.Response) -> bool:
    kept = {"referrer-policy": "no-referrer", "cache-control": "no-store", "x-robots-tag": "noindex"}
    alone = answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    return alone and all(answer.headers[name] == value for name, value in kept.items())


def _is_dressed(answer: httpx.Response) -> bool:
    """Whether it is a page like all others, with the one stylesheet."""
    page = Page(answer)
    return bool(page.title and page.one("main.plain") and page.one("link[rel=stylesheet]"))


async def test_an_invoices_link_leads_to_stripes_page_until_there_is_nothing_to_pay(tenant: Tenant) -> None:
    site = tenant.site
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    path = _path(site, "invoice", tenant.id, invoice["id"])

    open_ = await _get(site, path)
    assert open_.status_code == 303
    assert open_.headers["location"].startswith(str(site.settings.stripe_api_base))
    document = await _get(site, f"{path}/pdf")
    assert (document.status_code, document.headers["content-type"]) == (200, "application/pdf")
    assert _keeps_itself(open_)
    assert _keeps_itself(document)

    async with site.away():
        away = await _get(site, path)
    assert (away.status_code, "Please try again in a minute" in away.text) == (503, True)

    await tenant.api.post(f"/v1/agency/invoices/{invoice['id']}/void", {})
    void = await _get(site, path)
    assert (void.status_code, "This invoice was cancelled" in void.text) == (200, True)
    assert Page(void).link("The invoice as a PDF") == f"{path}/pdf"
    assert _keeps_itself(void)
    assert _is_dressed(void)


async def test_a_paid_invoice_says_so(tenant: Tenant) -> None:
    invoice = await tenant.invoice(await tenant.subscribed(PAYS))
    page = await _get(tenant.site, _path(tenant.site, "invoice", tenant.id, invoice["id"]))
    assert (page.status_code, "This invoice is paid" in page.text) == (200, True)
    settled = datetime.fromisoformat(invoice["settled_at"]).astimezone(UTC)
    assert f"It was paid on {settled:%b} {settled.day}, {settled.year}. Thank you." in page.text


async def test_a_card_is_asked_for_by_a_link_that_leads_to_stripes_page(tenant: Tenant) -> None:
    site, client = tenant.site, await tenant.client()
    await tenant.assign(client, start="first_card")
    link = (await tenant.api.post(f"/v1/agency/clients/{client}/card-requests", {}))["url"].removeprefix(site.base)
    (told,) = await site.pool.fetch(
        "SELECT n.kind, n.audience, d.channel FROM message_deliveries d JOIN notifications n "
        "ON n.id = d.notification_id WHERE n.client_id = $1",
        client,
    )
    assert tuple(told) == ("card_requested", "client", "mail")

    page = await _get(site, link)
    assert (page.status_code, _keeps_itself(page)) == (303, True)
    expiry = {"cvc": "123", "exp_month": "12", "exp_year": str(datetime.now(UTC).year + 3)}
    assert await site.stripe.type_card(page.headers["location"], {"number": PAYS, **expiry}) is None
    await tenant.invoice(client, settled=True)
    back = await _get(site, f"{link}?back=true")
    assert (back.status_code, "Thank you" in back.text) == (200, True)
    assert Page(back).link("Enter another card") == link
    assert _is_dressed(back)


async def test_who_reads_mails_ahead_opens_no_pages_without_end(tenant: Tenant) -> None:
    client = await tenant.client()
    path = _path(tenant.site, "card", tenant.id, client)
    opened = {(await _get(tenant.site, path)).headers["location"] for _ in range(3)}
    assert len(opened) <= 2, "one, or two when a minute ended meanwhile"


async def test_a_card_is_not_asked_for_in_vain(tenant: Tenant, bare: Tenant) -> None:
    with refused(409, "stripe_not_ready"):
        await bare.api.post(f"/v1/agency/clients/{await bare.client()}/card-requests", {})
    archived = await tenant.client()
    await tenant.api.post(f"/v1/agency/clients/{archived}/archive", {})
    with refused(409, "client_archived"):
        await tenant.api.post(f"/v1/agency/clients/{archived}/card-requests", {})
    gone = await _get(tenant.site, _path(tenant.site, "card", tenant.id, archived))
    assert gone.status_code == 404


async def test_a_request_that_is_repeated_mails_once(tenant: Tenant) -> None:
    client = await tenant.client()
    path, key = f"/v1/agency/clients/{client}/card-requests", {"Idempotency-Key": f"card-{client}"}
    answers = [await tenant.api.send("POST", path, json={}, headers=key) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert await tenant.site.pool.fetchval("SELECT count(*) FROM notifications WHERE client_id = $1", client) == 1


@pytest.mark.parametrize("ending", ["", "/pdf"])
async def test_no_link_no_page(tenant: Tenant, other: Tenant, ending: str) -> None:
    site, client = tenant.site, await tenant.subscribed(PAYS)
    invoice = (await tenant.invoice(client))["id"]
    ended = datetime.now(UTC) - LASTS["invoice"] - timedelta(days=1)
    cases: list[tuple[str, int]] = [
        ("/pay/nothing", 404),
        (_path(site, "invoice", tenant.id, invoice)[:-2] + "AA", 404),
        (_path(site, "invoice", other.id, invoice), 404),
        (_path(site, "invoice", tenant.id, "inv_nobody"), 404),
        (_path(site, "invoice", tenant.id, client), 404),
        (_path(site, "card", tenant.id, invoice), 404),
        (_path(site, "invoice", tenant.id, invoice, ended), 410),
    ]
    for path, status in cases:
        page = await _get(site, path + ending)
        problem = await _get(site, path + ending, accept="application/json")
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8"), path
        assert _keeps_itself(page)
        assert _is_dressed(page)
        said: Any = problem.json()
        assert (problem.status_code, said["code"]) == (status, {404: "not_found", 410: "link_ended"}[status])
