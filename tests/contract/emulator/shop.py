"""A merchant with one customer, and the steps that most tests begin with."""

from typing import Any

import httpx
import pytest
import stripe

Params = dict[str, Any]
CARD = {"exp_month": "12", "exp_year": "2040", "cvc": "123"}


ACCOUNT = {
    "country": "US",
    "controller": {
        "fees": {"payer": "account"},
        "losses": {"payments": "stripe"},
        "stripe_dashboard": {"type": "full"},
    },
    "capabilities": {"card_payments": {"requested": True}, "transfers": {"requested": True}},
    "business_profile": {"name": "Bright Voice"},
}


class Shop:
    """One connected account, spoken for by the official client."""

    def __init__(self, api: Any, account: str, http: httpx.AsyncClient, url: str) -> None:
        self.api = api
        self.account = account
        self.http = http
        self.url = url

    def options(self, key: str | None = None) -> Params:
        """Whose account, and under which idempotency key."""
        return {"stripe_account": self.account} | ({"idempotency_key": key} if key else {})

    async def control(self, path: str, body: Params) -> Params:
        """One control call."""
        answer = await self.http.post(f"{self.url}/_emulator/{path}", json=body)
        assert answer.status_code == 200, answer.text
        result: Params = answer.json()
        return result

    async def customer(self, **more: Any) -> Any:
        params = {"name": "Ann Client", "email": "ann@client.test", **more}
        return await self.api.customers.create_async(params, self.options())

    async def session(self, customer: str, **more: Any) -> Any:
        """An open Checkout page."""
        params = {
            "mode": "setup",
            "customer": customer,
            "allowed_payment_method_types": ["card"],
            "success_url": "https://shop.test/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.test/cancel",
            **more,
        }
        return await self.api.checkout.sessions.create_async(params, self.options())

    async def type_card(self, page: str, number: str, **more: str) -> httpx.Response:
        """Submit a page's card form."""
        return await self.http.post(page, data={"number": number, **CARD, **more})

    async def save_card(self, customer: str, number: str = "4242424242424242", *, default: bool = True) -> str:
        """Type a card on the Checkout page as the customer would, and perhaps make it the default."""
        session = await self.session(customer)
        answer = await self.type_card(session.url, number)
        assert answer.status_code == 303, answer.text
        if not answer.headers["location"].startswith("https://shop.test"):
            await self.http.post(session.url, data={"action": "authenticate"})
        session = await self.api.checkout.sessions.retrieve_async(
            session.id, {"expand": ["setup_intent"]}, self.options()
        )
        method = str(session.setup_intent.payment_method)
        if default:
            await self.api.customers.update_async(
                customer, {"invoice_settings": {"default_payment_method": method}}, self.options()
            )
        return method

    async def draft(self, customer: str, *amounts: int, **more: Any) -> Any:
        """A draft invoice with one line per amount."""
        params = {"currency": "usd", "auto_advance": False, "pending_invoice_items_behavior": "exclude", **more}
        invoice = await self.api.invoices.create_async({"customer": customer, **params}, self.options())
        if not amounts:
            return invoice
        lines = [
            {"amount": amount, "description": f"Line {index}", "metadata": {"line_id": f"l{index}"}}
            for index, amount in enumerate(amounts)
        ]
        return await self.api.invoices.add_lines_async(invoice.id, {"lines": lines}, self.options())

    async def finalized(self, customer: str, *amounts: int, **more: Any) -> Any:
        """An issued invoice."""
        invoice = await self.draft(customer, *amounts, **more)
        return await self.api.invoices.finalize_invoice_async(invoice.id, {"auto_advance": False}, self.options())

    async def pay(self, invoice: str, *, key: str | None = None, **params: Any) -> Any:
        return await self.api.invoices.pay_async(invoice, params, self.options(key))

    async def declined(self, invoice: str, **params: Any) -> Any:
        """Pay, expecting a refusal by the card; its error object."""
        with pytest.raises(stripe.CardError) as refusal:
            await self.pay(invoice, **params)
        return refusal.value.error

    async def invoice(self, invoice: str) -> Any:
        """The invoice with everything that its payment left behind."""
        params = {"expand": ["payments.data.payment.payment_intent.latest_charge"]}
        return await self.api.invoices.retrieve_async(invoice, params, self.options())

    async def event_types(self, **params: Any) -> list[str]:
        """What happened on this account, oldest first."""
        events = await self.api.events.list_async({"limit": 100, **params}, self.options())
        return [event.type for event in reversed(events.data)]


async def open_shop(api: Any, http: httpx.AsyncClient, url: str) -> Shop:
    """A new connected account, ready to charge."""
    shop = Shop(api, (await api.accounts.create_async(ACCOUNT)).id, http, url)
    await shop.control(f"accounts/{shop.account}", {"action": "complete"})
    return shop
