"""`/v1/invoices`: drafting, changing, finalizing, paying and closing them."""

from collections.abc import Sequence
from typing import Any

from sandbox.stripe import invoicing
from sandbox.stripe.errors import InvalidRequest, InvalidState
from sandbox.stripe.invoice_lines import LINE_PARAMS, MAX_LINES_PER_CALL, add_line, require_draft
from sandbox.stripe.invoice_totals import recompute
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Currency, Flag, Integer, ListOf, Metadata, Nested, Params, ParamType, Text
from sandbox.stripe.payment_cards import owned_method
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.shapes import INVOICE, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, shown

DAY_SECONDS = 86400

_COLLECTION = Text(choices=("charge_automatically", "send_invoice"))
_CHANGEABLE: dict[str, ParamType] = {
    "application_fee_amount": Integer(minimum=0),
    "auto_advance": Flag(),
    "automatic_tax": Nested(fields={"enabled": Flag(required=True)}),
    "collection_method": _COLLECTION,
    "custom_fields": ListOf(
        item=Nested(fields={"name": Text(required=True), "value": Text(required=True)}), at_most=4, clearable=True
    ),
    "days_until_due": Integer(minimum=0),
    "default_payment_method": Text(clearable=True),
    "default_tax_rates": ListOf(item=Text(), clearable=True),
    "description": Text(clearable=True, max_length=1500),
    "discounts": ListOf(item=Nested(fields={}), clearable=True),
    "due_date": Integer(),
    "effective_at": Integer(clearable=True),
    "footer": Text(clearable=True),
    "metadata": Metadata(),
    "number": Text(clearable=True, max_length=26),
    "payment_settings": Nested(
        fields={
            "payment_method_types": ListOf(item=Text(choices=("card",)), clearable=True),
            "payment_method_options": Nested(
                fields={
                    "card": Nested(
                        fields={"request_three_d_secure": Text(choices=("any", "automatic", "challenge"))},
                        clearable=True,
                    )
                }
            ),
        }
    ),
    "statement_descriptor": Text(max_length=22),
}
_CREATE: Params = {
    **_CHANGEABLE,
    "customer": Text(required=True),
    "currency": Currency(),
    "pending_invoice_items_behavior": Text(choices=("exclude", "include")),
}
_PREVIEW: Params = {
    "currency": Currency(),
    "customer": Text(),
    "customer_details": Nested(fields={"tax_exempt": Text(choices=("exempt", "none", "reverse"), clearable=True)}),
    "discounts": ListOf(item=Nested(fields={}), clearable=True),
    "invoice_items": ListOf(
        item=Nested(
            fields={
                **{name: kind for name, kind in LINE_PARAMS.items() if name not in ("price_data", "pricing")},
                "amount": Integer(required=True),
                "currency": Currency(),
            }
        ),
        at_most=MAX_LINES_PER_CALL,
        required=True,
    ),
}
_PAY: Params = {
    "off_session": Flag(),
    "paid_out_of_band": Flag(),
    "payment_method": Text(),
}
_LIST: Params = {
    **LIST_PARAMS,
    "collection_method": _COLLECTION,
    "customer": Text(),
    "status": Text(choices=("draft", "open", "paid", "uncollectible", "void")),
}
_OF_CUSTOMER = ("address", "email", "name", "phone", "shipping", "tax_exempt")
_EDITABLE_AFTER_DRAFT = frozenset({"auto_advance", "default_payment_method", "expand", "metadata", "payment_settings"})
_PLAIN_FIELDS = ("auto_advance", "description", "effective_at", "footer", "number", "statement_descriptor")


@endpoint("invoices.create", "POST", "/v1/invoices", _CREATE)
def create(call: Call) -> Answer:
    work, params = call.work, call.params
    customer = work.require("customer", params["customer"], param="customer")
    account = work.any_account("account", work.account)
    home_currency = account.body["default_currency"] if account else "usd"
    currency = params.get("currency") or customer.body["currency"] or home_currency
    invoice = work.create("invoice", _blank(work, customer, currency), _blank_hidden())
    if account is not None:
        invoice.body["account_country"] = account.body["country"]
        invoice.body["account_name"] = account.body["business_profile"]["name"]
    _apply(work, invoice, params)
    recompute(work, invoice)
    work.emit("invoice.created", invoice)
    return invoice


@endpoint("invoices.create_preview", "POST", "/v1/invoices/create_preview", _PREVIEW)
def create_preview(call: Call) -> Answer:
    """What an invoice of these items would come to. Nothing of it stays; pending items do not exist here."""
    work, params = call.work, call.params
    customer = work.require("customer", params["customer"], param="customer") if "customer" in params else None
    currency = params.get("currency") or (customer.body["currency"] if customer else None) or "usd"
    invoice = work.create("invoice", _blank(work, customer, currency), _blank_hidden())
    invoice.body["billing_reason"] = "upcoming"
    if "customer_details" in params:
        invoice.body["customer_tax_exempt"] = params["customer_details"].get("tax_exempt")
    for index, item in enumerate(params["invoice_items"]):
        own = {name: value for name, value in item.items() if name != "currency"}
        add_line(work, invoice, own, f"invoice_items[{index}]")
    recompute(work, invoice)
    work.delete(invoice)
    return {**shown(invoice), "id": f"upcoming_{invoice.id}"}


@endpoint("invoices.retrieve", "GET", "/v1/invoices/{id}")
def retrieve(call: Call) -> Answer:
    invoice = call.target("invoice")
    if invoice.body["status"] == "draft":
        recompute(call.work, invoice)  # its starting balance is the customer's of now
    return invoice


@endpoint("invoices.list", "GET", "/v1/invoices", _LIST)
def list_invoices(call: Call) -> Answer:
    filters = {name: call.params.get(name) for name in ("customer", "status", "collection_method")}
    return call.page("invoice", **filters)


@endpoint("invoices.update", "POST", "/v1/invoices/{id}", _CHANGEABLE)
def update(call: Call) -> Answer:
    invoice = call.target("invoice")
    if not _EDITABLE_AFTER_DRAFT.issuperset(call.params):
        require_draft(invoice)
    _apply(call.work, invoice, call.params)
    if invoice.body["status"] == "draft":
        recompute(call.work, invoice)
    call.work.emit_updated("invoice.updated", invoice)
    return invoice


@endpoint("invoices.delete", "DELETE", "/v1/invoices/{id}")
def delete(call: Call) -> Answer:
    invoice = call.target("invoice")
    if invoice.body["status"] != "draft":
        raise InvalidState(f"You can only delete draft invoices. This invoice is {invoice.body['status']}.")
    call.work.emit("invoice.deleted", invoice)
    call.work.delete(invoice)
    return {"id": invoice.id, "object": "invoice", "deleted": True}


@endpoint("invoices.finalize_invoice", "POST", "/v1/invoices/{id}/finalize", {"auto_advance": Flag()})
def finalize_invoice(call: Call) -> Answer:
    invoice = call.target("invoice")
    invoice.body["auto_advance"] = call.params.get("auto_advance", invoice.body["auto_advance"])
    invoicing.finalize(call.work, invoice)
    return invoice


@endpoint("invoices.pay", "POST", "/v1/invoices/{id}/pay", _PAY)
def pay(call: Call) -> Answer:
    invoice, params = call.target("invoice"), call.params
    if params.get("paid_out_of_band"):
        if "payment_method" in params:
            raise InvalidRequest("You may only specify one of these parameters: paid_out_of_band, payment_method.")
        invoicing.pay_out_of_band(call.work, invoice)
        return invoice
    invoicing.pay(
        call.work, invoice, method_id=params.get("payment_method"), off_session=params.get("off_session", True)
    )
    return invoice


@endpoint("invoices.void_invoice", "POST", "/v1/invoices/{id}/void")
def void_invoice(call: Call) -> Answer:
    invoice = call.target("invoice")
    invoicing.void(call.work, invoice)
    return invoice


@endpoint("invoices.mark_uncollectible", "POST", "/v1/invoices/{id}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Answer:
    invoice = call.target("invoice")
    invoicing.mark_uncollectible(call.work, invoice)
    return invoice


@endpoint("invoices.send_invoice", "POST", "/v1/invoices/{id}/send")
def send_invoice(call: Call) -> Answer:
    invoice = call.target("invoice")
    invoicing.send(call.work, invoice)
    return invoice


def _blank_hidden() -> Json:
    return {"lines": [], "line_tax_rates": {}, "application_fee_amount": None, "label": None}


def _blank(work: Work, customer: Record | None, currency: str) -> Json:
    shared = customer.body if customer else dict.fromkeys(_OF_CUSTOMER)
    return new(
        INVOICE,
        application=work.site.application if work.is_connected else None,
        currency=currency,
        customer=customer.id if customer else None,
        customer_address=shared["address"],
        customer_email=shared["email"],
        customer_name=shared["name"],
        customer_phone=shared["phone"],
        customer_shipping=shared["shipping"],
        customer_tax_exempt=shared["tax_exempt"],
        period_end=work.now,
        period_start=work.now,
    )


def _apply(work: Work, invoice: Record, params: Json) -> None:
    body = invoice.body
    for name in _PLAIN_FIELDS:
        if name in params:
            body[name] = params[name]
    if "custom_fields" in params:
        body["custom_fields"] = params["custom_fields"]
    if "metadata" in params:
        body["metadata"] = merged_metadata(body["metadata"], params["metadata"])
    if "payment_settings" in params:
        body["payment_settings"] |= params["payment_settings"]
    if "application_fee_amount" in params:
        _set_application_fee(work, invoice, params["application_fee_amount"])
    if "default_tax_rates" in params:
        body["default_tax_rates"] = _tax_rates(work, params["default_tax_rates"] or [])
    if "default_payment_method" in params:
        _set_default_method(work, invoice, params["default_payment_method"])
    if params.get("automatic_tax", {}).get("enabled"):
        raise InvalidState("Automatic tax is not active on this account.", param="automatic_tax[enabled]")
    _apply_collection(work, invoice, params)


def _apply_collection(work: Work, invoice: Record, params: Json) -> None:
    body = invoice.body
    body["collection_method"] = params.get("collection_method", body["collection_method"])
    given: Sequence[Any] = [params[name] for name in ("days_until_due", "due_date") if name in params]
    if body["collection_method"] == "send_invoice":
        if "days_until_due" in params:
            body["due_date"] = work.now + params["days_until_due"] * DAY_SECONDS
        body["due_date"] = params.get("due_date", body["due_date"])
        if body["due_date"] is None:
            raise InvalidRequest(
                "If invoice `collection_method` is `send_invoice`, you must specify `due_date` or `days_until_due`."
            )
    elif given:
        raise InvalidRequest(
            "You can only specify `due_date` or `days_until_due` if the collection method is `send_invoice`."
        )


def _set_application_fee(work: Work, invoice: Record, amount: int) -> None:
    if amount and not work.is_connected:
        raise InvalidRequest(
            "Can only apply an application_fee_amount when the request is made on behalf of another account (using an "
            "OAuth key, the Stripe-Account header, or the destination parameter).",
            param="application_fee_amount",
        )
    invoice.hidden["application_fee_amount"] = amount or None


def _set_default_method(work: Work, invoice: Record, method_id: str | None) -> None:
    if method_id is not None:
        method_id = owned_method(work, invoice.body["customer"], method_id).id
    invoice.body["default_payment_method"] = method_id


def _tax_rates(work: Work, rate_ids: list[str]) -> list[Json]:
    rates = [work.require("tax_rate", rate_id, param="default_tax_rates") for rate_id in rate_ids]
    if len({rate.body["inclusive"] for rate in rates}) > 1:
        raise InvalidRequest("Tax rates must be either all inclusive or all exclusive.", param="default_tax_rates")
    return [shown(rate) for rate in rates]
