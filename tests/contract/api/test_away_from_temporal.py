"""Temporal is away: commands say so and change nothing, assigning is stored and delivered, reading goes on."""

from collections.abc import AsyncIterator

import pytest
from support.http import Site, refused, running_site
from support.servers import Eventually, StripeServer
from support.tenant import FAILS, Tenant, subscription_of

from api.tokens import Role

NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="session")
async def cut_off(site: Site, stripe_server: StripeServer) -> AsyncIterator[Site]:
    """A second API over the same books, whose Temporal nobody answers for."""
    database = site.settings.database_url.get_secret_value()
    async with running_site(database, stripe_server, NOBODY) as second:
        yield second


async def _seen_from(cut_off: Site, known: Tenant, eventually: Eventually) -> Tenant:
    api, engine = [await cut_off.agency(role, known.id) for role in (Role.AGENCY, Role.SERVICE)]
    return Tenant(cut_off, eventually, known.id, api, engine)


async def test_commands_answer_503_and_change_nothing(tenant: Tenant, cut_off: Site, eventually: Eventually) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    before = await tenant.live(client)
    away = await _seen_from(cut_off, tenant, eventually)
    path = subscription_of(client)
    for method, address, body in (
        ("POST", f"{path}/cancel", {"at": "now"}),
        ("DELETE", f"{path}/cancel", None),
        ("POST", f"{path}/retry", None),
        ("POST", f"/v1/agency/invoices/{invoice['id']}/void", {"reason": "away"}),
        ("POST", f"/v1/agency/invoices/{invoice['id']}/send", None),
    ):
        answer = await away.api.send(method, address, json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "temporarily_unavailable"), address
        assert answer.headers["Retry-After"] == "5"
    portal = await away.portal(client)
    with refused(503, "temporarily_unavailable"):
        await portal.post(f"/v1/portal/billing/invoices/{invoice['id']}/payments", {})
    after = await tenant.live(client)
    assert {**after, "as_of": ""} == {**before, "as_of": ""}
    assert (await tenant.invoice(client))["attempts"] == invoice["attempts"]


async def test_a_plan_is_assigned_all_the_same_and_started_later(
    tenant: Tenant, cut_off: Site, eventually: Eventually
) -> None:
    away = await _seen_from(cut_off, tenant, eventually)
    client = await away.client()
    answer = await away.api.send("PUT", subscription_of(client), json={"plan_id": await away.plan()})
    assert (answer.status_code, answer.json()["source"]) == (201, "projection")
    assert (await tenant.running(client))["id"] == answer.json()["id"]


async def test_a_custom_invoice_is_made_all_the_same_and_issued_later(
    tenant: Tenant, cut_off: Site, eventually: Eventually
) -> None:
    away = await _seen_from(cut_off, tenant, eventually)
    client = await away.client()
    lines = [{"description": "Set-up", "amount": {"amount": 500, "currency": "usd"}}]
    made = await away.api.post(f"/v1/agency/clients/{client}/invoices", {"lines": lines, "collection": "charge"})
    assert (made["status"], made["total"]["amount"]) == ("draft", 500)
    assert (await tenant.invoice(client))["id"] == made["id"]


async def test_reading_goes_on_from_the_books(tenant: Tenant, cut_off: Site, eventually: Eventually) -> None:
    client = await tenant.subscribed(FAILS)
    live, path = await tenant.running(client), subscription_of(client)
    schedule = await tenant.api.get(f"{path}/schedule")
    away = await _seen_from(cut_off, tenant, eventually)
    read = await away.live(client)
    assert read == {**live, "source": "projection", "as_of": read["as_of"]}
    assert await away.api.get(f"{path}/schedule") == {**schedule, "source": "projection"}
    assert (await away.api.get(f"{path}/forecast", months=1))["data"]
    portal = await away.portal(client)
    assert (await portal.get("/v1/portal/billing"))["banner"]["kind"] == "payment_failed"


async def test_the_process_is_alive_and_says_what_is_missing(site: Site, cut_off: Site) -> None:
    here, away = await site.caller(None), await cut_off.caller(None)
    assert await here.get("/livez") == await away.get("/livez") == {"status": "alive"}
    assert await here.get("/readyz") == {"status": "ready", "missing": [], "off": ["mail"]}
    answer = await away.send("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not_ready", "missing": ["temporal"], "off": ["mail"]}
