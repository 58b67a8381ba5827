"""What the API needs of Stripe: accounts, customers, prices, and the pages on which people enter what we never see.

Every method raises billing.payments.PaymentTrouble; amounts are minor units. Ids, versions and request ids come from
the caller's rows, made before the call: the same call again is the same write. Nothing here moves money, so what
happens twice after all (a failure that Stripe has stored hides a success) leaves something unused behind, no more.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from stripe.params import AccountCreateParams

from adapters.stripe import keys
from adapters.stripe.connection import Connection
from adapters.stripe.readings import instant, metadata
from billing.payments import HostedPage, Refused

SESSION_ID: Final = "session_id"
"""Metadata of a Checkout session: our id of it."""
_COUNTRIES_HOLD: Final = timedelta(days=1)
_PAGE: Final = 100
_Listing = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class PlanPrice:
    """A plan version at Stripe."""

    product: str
    price: str


@dataclass(frozen=True)
class Country:
    """What an account of this country can charge; currencies in lower case."""

    code: str
    default_currency: str
    currencies: frozenset[str]


class StripeDirectory:
    """The API's side of Stripe. `account` is the connected account that a call is made for.

    What is made once is looked for before it is made: a key finds it again for a day only, and an answer that was lost
    may be asked for later than that.
    """

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection
        self._countries: dict[str, tuple[datetime, Country]] = {}

    async def create_account(self, agency: str, number: int, *, country: str, name: str) -> str:
        """A new connected account: the agency pays Stripe's fees, Stripe bears losses and collects requirements."""
        marks = {"agency_id": agency, "number": str(number)}
        params: AccountCreateParams = {
            "country": country,
            "controller": {
                "fees": {"payer": "account"},
                "losses": {"payments": "stripe"},
                "requirement_collection": "stripe",
                "stripe_dashboard": {"type": "full"},
            },
            "capabilities": {"card_payments": {"requested": True}, "transfers": {"requested": True}},
            "business_profile": {"name": name},
            "metadata": marks,
        }
        known = await self._marked(self._stripe.v1.accounts.list_async, {}, None, marks)
        if known:
            return known
        key = keys.agency_account(agency, number)
        account = await self._stripe.put(key, lambda o: self._stripe.v1.accounts.create_async(params, o), None)
        return account.id

    async def account_link(
        self, agency: str, request: str, *, account: str, return_url: str, refresh_url: str
    ) -> HostedPage:
        """Stripe's onboarding page, for one use within minutes. It has no id of its own: `id` is the account's."""
        link = await self._stripe.put(
            keys.agency_link(agency, request),
            lambda o: self._stripe.v1.account_links.create_async(
                {
                    "account": account,
                    "type": "account_onboarding",
                    "return_url": return_url,
                    "refresh_url": refresh_url,
                },
                o,
            ),
            None,
        )
        return HostedPage(id=account, url=link.url, expires_at=instant(link.expires_at))

    async def create_customer(self, account: str, client: str, *, name: str, email: str) -> str:
        marks = {"client_id": client}
        known = await self._marked(self._stripe.v1.customers.list_async, {"email": email}, account, marks)
        if known:
            return known
        customer = await self._stripe.put(
            keys.client_customer(client, account),
            lambda o: self._stripe.v1.customers.create_async({"name": name, "email": email, "metadata": marks}, o),
            account,
        )
        return customer.id

    async def update_customer(
        self, account: str, client: str, number: int, *, customer: str, name: str, email: str
    ) -> None:
        """`number` counts the client's changes."""
        await self._stripe.put(
            keys.client_update(client, number),
            lambda o: self._stripe.v1.customers.update_async(customer, {"name": name, "email": email}, o),
            account,
        )

    async def create_plan_price(
        self, account: str, plan: str, version: int, *, name: str, currency: str, price: int
    ) -> PlanPrice:
        """Product and monthly price of one plan version, as the agency sees them in its dashboard."""
        marks = {"plan_id": plan, "plan_version": str(version)}
        product = await self._marked(self._stripe.v1.products.list_async, {}, account, marks)
        if product is None:
            made = await self._stripe.put(
                keys.plan_product(plan, version),
                lambda o: self._stripe.v1.products.create_async({"name": name, "metadata": marks}, o),
                account,
            )
            product = made.id
        known = await self._marked(self._stripe.v1.prices.list_async, {"product": product}, account, marks)
        if known:
            return PlanPrice(product=product, price=known)
        monthly = await self._stripe.put(
            keys.plan_price(plan, version),
            lambda o: self._stripe.v1.prices.create_async(
                {
                    "product": product,
                    "currency": currency,
                    "unit_amount": price,
                    "recurring": {"interval": "month"},
                    "metadata": marks,
                },
                o,
            ),
            account,
        )
        return PlanPrice(product=product, price=monthly.id)

    async def create_card_session(
        self, account: str, session: str, *, customer: str, currency: str, success_url: str, cancel_url: str
    ) -> HostedPage:
        """Stripe's page on which the client types a new card; our id of the session stands in its metadata."""
        created = await self._stripe.put(
            keys.card_session(session),
            lambda o: self._stripe.v1.checkout.sessions.create_async(
                {
                    "mode": "setup",
                    "customer": customer,
                    "currency": currency,
                    "allowed_payment_method_types": ["card"],
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                    "metadata": {SESSION_ID: session},
                    "setup_intent_data": {"metadata": {SESSION_ID: session}},
                },
                o,
            ),
            account,
        )
        return HostedPage(id=created.id, url=created.url or "", expires_at=instant(created.expires_at))

    async def _marked(
        self, listing: _Listing, query: Mapping[str, str], account: str | None, marks: Mapping[str, str]
    ) -> str | None:
        """The id of the object that our metadata mark, of all that the list holds."""
        position: dict[str, str] = {}
        while True:
            params = {"limit": _PAGE, **query, **position}
            page = await self._stripe.read(partial(listing, params), account)
            for found in page.data:
                if all(metadata(found, name) == value for name, value in marks.items()):
                    return str(found.id)
            if not page.has_more:
                return None
            position = {"starting_after": page.data[-1].id}

    async def country(self, code: str, now: datetime) -> Country | None:
        """What Stripe supports there, asked at most once a day; none for a country that it does not serve."""
        code = code.upper()
        kept = self._countries.get(code)
        if kept and now - kept[0] < _COUNTRIES_HOLD:
            return kept[1]
        try:
            spec = await self._stripe.read(lambda o: self._stripe.v1.country_specs.retrieve_async(code, None, o), None)
        except Refused:
            return None
        country = Country(spec.id, spec.default_currency, frozenset(spec.supported_payment_currencies))
        self._countries[code] = (now, country)
        return country
