"""One client's life through HTTP alone, on a sandbox that was started as anybody would start it."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from sandbox.bodies import rfc3339
from sandbox.caller import ApiRefused, Caller

GRACE = timedelta(hours=1, minutes=5)
KEYS = {"api", "control", "stripe", "mail", "temporal", "temporal_ui", "database_url", "stripe_api_key"}
PLAN = {
    "name": "Voice Pro",
    "tier": "pro",
    "price": {"amount": 4900, "currency": "usd"},
    "included_minutes": 500,
    "overage_rate": {"amount_decimal": "12", "currency": "usd", "per": "minute"},
}
BILLING = "/v1/portal/billing"
Json = dict[str, Any]


@pytest.fixture
async def described(servers_folder: Path) -> AsyncIterator[Json]:
    """What `python -m sandbox up --json` says of itself. It ends in order when it is told to."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "up", "--json", "--fresh", "--port", "0"),
        *("--data", str(servers_folder / "up")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdout
    said: Json = json.loads(await asyncio.wait_for(running.stdout.readline(), 60))
    try:
        yield said
    finally:
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 30) == 0
    assert not [name for name, pid in said["pids"].items() if psutil.pid_exists(pid)]


@dataclass(frozen=True)
class People:
    """Who acts, each with a token of their own."""

    control: Caller
    agency: Caller
    engine: Caller
    portal: Caller
    portal_token: str
    client: str

    @property
    def subscription(self) -> str:
        return f"/v1/agency/clients/{self.client}/subscription"

    async def page(self) -> Json:
        page: Json = await self.portal.get(BILLING)
        return page

    async def advance(self, days: float) -> None:
        await self.control.post("/clock/advance", {"days": days})

    async def type_card(self, number: str) -> Json:
        said: Json = await self.control.post("/cards", {"client_id": self.client, "number": number})
        return said


@pytest.fixture
async def people(described: Json) -> AsyncIterator[People]:
    """A second agency beside the seeded one, connected to Stripe, with a plan and a client."""
    assert described.keys() == KEYS | {"pids", "tokens", "ids"}
    api = described["api"]
    async with AsyncExitStack() as stack:
        control = await stack.enter_async_context(Caller(described["control"]))
        platform = await stack.enter_async_context(Caller(api, described["tokens"]["platform"]))
        details = {
            "name": "Clear Line",
            "country": "US",
            "timezone": "UTC",
            "tier": "growth",
            "default_currency": "usd",
        }
        agency_id = (await platform.post("/v1/agencies", details))["id"]

        async def token(role: str, client: str | None = None) -> str:
            body = {"role": role, "agency_id": agency_id, "client_id": client, "permissions": ["manage_billing"]}
            made: str = (await control.post("/tokens", body))["token"]
            return made

        agency = await stack.enter_async_context(Caller(api, await token("agency")))
        assert (await agency.get("/v1/agency/stripe"))["state"] == "not_connected"
        pages = {"return_url": f"{api}/agency", "refresh_url": f"{api}/agency"}
        await agency.post("/v1/agency/stripe/onboarding-links", pages)
        assert (await agency.get("/v1/agency/stripe"))["state"] == "onboarding"
        assert (await control.post("/accounts", {"agency_id": agency_id, "action": "complete"}))["state"] == "active"
        made = await agency.post("/v1/agency/clients", {"name": "Marina Hotel", "email": "billing@marina.example"})
        engine = await stack.enter_async_context(Caller(api, await token("service")))
        portal_token = await token("client", made["id"])
        portal = await stack.enter_async_context(Caller(api, portal_token))
        yield People(control, agency, engine, portal, portal_token, made["id"])


async def test_from_the_first_invoice_to_recovery(people: People) -> None:
    await _service_begins_with_the_card(people)
    await _overage_is_counted(people)
    await _every_attempt_fails(people)
    await _a_new_card_recovers(people)
    await _the_end(people)
    report = await people.control.get("/check")
    assert report["ok"], report


async def _service_begins_with_the_card(people: People) -> None:
    plan = (await people.agency.post("/v1/agency/plans", PLAN))["id"]
    assigned = await people.agency.put(people.subscription, {"plan_id": plan, "start": "first_card"})
    assert assigned["status"] == "awaiting_card"
    assert (await people.page())["banner"]["kind"] == "no_payment_method"
    refused = {"status": "refused", "reason": "Your card was declined."}
    assert await people.type_card("4000000000000002") == refused
    assert await people.type_card("4242424242424242") == {"status": "saved"}
    await people.advance(0.01)
    page = await people.page()
    assert (page["banner"], page["plan"]["name"], page["payment_method"]["last4"]) == (None, "Voice Pro", "4242")
    invoices = (await people.portal.get(f"{BILLING}/invoices"))["data"]
    assert [(one["status"], one["amount_paid"]["amount"]) for one in invoices] == [("paid", 4900)]
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {people.portal_token}"}) as http:
        pdf = await http.get(invoices[0]["pdf_url"])
    assert (pdf.status_code, pdf.content[:4]) == (200, b"%PDF")
    with pytest.raises(ApiRefused, match="invoice_not_open"):
        await people.portal.post(f"{BILLING}/invoices/{invoices[0]['id']}/payments", {})


async def _overage_is_counted(people: People) -> None:
    """612 minutes of 500, at 12 cents: 13.44."""
    start = datetime.fromisoformat((await people.page())["subscription"]["current_period"]["start"])
    calls = [
        {
            "call_id": f"call-{n}",
            "client_id": people.client,
            "started_at": rfc3339(start + timedelta(seconds=n)),
            "duration_seconds": 3599,
            "outcome": "completed",
        }
        for n in range(10)
    ]
    calls.append({**calls[0], "call_id": "call-10", "duration_seconds": 12 * 60})
    said = await people.engine.post("/v1/usage/calls", {"calls": [*calls, calls[3]]})
    assert (said["accepted"], said["duplicates"], said["rejected"]) == (11, 1, [])
    page = await people.page()
    usage = page["usage"]
    assert (usage["minutes_used"], usage["overage_so_far"]["amount"], usage["percent"]) == ("612.0", 1344, 122.4)
    assert page["next_invoice"]["estimate"] == {"amount": 6244, "currency": "usd"}


async def _every_attempt_fails(people: People) -> None:
    behaviour = {"client_id": people.client, "behaviour": "insufficient_funds"}
    await people.control.post("/cards/behaviour", behaviour)
    end = datetime.fromisoformat((await people.page())["subscription"]["current_period"]["end"])
    await people.control.post("/clock/advance", {"to": rfc3339(end + GRACE)})
    banner = (await people.page())["banner"]
    assert (banner["kind"], banner["amount_due"]["amount"], banner["attempts_left"]) == ("payment_failed", 6244, 3)
    assert banner["reason"] == "Your card has insufficient funds."
    for days, left in ((3, 2), (5, 1)):
        await people.advance(days)
        assert (await people.page())["banner"]["attempts_left"] == left
    await people.advance(7)
    assert (await people.page())["banner"]["kind"] == "past_due"
    assert (await people.agency.get(f"/v1/agency/clients/{people.client}"))["subscription_status"] == "past_due"
    unread = (await people.agency.get("/v1/agency/notifications", unread="true"))["data"]
    assert [one["kind"] for one in unread] == ["past_due", *["payment_failed"] * 4, *["usage_alert"] * 2]


async def _a_new_card_recovers(people: People) -> None:
    failed = (await people.portal.get(f"{BILLING}/invoices"))["data"][0]
    assert (failed["status"], failed["collectible"]) == ("failed", True)
    said = await people.portal.post(f"{BILLING}/invoices/{failed['id']}/payments", {})
    assert (said["status"], said["reason"]) == ("failed", "Your card has insufficient funds.")
    assert await people.type_card("5555555555554444") == {"status": "saved"}
    await people.advance(0.01)
    page = await people.page()
    assert (page["banner"], page["subscription"]["status"]) == (None, "active")
    detail = await people.agency.get(f"/v1/agency/invoices/{failed['id']}")
    assert (detail["status"], [one["result"] for one in detail["attempts"]]) == ("paid", [*["declined"] * 5, "paid"])


async def _the_end(people: People) -> None:
    assert (await people.agency.post(f"{people.subscription}/cancel", {"at": "period_end"}))["cancel_at"]
    assert (await people.agency.delete(f"{people.subscription}/cancel"))["cancel_at"] is None
    assert (await people.agency.post(f"{people.subscription}/cancel", {"at": "now"}))["status"] == "cancelled"
    await people.advance(1)
    assert (await people.page())["subscription"]["status"] == "cancelled"
    assert (await people.agency.get(f"{people.subscription}/schedule"))["data"] == []
