"""What a client sees and does: the billing page, its invoices, paying now, a new card."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.http import Client, Json, Site, refused
from support.tenant import ANOTHER_THAT_PAYS, FAILS, PAYS, RETURN_URL, Tenant, new_tenant, subscription_of

from api.tokens import Role

BILLING = "/v1/portal/billing"
NAVIGATION = "/v1/portal/navigation"
SESSIONS = f"{BILLING}/payment-method-sessions"
CALLS = (
    ("GET", BILLING),
    ("GET", f"{BILLING}/usage/daily"),
    ("GET", f"{BILLING}/invoices"),
    ("GET", f"{BILLING}/invoices/inv_1"),
    ("GET", f"{BILLING}/invoices/inv_1/pdf"),
    ("POST", f"{BILLING}/invoices/inv_1/payments"),
    ("POST", SESSIONS),
)


async def without_permission(tenant: Tenant, client: str) -> Client:
    return await tenant.site.caller(tenant.site.token(Role.CLIENT, tenant.id, client))


async def pay(portal: Client, invoice: str, **how: Any) -> Any:
    return await portal.send("POST", f"{BILLING}/invoices/{invoice}/payments", **how)


async def test_the_page_shows_plan_usage_next_invoice_and_card(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, starts_at=tenant.ago(days=2))
    await tenant.save_card(client, PAYS)
    await tenant.invoice(client, settled=True)
    days = {datetime.fromisoformat(tenant.ago(hours=1)).date().isoformat()}
    await tenant.report(client, 600, 12)
    days.add(datetime.fromisoformat(tenant.ago(hours=1)).date().isoformat())
    live = await tenant.live(client)
    page = await (await tenant.portal(client)).get(BILLING)

    assert datetime.now(UTC) - datetime.fromisoformat(page["as_of"]) < timedelta(minutes=1)
    assert page["agency"] == {"name": "Bright Voice", "support": {"email": None, "phone": None, "url": None}}
    assert page["plan"] == {
        "name": "Voice Pro",
        "tier": "pro",
        "price": {"amount": 4900, "currency": "usd"},
        "included_minutes": 500,
        "overage_rate": {"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
    }
    assert page["subscription"] == {
        "status": "active",
        "starts_at": None,
        "current_period": live["current_period"],
        "trial_end": None,
        "pending_change": None,
        "pause_at": None,
        "cancel_at": None,
        "paused_reason": None,
        "collection": "automatic",
    }
    usage = page["usage"]
    assert float(usage.pop("projected_minutes")) > 15 * 500
    assert usage == {
        "seconds_used": 36720,
        "minutes_used": "612.0",
        "minutes_included": 500,
        "minutes_remaining": "0.0",
        "overage_minutes": "112.0",
        "overage_so_far": {"amount": 1400, "currency": "usd"},
        "percent": 122.4,
    }
    end = datetime.fromisoformat(live["current_period"]["end"])
    assert datetime.fromisoformat(page["next_invoice"]["at"]) == end + timedelta(hours=1)
    assert page["next_invoice"]["estimate"] == {"amount": 4900 + 1400, "currency": "usd"}
    card = page["payment_method"]
    assert (card["brand"], card["last4"], card["exp_month"]) == ("visa", "4242", 12)
    assert page["banner"] is None

    daily = await (await tenant.portal(client)).get(f"{BILLING}/usage/daily")
    (shown,) = daily["data"]
    assert (daily["timezone"], shown["minutes"]) == ("UTC", "612.0")
    assert shown["date"] in days


async def test_without_a_subscription_the_page_is_there_and_says_nothing(tenant: Tenant) -> None:
    page = await (await tenant.portal(await tenant.client())).get(BILLING)
    nothing = ("plan", "subscription", "usage", "next_invoice", "payment_method", "banner")
    assert [page[name] for name in nothing] == [None] * 6


async def test_a_plan_that_includes_nothing_has_no_percent(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, await tenant.plan(included_minutes=0), starts_at=tenant.ago(days=1))
    await tenant.report(client, 8)
    usage = (await (await tenant.portal(client)).get(BILLING))["usage"]
    assert (usage["percent"], usage["overage_so_far"]["amount"]) == (None, 100)


async def test_a_limit_that_is_nearly_reached_is_not_called_reached(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, await tenant.plan(included_minutes=2500), starts_at=tenant.ago(days=1))
    await tenant.report(client, 1200, 1299)
    assert (await (await tenant.portal(client)).get(BILLING))["usage"]["percent"] == 99.9


async def test_support_is_the_agencys_own(own: Tenant) -> None:
    support = {"email": "help@bright.example", "phone": None, "url": "https://bright.example/help"}
    await own.api.patch("/v1/agency/settings", {"support": support})
    page = await (await own.portal(await own.client())).get(BILLING)
    assert page["agency"]["support"] == support


async def test_a_failed_payment_stands_over_the_page_with_what_can_be_done(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    ladder = (await tenant.live(client))["ladder"]
    banner = (await (await tenant.portal(client)).get(BILLING))["banner"]
    assert banner == {
        "kind": "payment_failed",
        "reason": "Your card was declined.",
        "invoice_id": invoice["id"],
        "amount_due": {"amount": 4900, "currency": "usd"},
        "open_invoices": 1,
        "next_attempt_at": ladder["next_attempt_at"],
        "attempts_left": 3,
        "next_attempts": [
            {
                "at": ladder["next_attempt_at"],
                "amount": {"amount": 4900, "currency": "usd"},
                "attempts_left": 3,
            }
        ],
        "obstacle": None,
        "possible_at": None,
        "sent": False,
        "actions": ["update_payment_method", "pay_now"],
    }


async def test_a_missing_card_and_an_awaited_one_stand_over_the_page(tenant: Tenant) -> None:
    owing, waiting = await tenant.client(), await tenant.client()
    await tenant.assign(owing)
    await tenant.invoice(owing)
    await tenant.assign(waiting, start="first_card")
    for client, status in ((owing, "active"), (waiting, "awaiting_card")):
        page = await (await tenant.portal(client)).get(BILLING)
        assert (page["subscription"]["status"], page["banner"]["kind"]) == (status, "no_payment_method")
        assert page["banner"]["actions"] == ["update_payment_method"]


async def test_invoices_are_the_clients_own_in_its_words(tenant: Tenant, site: Site) -> None:
    paying, owing = await asyncio.gather(tenant.subscribed(PAYS), tenant.subscribed(FAILS))
    theirs = await tenant.invoice(owing)
    portal = await tenant.portal(paying)
    (shown,) = (await portal.get(f"{BILLING}/invoices"))["data"]
    agencys = await tenant.invoice(paying)
    assert shown == {
        "id": agencys["id"],
        "number": agencys["number"],
        "issued_at": agencys["issued_at"],
        "due_at": None,
        "amount": {"amount": 4900, "currency": "usd"},
        "total": {"amount": 4900, "currency": "usd"},
        "tax": {"amount": 0, "currency": "usd"},
        "balance_applied": {"amount": 0, "currency": "usd"},
        "credited": {"amount": 0, "currency": "usd"},
        "amount_paid": {"amount": 4900, "currency": "usd"},
        "amount_refunded": {"amount": 0, "currency": "usd"},
        "paid_out_of_band": False,
        "status": "paid",
        "collectible": False,
        "payable": False,
        "pay_url": None,
        "disputed": False,
        "lines": agencys["lines"],
        "pdf_url": f"{site.base}{BILLING}/invoices/{agencys['id']}/pdf",
    }
    assert await portal.get(f"{BILLING}/invoices/{shown['id']}") == shown
    failed = await (await tenant.portal(owing)).get(f"{BILLING}/invoices/{theirs['id']}")
    assert (failed["status"], failed["collectible"], failed["amount_paid"]["amount"]) == ("failed", True, 0)
    assert (failed["payable"], failed["pay_url"]) == (True, None)
    for path in (f"{BILLING}/invoices/{theirs['id']}", f"{BILLING}/invoices/{theirs['id']}/pdf"):
        with refused(404, "not_found"):
            await portal.get(path)
    with refused(404, "not_found"):
        await portal.post(f"{BILLING}/invoices/{theirs['id']}/payments", {})


async def test_the_pdf_is_the_clients_to_read(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    invoice = await tenant.invoice(client)
    portal = await tenant.portal(client)
    answer = await portal.send("GET", f"{BILLING}/invoices/{invoice['id']}/pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF")


async def test_an_invoice_of_zero_was_never_sent(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, first_period="free")
    invoice = await tenant.invoice(client)
    portal = await tenant.portal(client)
    assert (await portal.get(f"{BILLING}/invoices"))["data"] == []
    with refused(404, "not_found"):
        await portal.get(f"{BILLING}/invoices/{invoice['id']}")


# Who may


async def test_the_permission_is_asked_for_first_and_everywhere(tenant: Tenant) -> None:
    small = await new_tenant(tenant.site, tenant.eventually, ready=False, tier="starter")
    for agency in (tenant, small):
        portal = await without_permission(agency, await agency.client())
        for method, path in CALLS:
            answer = await portal.send(method, path, json={} if method == "POST" else None)
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_required"), path
        assert await portal.get(NAVIGATION) == {"sections": []}


async def test_the_section_is_there_from_the_tier_growth_on(tenant: Tenant) -> None:
    small = await new_tenant(tenant.site, tenant.eventually, ready=False, tier="starter")
    portal = await small.portal(await small.client())
    assert await portal.get(NAVIGATION) == {"sections": []}
    for method, path in CALLS:
        answer = await portal.send(method, path, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "billing_not_available"), path
    large = await tenant.portal(await tenant.client())
    assert await large.get(NAVIGATION) == {"sections": ["billing"]}


async def test_who_was_billed_keeps_the_section_when_the_tier_falls(own: Tenant, platform: Client) -> None:
    billed, never = await own.subscribed(PAYS), await own.client()
    await platform.patch(f"/v1/agencies/{own.id}", {"tier": "starter"})
    kept = await own.portal(billed)
    assert await kept.get(NAVIGATION) == {"sections": ["billing"]}
    assert len((await kept.get(f"{BILLING}/invoices"))["data"]) == 1
    gone = await own.portal(never)
    assert await gone.get(NAVIGATION) == {"sections": []}
    with refused(403, "billing_not_available"):
        await gone.get(BILLING)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{BILLING}/plan"),
        ("PUT", f"{BILLING}/subscription"),
        ("POST", f"{BILLING}/subscription/cancel"),
        ("DELETE", f"{BILLING}/subscription"),
        ("POST", f"{BILLING}/plan-changes"),
        ("PATCH", f"{BILLING}/rate"),
        ("POST", f"{BILLING}/invoices/inv_1/void"),
        ("POST", f"{BILLING}/usage"),
    ],
)
async def test_no_call_changes_plan_rate_or_price_or_cancels(bystander: Tenant, method: str, path: str) -> None:
    portal = await bystander.portal("cli_1")
    answer = await portal.send(method, path, json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_agencys_addresses_are_closed_to_clients(tenant: Tenant) -> None:
    client = await tenant.client()
    portal = await tenant.portal(client)
    with refused(403, "forbidden"):
        await portal.post(f"{subscription_of(client)}/cancel", {})


# Paying now


async def test_pay_now_pays_and_ends_the_debt(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = (await tenant.invoice(client))["id"]
    portal = await tenant.portal(client)
    failed = await pay(portal, invoice)
    assert (failed.status_code, failed.json()) == (
        200,
        {"status": "failed", "reason": "Your card was declined.", "action_url": None},
    )
    await tenant.bank(client, "pays")
    paid = await pay(portal, invoice)
    assert (paid.status_code, paid.json()) == (200, {"status": "paid", "reason": None, "action_url": None})
    page = await portal.get(BILLING)
    assert (page["subscription"]["status"], page["banner"]) == ("active", None)
    again = await pay(portal, invoice)
    assert (again.status_code, again.json()["code"]) == (409, "invoice_not_open")
    attempts = (await tenant.invoice(client))["attempts"]
    assert [(one["origin"], one["result"]) for one in attempts] == [
        ("issue", "declined"),
        ("pay_now", "declined"),
        ("pay_now", "paid"),
    ]


async def test_a_payment_in_flight_is_joined_and_never_doubled(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = await tenant.invoice(client)
    await tenant.bank(client, "pays")
    portal = await tenant.portal(client)
    async with tenant.site.trouble("invoices.pay", "delay", seconds=0.7):
        retry = asyncio.create_task(tenant.api.post(f"{subscription_of(client)}/retry", {}))
        await tenant.attempts(invoice["id"], 2)
        answers = await asyncio.gather(*(pay(portal, invoice["id"]) for _ in range(2)))
        await retry
    assert [answer.json()["status"] for answer in answers] == ["paid", "paid"]
    assert sorted(one["status"] for one in await tenant.charges(client)) == ["failed", "succeeded"]


async def test_a_card_that_is_condemned_needs_another(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = (await tenant.invoice(client))["id"]
    await tenant.bank(client, "stolen_card")
    portal = await tenant.portal(client)
    assert (await pay(portal, invoice)).json()["reason"] == "Your card was declined."
    refusal = await pay(portal, invoice)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "new_card_required")
    assert len(await tenant.charges(client)) == 2
    banner = (await portal.get(BILLING))["banner"]
    assert banner["actions"] == ["update_payment_method"]
    assert (banner["next_attempt_at"], banner["attempts_left"]) == (None, 0)
    await tenant.save_card(client, ANOTHER_THAT_PAYS)

    async def paid() -> bool:
        return bool((await portal.get(BILLING))["banner"] is None)

    await tenant.eventually(paid)


async def test_a_bank_that_wants_to_see_the_client_leads_to_its_page(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = (await tenant.invoice(client))["id"]
    await tenant.bank(client, "needs_authentication")
    portal = await tenant.portal(client)
    answer = (await pay(portal, invoice)).json()
    assert answer["status"] == "action_required"
    assert answer["action_url"].startswith(str(tenant.site.settings.stripe_api_base))
    banner = (await portal.get(BILLING))["banner"]
    assert (banner["kind"], "pay_now" in banner["actions"]) == ("action_required", True)


async def test_without_a_card_there_is_nothing_to_pay_with(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client)
    invoice = (await tenant.invoice(client))["id"]
    answer = await pay(await tenant.portal(client), invoice)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_payment_method")


async def test_a_card_is_charged_ten_times_in_thirty_days_and_not_more(tenant: Tenant) -> None:
    client = await tenant.subscribed(FAILS)
    invoice = (await tenant.invoice(client))["id"]
    portal = await tenant.portal(client)
    for _ in range(9):
        assert (await pay(portal, invoice)).json()["status"] == "failed"
    refusal = await pay(portal, invoice)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "card_limit")
    banner = (await portal.get(BILLING))["banner"]
    assert (banner["obstacle"], banner["actions"]) == ("card_limit", ["update_payment_method"])
    first = (await tenant.invoice(client))["attempts"][0]["at"]
    possible = datetime.fromisoformat(first) + timedelta(days=30)
    assert possible.isoformat()[:19] in refusal.json()["detail"]
    assert len(await tenant.charges(client)) == 10


async def test_an_account_that_can_not_charge_takes_no_payment(own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    invoice = (await own.invoice(client))["id"]
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    await own.site.stripe.tell(f"accounts/{account}", {"action": "restrict"})
    assert (await own.api.get("/v1/agency/stripe"))["state"] == "restricted"
    portal = await own.portal(client)
    answer = await pay(portal, invoice)
    assert (answer.status_code, answer.json()["code"]) == (409, "agency_frozen")
    shown = await portal.get(f"{BILLING}/invoices/{invoice}")
    assert (shown["collectible"], shown["payable"]) == (True, False)
    assert len(await own.charges(client)) == 1


# A new card


async def test_the_page_for_a_card_is_stripes_and_leads_back_within_the_agencys_origins(tenant: Tenant) -> None:
    portal = await tenant.portal(await tenant.client())
    answer = await portal.send("POST", SESSIONS, json={"return_url": RETURN_URL})
    assert answer.status_code == 201
    assert answer.json()["url"].startswith(str(tenant.site.settings.stripe_api_base))
    assert datetime.fromisoformat(answer.json()["expires_at"]) > datetime.now(UTC)
    await portal.post(SESSIONS, {"return_url": f"{tenant.site.base}/portal/billing"})
    for url in (
        "https://evil.example.com/billing",
        "https://portal.example.com.evil.example/billing",
        "https://portal.example.com@evil.example/billing",
        "http://portal.example.com/billing",
        "https://portal.example.com:8443/billing",
        "//portal.example.com/billing",
        "javascript:alert(1)",
    ):
        refusal = await portal.send("POST", SESSIONS, json={"return_url": url})
        assert (refusal.status_code, refusal.json()["errors"][0]["field"]) == (422, "return_url"), url


async def test_the_same_key_leads_to_the_same_page(tenant: Tenant) -> None:
    portal = await tenant.portal(await tenant.client())
    body: Json = {"return_url": RETURN_URL}
    async with tenant.site.trouble("checkout.sessions.create", "drop_answer"):
        lost = await portal.send("POST", SESSIONS, json=body, headers={"Idempotency-Key": "card-1"})
    first = await portal.send("POST", SESSIONS, json=body, headers={"Idempotency-Key": "card-1"})
    again = await portal.send("POST", SESSIONS, json=body, headers={"Idempotency-Key": "card-1"})
    assert (lost.status_code, first.status_code, again.json()) == (503, 201, first.json())
    assert (await portal.post(SESSIONS, body))["url"] != first.json()["url"]


async def test_an_agency_without_stripe_takes_no_cards(bare: Tenant) -> None:
    portal = await bare.portal(await bare.client())
    with refused(409, "stripe_not_ready"):
        await portal.post(SESSIONS, {"return_url": RETURN_URL})


async def test_a_card_that_was_typed_before_the_plan_is_charged_for_it(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.save_card(client, PAYS)
    await tenant.assign(client)
    assert (await tenant.invoice(client, settled=True))["status"] == "paid"
