"""An agency of a test's own, as its people and its clients use it over HTTP."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.tokens import Role
from sandbox.seed import AGENCY, PLAN
from support.http import Client, Json, Site, fresh
from support.servers import Eventually

PAYS: Final = "4242424242424242"
ANOTHER_THAT_PAYS: Final = "5555555555554444"
FAILS: Final = "4000000000000341"
"""Can be saved, and is declined softly whenever it is charged."""
RETURN_URL: Final = "https://portal.example.com/billing"


@dataclass
class Tenant:
    """One agency: `api` is its people, `engine` its call engine."""

    site: Site
    eventually: Eventually
    id: str
    api: Client
    engine: Client

    async def plan(self, **changes: Any) -> str:
        made: str = (await self.api.post("/v1/agency/plans", {**PLAN, **changes}))["id"]
        return made

    async def client(self, **changes: Any) -> str:
        name = fresh("client")
        details = {"name": name.title(), "email": f"{name}@client.example", **changes}
        made: str = (await self.api.post("/v1/agency/clients", details))["id"]
        return made

    async def assign(self, client: str, plan: str | None = None, **terms: Any) -> Json:
        """Assign the plan, a new one unless it is given; the subscription as it is then."""
        body = {"plan_id": plan or await self.plan(), **terms}
        answer: Json = await self.api.put(subscription_of(client), body)
        return answer

    async def live(self, client: str) -> Json:
        answer: Json = await self.api.get(subscription_of(client))
        return answer

    async def running(self, client: str) -> Json:
        """The subscription once its workflow has been started and answers for itself."""

        async def asked() -> Json | None:
            live = await self.live(client)
            return live if live["source"] == "workflow" else None

        return await self.eventually(asked)

    async def portal(self, client: str, *permissions: str) -> Client:
        return await self.site.portal(self.id, client, *permissions)

    async def save_card(self, client: str, number: str = PAYS) -> None:
        """Type a card on Stripe's page as the client would, and wait until it is on file."""
        portal = await self.portal(client)
        page = await portal.post("/v1/portal/billing/payment-method-sessions", {"return_url": RETURN_URL})
        expiry = {"cvc": "123", "exp_month": "12", "exp_year": str(datetime.now(UTC).year + 3)}
        assert await self.site.stripe.type_card(page["url"], {"number": number, **expiry}) is None

        async def known() -> bool:
            card = await self.site.pool.fetchval("SELECT card ->> 'last4' FROM clients WHERE id = $1", client)
            return bool(card == number[-4:])

        await self.eventually(known)

    async def subscribed(self, number: str = PAYS, plan: str | None = None, **terms: Any) -> str:
        """A client whose first invoice has been tried with this card: paid, or with a debt."""
        client = await self.client()
        await self.assign(client, plan, start="first_card", **terms)
        await self.save_card(client, number)
        await self.invoice(client, settled=True)
        return client

    async def invoice(self, client: str, *, settled: bool = False) -> Json:
        """The client's newest invoice with all its details, once it is open or paid; `settled`: once it was tried."""

        async def issued() -> Json | None:
            found = (await self.api.get(f"/v1/agency/clients/{client}/invoices", limit=1))["data"]
            if not found or found[0]["status"] == "draft":
                return None
            known: Json = await self.api.get(f"/v1/agency/invoices/{found[0]['id']}")
            tried = known["attempts"] and all(one["result"] for one in known["attempts"])
            return known if tried or not settled else None

        return await self.eventually(issued)

    async def bank(self, client: str, behaviour: str) -> None:
        """From now on the client's card on file does so when it is charged."""
        customer = await self.site.pool.fetchval("SELECT customer_id FROM customers WHERE client_id = $1", client)
        await self.site.stripe.tell(f"cards/{customer}", {"behaviour": behaviour})

    async def attempts(self, invoice: str, number: int) -> None:
        """Wait until so many attempts on the invoice have begun."""

        async def begun() -> bool:
            count = await self.site.pool.fetchval(
                "SELECT count(*) FROM payment_attempts WHERE invoice_id = $1", invoice
            )
            return bool(count == number)

        await self.eventually(begun)

    async def charges(self, client: str) -> list[Json]:
        """What Stripe has charged the client, or tried to."""
        provider_ids = await self.site.pool.fetch("SELECT provider_id FROM invoices WHERE client_id = $1", client)
        books = await self.site.stripe.ask("books")
        own = {row["provider_id"] for row in provider_ids}
        return [charge for account in books["accounts"] for charge in account["charges"] if charge["invoice"] in own]

    async def ended(self, client: str) -> None:
        """Wait until the books say that nothing of the client's subscription will ever happen again."""

        async def over() -> bool:
            query = "SELECT bool_and(finished) FROM subscriptions WHERE client_id = $1"
            return bool(await self.site.pool.fetchval(query, client))

        await self.eventually(over)

    @staticmethod
    def ago(**span: float) -> str:
        """An instant so long ago, as a request says it."""
        return (datetime.now(UTC) - timedelta(**span)).isoformat()

    async def report(self, client: str, *minutes: int, hours_ago: float = 1) -> Json:
        """Report a completed call for each of `minutes`, all of which started an hour ago, or so many hours."""
        started = self.ago(hours=hours_ago)
        calls = [
            {
                "call_id": fresh("call"),
                "client_id": client,
                "started_at": started,
                "duration_seconds": 60 * length,
                "outcome": "completed",
            }
            for length in minutes
        ]
        answer: Json = await self.engine.post("/v1/usage/calls", {"calls": calls})
        return answer


async def new_tenant(site: Site, eventually: Eventually, *, ready: bool = True, **details: Any) -> Tenant:
    """A new agency, with a Stripe account that can charge unless it is not to be `ready`."""
    platform = await site.platform()
    agency: str = (await platform.post("/v1/agencies", {**AGENCY, "timezone": "UTC", **details}))["id"]
    api, engine = await site.agency(Role.AGENCY, agency), await site.agency(Role.SERVICE, agency)
    if ready:
        await onboard(site, api)
    await api.patch("/v1/agency/settings", {"allowed_origins": ["https://portal.example.com"]})
    return Tenant(site, eventually, agency, api, engine)


async def onboard(site: Site, api: Client, action: str = "submit") -> Json:
    """Follow the link to Stripe's page and send its form in; the account as it stands then."""
    pages = {"return_url": "https://app.example.com/stripe", "refresh_url": "https://app.example.com/again"}
    link = await api.post("/v1/agency/stripe/onboarding-links", pages)
    assert await site.stripe.onboard(link["url"], action) == pages["return_url"]
    answer: Json = await api.get("/v1/agency/stripe")
    return answer


def subscription_of(client: str) -> str:
    return f"/v1/agency/clients/{client}/subscription"
