"""What tests do on the running sandbox: one agency of their own, and its clients, over HTTP as people would."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from api.tokens import Role
from billing.state import Status
from sandbox.bodies import rfc3339
from sandbox.caller import ApiRefused, Caller
from sandbox.seed import AGENCY, make_agency, make_token
from sandbox.stack import Sandbox
from support.sights import Client, Json, Sights

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
GRACE: Final = HOUR + 5 * MINUTE
"""Past a boundary: the usage grace of an hour, then the invoice and its payment."""
SOON: Final = 10 * MINUTE
"""Time enough to type a card before service starts."""
PAYS: Final = "4242424242424242"
ANOTHER_THAT_PAYS: Final = "5555555555554444"
FAILS: Final = "4000000000000341"
"""Can be saved, and is declined softly whenever it is charged."""
_WHY: Final = {"reason": "Billed by mistake"}
_numbers = itertools.count(1)


@dataclass
class Stage(Sights):
    """One agency and its clients. Everything that is done goes over HTTP."""

    callers: contextlib.AsyncExitStack
    plans: dict[tuple[int, int, str], str] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)

    @classmethod
    @contextlib.asynccontextmanager
    async def set_up(cls, sandbox: Sandbox, **details: str) -> AsyncIterator["Stage"]:
        """A new agency, ready to charge. It is in UTC unless `details` say otherwise."""
        async with contextlib.AsyncExitStack() as callers:
            agency = await make_agency(sandbox, {**AGENCY, "timezone": "UTC", **details})
            control = await callers.enter_async_context(Caller(sandbox.url("control")))
            as_agency, as_service = [
                await callers.enter_async_context(
                    Caller(sandbox.url("api"), make_token(sandbox, role, {"agency": agency}))
                )
                for role in (Role.AGENCY, Role.SERVICE)
            ]
            yield cls(sandbox, control, agency, as_agency, as_service, callers)

    # Time

    def now(self) -> datetime:
        return self.sandbox.machine.now()

    async def to(self, instant: datetime) -> list[Json]:
        """Move the sandbox there; what happened on the way, all clients together."""
        said = await self.control.post("/clock/advance", {"to": rfc3339(max(instant, self.now() + SECOND))})
        facts: list[Json] = said["facts"]
        return facts

    async def advance(self, **by: float) -> list[Json]:
        return await self.to(self.now() + timedelta(**by))

    async def rest(self) -> None:
        """Wait until nothing is under way, without moving the time."""
        await self.sandbox.machine.rest()

    # What the agency sets up

    async def plan(self, *, price: int = 4900, included: int = 500, rate: str = "12.5", currency: str = "usd") -> str:
        """The plan with these terms, made when it is first asked for."""
        terms = (price, included, rate, currency)
        if terms not in self.plans:
            body = {
                "name": f"Voice {price}",
                "tier": "pro",
                "price": {"amount": price, "currency": currency},
                "included_minutes": included,
                "overage_rate": {"amount_decimal": rate, "currency": currency, "per": "minute"},
            }
            self.plans[terms] = (await self.agency.post("/v1/agency/plans", body))["id"]
        return self.plans[terms]

    async def client(self) -> Client:
        """A client without card and subscription."""
        number = next(_numbers)
        body = {"name": f"Client {number}", "email": f"billing@client-{number}.example"}
        id = (await self.agency.post("/v1/agency/clients", body))["id"]
        token = make_token(self.sandbox, Role.CLIENT, {"agency": self.agency_id, "client": id})
        client = Client(id, await self.callers.enter_async_context(Caller(self.sandbox.url("api"), token)))
        self.clients.append(client)
        return client

    async def assign(self, client: Client, *, plan: Mapping[str, Any] | None = None, **body: object) -> Client:
        """Assign a plan, with terms other than the usual ones if `plan` gives any; the client that has it now."""
        terms = await self.plan(**(plan or {}))
        asked = {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in body.items()}
        made = await self.agency.put(client.path, {"plan_id": terms, **asked})
        subscribed = Client(client.id, client.portal, made["id"])
        self.clients[self.clients.index(client)] = subscribed
        return subscribed

    async def subscribe(
        self, *, card: str | None = PAYS, behaviour: str | None = None, plan: Mapping[str, Any] | None = None
    ) -> Client:
        """A new client whose service has just begun; the first invoice was tried on the card, if there is one.

        `behaviour`: as the card reacts to charges from before the first one on.
        """
        client = await self.client()
        if card is None:
            client = await self.assign(client, plan=plan)
        elif behaviour is None:
            client = await self.assign(client, plan=plan, start="first_card")
            await self.type_card(client, card)
        else:
            client = await self.assign(client, plan=plan, starts_at=self.now() + SOON)
            await self.type_card(client, card)
            await self.behave(client, behaviour)
            await self.to(self.now() + SOON)
        await self.rest()
        return client

    async def settings(self, **settings: object) -> None:
        await self.agency.patch("/v1/agency/settings", settings)

    # What people do

    async def type_card(self, client: Client, number: str, **details: int) -> Json:
        """On Stripe's page; answered when the subscription knows the card and has done what it does about it."""
        said: Json = await self.control.post("/cards", {"client_id": client.id, "number": number, **details})
        await self.rest()
        return said

    async def behave(self, client: Client, behaviour: str) -> None:
        await self.control.post("/cards/behaviour", {"client_id": client.id, "behaviour": behaviour})

    async def detach_card(self, client: Client) -> None:
        """In Stripe's dashboard, or by the client at Stripe."""
        await self.sandbox.emulator.tell(f"cards/{await self.customer(client)}/detach", {})
        await self.rest()

    async def bank_settles(self, provider_id: str, outcome: str) -> None:
        """What a bank that took its time says at last of the payment of this invoice at Stripe."""
        await self.sandbox.emulator.tell(f"payments/{provider_id}/settle", {"outcome": outcome})
        await self.rest()

    async def pay_now(self, client: Client, short: str) -> Json:
        said: Json = await client.portal.post(f"/v1/portal/billing/invoices/{client.invoice(short)}/payments", {})
        return said

    async def retry(self, client: Client) -> Json:
        said: Json = await self.agency.post(f"{client.path}/retry", {})
        return said

    async def send_invoice(self, client: Client, amount: int, *, days_until_due: int) -> Json:
        """An invoice of the agency's own, which Stripe mails."""
        line = {"description": "Set-up", "amount": {"amount": amount, "currency": "usd"}}
        body = {"lines": [line], "collection": "send", "days_until_due": days_until_due}
        said: Json = await self.agency.post(f"/v1/agency/clients/{client.id}/invoices", body)
        await self.rest()
        return said

    async def void(self, client: Client, short: str) -> Json:
        said: Json = await self.agency.post(f"/v1/agency/invoices/{client.invoice(short)}/void", _WHY)
        return said

    async def cancel(self, client: Client, at: str = "period_end", forgive: str = "none") -> Json:
        said: Json = await self.agency.post(f"{client.path}/cancel", {"at": at, "forgive": forgive})
        return said

    async def undo_cancel(self, client: Client) -> Json:
        said: Json = await self.agency.delete(f"{client.path}/cancel")
        return said

    async def pause(self, client: Client) -> Json:
        said: Json = await self.agency.post(f"{client.path}/pause", {})
        return said

    async def undo_pause(self, client: Client) -> Json:
        said: Json = await self.agency.delete(f"{client.path}/pause")
        return said

    async def resume(self, client: Client) -> Json:
        said: Json = await self.agency.post(f"{client.path}/resume", {})
        return said

    async def extend(self, client: Client, days: int) -> Json:
        said: Json = await self.agency.post(f"{client.path}/extend", {"days": days})
        return said

    async def on_hosted_page(self, client: Client, short: str, action: str, **typed: str) -> Json:
        """On the invoice's own page at Stripe."""
        body = {"invoice_id": client.invoice(short), "action": action, **typed}
        said: Json = await self.control.post("/hosted-invoices", body)
        return said

    async def in_dashboard(self, client: Client, short: str, action: str) -> None:
        await self.control.post("/dashboard", {"invoice_id": client.invoice(short), "action": action})

    async def by_platform(self, **changes: object) -> None:
        """What the platform alone may change of the agency: its tier, its fee."""
        async with Caller(self.sandbox.url("api"), make_token(self.sandbox, Role.PLATFORM, {})) as platform:
            await platform.patch(f"/v1/agencies/{self.agency_id}", changes)
        await self.rest()

    async def account(self, action: str) -> Json:
        """With the agency's account: complete, restrict, restore or disconnect it; answered when all know."""
        said: Json = await self.control.post("/accounts", {"agency_id": self.agency_id, "action": action})
        await self.rest()
        return said

    async def call(self, client: Client, minutes: float, at: datetime | None = None) -> str:
        """Report one completed call; its id."""
        call_id = f"call-{next(_numbers)}"
        call = {
            "call_id": call_id,
            "client_id": client.id,
            "started_at": rfc3339(at or self.now()),
            "duration_seconds": round(minutes * 60),
            "outcome": "completed",
        }
        said = await self.service.post("/v1/usage/calls", {"calls": [call]})
        assert not said["rejected"], said
        return call_id

    async def correct(self, call_id: str, *, seconds: int, reason: str) -> None:
        body = {"correction_id": f"correction-{next(_numbers)}", "call_id": call_id, "seconds": seconds}
        await self.service.post("/v1/usage/corrections", {**body, "reason": reason})

    async def fault(self, call: str, fault: str, *, times: int | None = 1, seconds: float | None = None) -> None:
        await self.control.post("/faults", {"call": call, "fault": fault, "times": times, "seconds": seconds})

    async def webhooks(self, mode: str) -> None:
        await self.control.post("/webhooks", {"mode": mode})

    # The end

    async def strike(self) -> None:
        """End all trouble and let every subscription go, so that nobody moves them through time from here on."""
        await self.control.delete("/faults")
        await self.webhooks("normal")
        if (await self.agency.get("/v1/agency/stripe"))["state"] == "restricted":
            await self.account("restore")
        waited_for = await self.sandbox.pool.fetch(
            "SELECT provider_id FROM invoices WHERE agency_id = $1 AND id IN "
            "(SELECT invoice_id FROM payment_attempts WHERE result IS NULL)",
            self.agency_id,
        )
        for row in waited_for:
            await self.bank_settles(row["provider_id"], "failed")
        rows = await self.sandbox.pool.fetch(
            "SELECT client_id, status FROM subscriptions WHERE agency_id = $1 AND NOT finished", self.agency_id
        )
        for row in rows:
            if row["status"] != Status.CANCELLED:
                path = f"/v1/agency/clients/{row['client_id']}/subscription/cancel"
                await self.agency.post(path, {"at": "now", "forgive": "all"})
        await self.rest()
        owed = await self.sandbox.pool.fetch(
            "SELECT id FROM invoices WHERE agency_id = $1 AND status = 'open'", self.agency_id
        )
        for row in owed:
            await self.agency.post(f"/v1/agency/invoices/{row['id']}/void", _WHY)
        await self.rest()

    async def check(self) -> None:
        """Every invariant of billing-rules 10 holds, for everything that the sandbox ever held."""
        report = await self.control.get("/check")
        assert report["ok"], [found for found in report["invariants"] if not found["ok"]]


async def refusal(ordered: Any) -> str:
    """The API's word for why it refuses what was ordered."""
    try:
        said = await ordered
    except ApiRefused as refused:
        return refused.code
    raise AssertionError(f"not refused: {said}")
