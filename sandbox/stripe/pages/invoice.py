"""The hosted invoice page and its PDF: a customer sees what is owed and pays it with a card."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.stripe.acting import perform
from sandbox.stripe.cards import read_typed_card
from sandbox.stripe.errors import ApiError
from sandbox.stripe.invoicing import answer_authentication, invoice_intent, pay_with
from sandbox.stripe.money import format_amount
from sandbox.stripe.pages.html import message, not_found, page, read_fields
from sandbox.stripe.pages.pdf import day, invoice_pdf
from sandbox.stripe.payment_cards import create_payment_method
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site, Work

_REQUIRES_ACTION = "invoice_payment_intent_requires_action"


class InvoicePage:
    """`/i/{account}/{token}`: the token is the secret in the address."""

    def __init__(self, site: Site, webhooks: Webhooks) -> None:
        self._site = site
        self._webhooks = webhooks

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/i/{account}/{token}", self.show, methods=["GET"]),
            Route("/i/{account}/{token}", self.submit, methods=["POST"]),
            Route("/i/{account}/{token}/pdf", self.pdf, methods=["GET"]),
            Route("/receipts/{token}", self.receipt, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        invoice = self._find(request)
        return not_found() if invoice is None else self._page(invoice)

    async def submit(self, request: Request) -> Response:
        fields = await read_fields(request)
        invoice = self._find(request)
        if invoice is None:
            return not_found()
        try:
            perform(self._site, invoice.account, lambda work: pay_on_page(work, invoice.id, fields))
        except ApiError as refusal:
            if refusal.code != _REQUIRES_ACTION:
                return self._page(self._reload(invoice), refusal=refusal)
        finally:
            self._webhooks.wake()
        return RedirectResponse(request.url.path, status_code=303)

    async def pdf(self, request: Request) -> Response:
        invoice = self._find(request)
        if invoice is None:
            return not_found()
        name = f"Invoice-{invoice.body['number']}.pdf"
        headers = {"content-disposition": f'inline; filename="{name}"'}
        return Response(invoice_pdf(self._site.store, invoice), media_type="application/pdf", headers=headers)

    async def receipt(self, request: Request) -> Response:
        found = self._site.store.select("charge", label=request.path_params["token"])
        if not found:
            return not_found()
        charge = found[0].body
        amount = format_amount(charge["amount"], charge["currency"])
        last4 = charge["payment_method_details"]["card"]["last4"]
        return message("Receipt", f"{amount} paid with the card ending in {last4}. {charge['description']}.")

    def _find(self, request: Request) -> Record | None:
        account, token = request.path_params["account"], request.path_params["token"]
        found = self._site.store.select("invoice", account=account, label=token)
        return found[0] if found else None

    def _reload(self, invoice: Record) -> Record:
        return self._site.store.load(invoice.id) or invoice

    def _page(self, invoice: Record, *, refusal: ApiError | None = None) -> Response:
        work = Work(self._site, invoice.account)
        collectible = invoice.body["status"] in ("open", "uncollectible")
        intent = invoice_intent(work, invoice) if collectible else None
        due_date = invoice.body["due_date"]
        return page(
            "invoice.html",
            status=402 if refusal else 200,
            invoice=invoice.body,
            lines=invoice.hidden["lines"],
            seller=invoice.body["account_name"] or "Emulated merchant",
            issued=day(invoice.body["effective_at"]),
            due=day(due_date) if due_date else None,
            payment=intent.body["status"] if intent else None,
            refusal=refusal.message if refusal else None,
            field=refusal.param if refusal else None,
        )


def pay_on_page(work: Work, invoice_id: str, fields: Json) -> None:
    """What the page's forms do: answer the bank, or pay with the card that was typed."""
    invoice = work.require("invoice", invoice_id)
    if fields.get("action") in ("authenticate", "fail"):
        answer_authentication(work, invoice, passed=fields["action"] == "authenticate")
        return
    pay_with(work, invoice, create_payment_method(work, read_typed_card(fields, work.now)))
