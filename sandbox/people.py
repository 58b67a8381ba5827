"""What people do outside the product: clients on Stripe's pages, agencies in its dashboard, banks behind a card."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg

from api.problems import Conflict, NotFound
from api.tokens import MANAGE_BILLING, Caller, Role, issue
from sandbox import caller
from sandbox.bodies import AccountAct, BankAnswer, CardBehaviour, Dashboard, HostedInvoice, TypeCard
from sandbox.clock import NotAtRest
from sandbox.sight import being_checked
from sandbox.stack import Sandbox
from workflows.messages import StatusView, subscription_workflow_id

KNOWN_WITHIN_SECONDS = 60.0
POLL_SECONDS = 0.05
CARD_PAGES = "/v1/portal/billing/payment-method-sessions"


class People:
    """Each call raises EmulatorRefused when Stripe would say no, and NotFound for ids that are not there."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def type_card(self, card: TypeCard) -> dict[str, object]:
        """Ask the portal for Stripe's page, type the card there, and wait until the subscription knows it."""
        client = await self._client(card.client_id)
        page = await self._card_page(client)
        before = await self._card_on_file(card.client_id)
        typed = {"number": card.number, "cvc": card.cvc}
        expiry = {"exp_month": str(card.exp_month), "exp_year": str(card.exp_year)}
        refusal = await self._sandbox.emulator.type_card(page, typed | expiry)
        if refusal:
            return {"status": "refused", "reason": refusal}
        await self._until_known(card.client_id, before)
        return {"status": "saved"}

    async def set_behaviour(self, call: CardBehaviour) -> dict[str, object]:
        """From now on the bank answers so for the card on file."""
        await self._client(call.client_id)
        customer = await self._sandbox.pool.fetchval(
            "SELECT customer_id FROM customers WHERE client_id = $1 ORDER BY created_at DESC LIMIT 1", call.client_id
        )
        if customer is None:
            raise Conflict("no_payment_method", "The client has no customer at Stripe yet.")
        await self._sandbox.emulator.tell(f"cards/{customer}", {"behaviour": call.behaviour})
        return {"behaviour": call.behaviour}

    async def at_the_bank(self, call: BankAnswer) -> dict[str, object]:
        """The bank answers for each payment of the client that it has been asked for."""
        await self._client(call.client_id)
        waiting = await being_checked(self._sandbox.pool, call.client_id)
        if not waiting:
            raise Conflict("nothing_being_checked", "No payment of this client waits for its bank.")
        for invoice in waiting:
            await self._sandbox.emulator.tell(f"payments/{invoice}/settle", {"outcome": call.outcome})
        return {"payments": len(waiting)}

    async def on_hosted_page(self, call: HostedInvoice) -> dict[str, object]:
        """What the client does on the invoice's page at Stripe, and what the page says then."""
        provider_id = await self._provider_id(call.invoice_id)
        body = {"action": call.action, "number": call.number}
        said = await self._sandbox.emulator.tell(f"hosted-invoices/{provider_id}", body)
        return {"status": said["status"], "reason": said["reason"]}

    async def in_dashboard(self, call: Dashboard) -> dict[str, object]:
        """What the agency does in Stripe's dashboard; answers with the invoice's status at Stripe."""
        provider_id = await self._provider_id(call.invoice_id)
        said = await self._sandbox.emulator.tell(f"dashboard/{provider_id}", {"action": call.action})
        return {"status": said["invoice"]["status"]}

    async def at_stripe(self, call: AccountAct) -> dict[str, object]:
        """What Stripe, or the agency there, does with the agency's account; answers when the books know it."""
        account = await self._sandbox.pool.fetchval(
            "SELECT account_id FROM connected_accounts WHERE agency_id = $1 ORDER BY number DESC LIMIT 1",
            call.agency_id,
        )
        if account is None:
            raise NotFound("The agency has no Stripe account.")
        await self._sandbox.emulator.tell(f"accounts/{account}", {"action": call.action})
        await self._sandbox.machine.rest()
        state = await self._sandbox.pool.fetchval("SELECT state FROM connected_accounts WHERE account_id = $1", account)
        return {"account_id": account, "state": state}

    async def _client(self, client_id: str) -> asyncpg.Record:
        found = await self._sandbox.pool.fetchrow(
            """
            SELECT clients.id, clients.agency_id, agencies.allowed_origins
            FROM clients JOIN agencies ON agencies.id = clients.agency_id WHERE clients.id = $1
            """,
            client_id,
        )
        if found is None:
            raise NotFound("There is no such client.")
        return found

    async def _provider_id(self, invoice_id: str) -> str:
        found = await self._sandbox.pool.fetchrow("SELECT provider_id FROM invoices WHERE id = $1", invoice_id)
        if found is None:
            raise NotFound("There is no such invoice.")
        if found["provider_id"] is None:
            raise Conflict("not_at_stripe", "This invoice is not at Stripe (yet).")
        return str(found["provider_id"])

    async def _card_page(self, client: asyncpg.Record) -> str:
        """The address of a page for a new card, as the client's own browser would be given it."""
        api = self._sandbox.url("api")
        holder = Caller(
            Role.CLIENT, "sandbox", client["agency_id"], client["id"], permissions=frozenset({MANAGE_BILLING})
        )
        token = issue(self._sandbox.settings, holder, timedelta(minutes=5))
        origin = next(iter(client["allowed_origins"]), api)
        async with caller.Caller(api, token) as portal:
            try:
                page = await portal.post(CARD_PAGES, {"return_url": f"{origin}/portal/billing"})
            except caller.ApiRefused as refused:
                raise Conflict(refused.code, refused.detail) from None
        return str(page["url"])

    async def _card_on_file(self, client_id: str) -> str | None:
        card_id: str | None = await self._sandbox.pool.fetchval(
            "SELECT card->>'id' FROM clients WHERE id = $1", client_id
        )
        return card_id

    async def _until_known(self, client_id: str, before: str | None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + KNOWN_WITHIN_SECONDS
        while True:
            card = await self._card_on_file(client_id)
            if card != before and await self._workflow_knows(client_id, card):
                return
            if loop.time() > deadline:
                raise NotAtRest([f"the new card of {client_id} to arrive"])
            await asyncio.sleep(POLL_SECONDS)

    async def _workflow_knows(self, client_id: str, card: str | None) -> bool:
        subscriptions = await self._sandbox.pool.fetch(
            "SELECT id FROM subscriptions WHERE client_id = $1 AND NOT finished", client_id
        )
        for row in subscriptions:
            handle: Any = self._sandbox.temporal.get_workflow_handle(subscription_workflow_id(row["id"]))
            view: StatusView = await handle.query("status", result_type=StatusView, rpc_timeout=timedelta(seconds=5))
            if view.state.card is None or view.state.card.id != card:
                return False
        return True
