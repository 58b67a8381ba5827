"""Stripe's events at the door: verified, stored once, answered; everything else is turned away."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from support.http import Json, Site, fresh, receive_events, running_site
from support.servers import Eventually, StripeServer
from support.tenant import FAILS, Tenant

from adapters.stripe.events import EVENTS

PLATFORM, CONNECT = "/webhooks/stripe", "/webhooks/stripe/connect"
STALE: Final = 301
NEW_SECRET: Final = "whsec_new_" + "n" * 24


def event(**changes: Any) -> Json:
    whole = {
        "id": fresh("evt_test").replace("-", "_"),
        "object": "event",
        "type": "customer.updated",
        "account": "acct_nobody",
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": {"id": "cus_nobody", "object": "customer"}},
    }
    return {**whole, **changes}


def signature(body: bytes, secret: str, at: float | None = None) -> str:
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def secret_of(site: Site, path: str) -> str:
    settings = site.settings
    secrets = settings.stripe_webhook_secret if path == PLATFORM else settings.stripe_connect_webhook_secret
    return secrets[0].get_secret_value()


async def deliver(site: Site, path: str, body: bytes, header: str | None) -> httpx.Response:
    caller = await site.caller(None)
    return await caller.send("POST", path, content=body, headers={"Stripe-Signature": header} if header else {})


async def stored(site: Site, id: str) -> int:
    found: int = await site.pool.fetchval("SELECT count(*) FROM inbox WHERE event_id = $1", id)
    return found


@pytest.fixture(scope="session")
async def rotating(site: Site, stripe_server: StripeServer) -> AsyncIterator[Site]:
    """The same site while the secret of its connected accounts' endpoint is rotated."""
    database = site.settings.database_url.get_secret_value()
    both = f"{NEW_SECRET},{secret_of(site, CONNECT)}"
    async with running_site(database, stripe_server, "127.0.0.1:1", stripe_connect_webhook_secret=both) as second:
        yield second


@pytest.mark.parametrize("path", [PLATFORM, CONNECT])
async def test_a_signed_event_is_stored_once_and_answered(site: Site, path: str) -> None:
    known = event()
    body = json.dumps(known).encode()
    for _ in range(3):
        answer = await deliver(site, path, body, signature(body, secret_of(site, path)))
        assert (answer.status_code, answer.json()) == (200, {"received": True})
    row = await site.pool.fetchrow(
        "SELECT account, type, object_id, payload FROM inbox WHERE event_id = $1", known["id"]
    )
    assert await stored(site, known["id"]) == 1
    assert (row["account"], row["type"], row["object_id"]) == ("acct_nobody", "customer.updated", "cus_nobody")
    assert row["payload"] == known


@pytest.mark.parametrize("type", ["account.updated", "capability.updated"])
async def test_what_stripe_says_of_the_platforms_own_account_is_nobodys_news(
    site: Site, type: str, eventually: Eventually
) -> None:
    known = event(type=type, data={"object": {"id": "acct_platform", "object": "account"}})
    del known["account"]
    body = json.dumps(known).encode()
    await deliver(site, PLATFORM, body, signature(body, secret_of(site, PLATFORM)))

    async def done() -> bool:
        found: bool = await site.pool.fetchval("SELECT done_at IS NOT NULL FROM inbox WHERE event_id = $1", known["id"])
        return found

    assert await eventually(done)


async def test_the_same_id_of_another_account_is_another_event(site: Site) -> None:
    known = event()
    for account in ("acct_one", "acct_two"):
        body = json.dumps({**known, "account": account}).encode()
        await deliver(site, CONNECT, body, signature(body, secret_of(site, CONNECT)))
    assert await stored(site, known["id"]) == 2


async def test_an_unsigned_or_foreign_event_is_turned_away(site: Site) -> None:
    known = event()
    body = json.dumps(known).encode()
    good = signature(body, secret_of(site, CONNECT))
    wrong = {
        "nothing": None,
        "another secret": signature(body, "whsec_somebody_else"),
        "the other endpoint's": signature(body, secret_of(site, PLATFORM)),
        "another body's": signature(body + b" ", secret_of(site, CONNECT)),
        "another scheme": good.replace("v1=", "v0="),
        "no time": good.partition(",")[2],
        "another time": good.replace("t=", "t=1"),
    }
    for why, header in wrong.items():
        answer = await deliver(site, CONNECT, body, header)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature"), why
        assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(site, known["id"]) == 0


@pytest.mark.parametrize(("seconds", "status"), [(-STALE, 400), (STALE + 2, 400), (-280, 200), (280, 200)])
async def test_a_signature_is_good_for_five_minutes_either_way(site: Site, seconds: int, status: int) -> None:
    known = event()
    body = json.dumps(known).encode()
    header = signature(body, secret_of(site, CONNECT), time.time() + seconds)
    answer = await deliver(site, CONNECT, body, header)
    assert answer.status_code == status
    assert answer.json().get("code") == (None if status == 200 else "stale_timestamp")
    assert await stored(site, known["id"]) == (1 if status == 200 else 0)


async def test_an_event_of_the_other_mode_is_answered_and_forgotten(site: Site) -> None:
    known = event(livemode=True)
    body = json.dumps(known).encode()
    answer = await deliver(site, CONNECT, body, signature(body, secret_of(site, CONNECT)))
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert await stored(site, known["id"]) == 0


@pytest.mark.parametrize("body", [b"[]", b'"event"', b'{"id": 7}', b"{}", b'{"id": "evt_1", "type": "x"}', b"null"])
async def test_what_is_signed_and_no_event_is_unreadable(site: Site, body: bytes) -> None:
    answer = await deliver(site, CONNECT, body, signature(body, secret_of(site, CONNECT)))
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")


async def test_while_a_secret_is_rotated_both_are_good(site: Site, rotating: Site) -> None:
    for secret in (NEW_SECRET, secret_of(site, CONNECT)):
        known = event()
        body = json.dumps(known).encode()
        header = signature(body, secret)
        assert (await deliver(rotating, CONNECT, body, header)).status_code == 200
        assert await stored(site, known["id"]) == 1
    both = f"{signature(body, 'whsec_old')},{signature(body, secret_of(site, CONNECT)).partition(',')[2]}"
    assert (await deliver(rotating, CONNECT, body, both)).status_code == 200


async def test_an_event_of_nobodys_account_is_done_and_wakes_nobody(site: Site, tenant: Tenant) -> None:
    known = event()
    body = json.dumps(known).encode()
    await deliver(site, CONNECT, body, signature(body, secret_of(site, CONNECT)))

    async def done() -> bool:
        return bool(await site.pool.fetchval("SELECT done_at IS NOT NULL FROM inbox WHERE event_id = $1", known["id"]))

    await tenant.eventually(done)
    readers = "SELECT count(*) FROM inbox_readers r JOIN inbox i ON i.id = r.inbox_id WHERE i.event_id = $1"
    assert await site.pool.fetchval(readers, known["id"]) == 0


async def test_an_event_is_a_hint_and_stripe_is_asked(site: Site, tenant: Tenant) -> None:
    """A signed event that says paid, of an invoice that Stripe shows as open, pays nothing."""
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    account = await site.pool.fetchval("SELECT account_id FROM subscriptions WHERE client_id = $1", client)
    subject = {"id": invoice["stripe_invoice_id"], "object": "invoice", "status": "paid", "paid": True}
    known = event(type="invoice.paid", account=account, data={"object": subject})
    body = json.dumps(known).encode()
    await deliver(site, CONNECT, body, signature(body, secret_of(site, CONNECT)))

    async def read() -> bool:
        query = "SELECT bool_and(r.read_at IS NOT NULL) FROM inbox_readers r JOIN inbox i ON i.id = r.inbox_id"
        return bool(await site.pool.fetchval(f"{query} WHERE i.event_id = $1", known["id"]))

    await tenant.eventually(read)
    assert (await tenant.invoice(client))["status"] == "open"
    assert (await tenant.live(client))["open_invoices"] == 1


async def test_the_emulator_sends_the_events_that_production_is_sent(site: Site) -> None:
    await receive_events(site)
    known = (await site.stripe._http.get("/v1/webhook_endpoints", headers=site.stripe._as_platform)).json()["data"]
    assert {tuple(endpoint["enabled_events"]) for endpoint in known} == {tuple(sorted(EVENTS))}
