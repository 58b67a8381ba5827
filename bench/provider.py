"""What the Stripe emulator knows before a benchmark begins: connected accounts, customers, and their cards."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from bench.estate import Holder
from bench.house import House
from bench.periods import each
from billing.state import Card
from sandbox.caller import http_client
from sandbox.stack import url

TIMEOUT_SECONDS: Final = 30.0


async def furnish_accounts(house: House, count: int) -> list[str]:
    """So many accounts that can charge."""
    ask = {"country": "US", "capabilities[card_payments][requested]": "true"}
    async with _stripe(house) as http:
        return [(await _post(http, "accounts", ask))["id"] for _ in range(count)]


async def furnish_holders(house: House, of_accounts: Sequence[str]) -> list[Holder]:
    """A customer of each of these accounts, in their order, with a card that pays."""
    async with _stripe(house) as http:

        async def holder(account: str) -> Holder:
            method = await _post(http, "payment_methods", {"type": "card", "card[token]": "tok_visa"}, account)
            customer = (await _post(http, "customers", {"payment_method": method["id"]}, account))["id"]
            default = {"invoice_settings[default_payment_method]": method["id"]}
            await _post(http, f"customers/{customer}", default, account)
            return Holder(customer, _card(method))

        return await each(of_accounts, holder)


def _card(method: Mapping[str, Any]) -> Card:
    card = method["card"]
    return Card(method["id"], card["fingerprint"], card["exp_month"], card["exp_year"], card["brand"], card["last4"])


def _stripe(house: House) -> httpx.AsyncClient:
    key = house.kept.secrets.stripe_api_key
    return http_client(url(house.kept, "stripe"), TIMEOUT_SECONDS, {"Authorization": f"Bearer {key}"})


async def _post(http: httpx.AsyncClient, path: str, body: Mapping[str, str], account: str | None = None) -> Any:
    headers = {"Stripe-Account": account} if account else {}
    return (await http.post(f"/v1/{path}", data=dict(body), headers=headers)).raise_for_status().json()
