"""`/v1/customers`, their saved cards and their balance."""

from sandbox.stripe.balances import move_balance
from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.ids import random_text
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Currency, Flag, Integer, ListOf, Metadata, Nested, Params, Text
from sandbox.stripe.payment_cards import attach, attached_methods, require_method, set_default_method
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.shapes import CUSTOMER, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json

_ADDRESS_FIELDS: Params = {
    name: Text(clearable=True) for name in ("city", "country", "line1", "line2", "postal_code", "state")
}
_ADDRESS = Nested(fields=_ADDRESS_FIELDS, clearable=True)
_SHARED: Params = {
    "address": _ADDRESS,
    "balance": Integer(),
    "business_name": Text(clearable=True),
    "description": Text(clearable=True),
    "email": Text(clearable=True, max_length=512),
    "individual_name": Text(clearable=True),
    "invoice_prefix": Text(max_length=12),
    "invoice_settings": Nested(fields={"default_payment_method": Text(clearable=True), "footer": Text(clearable=True)}),
    "metadata": Metadata(),
    "name": Text(clearable=True, max_length=256),
    "next_invoice_sequence": Integer(minimum=1),
    "phone": Text(clearable=True, max_length=20),
    "preferred_locales": ListOf(item=Text()),
    "shipping": Nested(
        fields={"address": Nested(fields=_ADDRESS_FIELDS, required=True), "name": Text(required=True), "phone": Text()},
        clearable=True,
    ),
    "tax_exempt": Text(choices=("exempt", "none", "reverse"), clearable=True),
    "validate": Flag(),
}
_CREATE: Params = {**_SHARED, "payment_method": Text()}
_PLAIN_FIELDS = (
    "business_name", "description", "email", "individual_name", "invoice_prefix", "name", "next_invoice_sequence",
    "phone", "preferred_locales", "shipping",
)  # fmt: skip
_BALANCE_CREATE: Params = {
    "amount": Integer(required=True),
    "currency": Currency(required=True),
    "description": Text(),
    "metadata": Metadata(),
}


@endpoint("customers.create", "POST", "/v1/customers", _CREATE)
def create(call: Call) -> Answer:
    work, params = call.work, call.params
    customer = work.create("customer", _blank(), {"balances": {}})
    _apply(call, customer)
    if "payment_method" in params:
        attach(work, require_method(work, params["payment_method"], param="payment_method"), customer)
    work.emit("customer.created", customer)
    _set_balance(call, customer)
    return customer


@endpoint("customers.retrieve", "GET", "/v1/customers/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("customer")


@endpoint("customers.update", "POST", "/v1/customers/{id}", _SHARED)
def update(call: Call) -> Answer:
    customer = _living(call)
    _apply(call, customer)
    _set_balance(call, customer)
    call.work.emit_updated("customer.updated", customer)
    return customer


@endpoint("customers.delete", "DELETE", "/v1/customers/{id}")
def delete(call: Call) -> Answer:
    """Stripe keeps a stub, and the cards are gone."""
    customer = _living(call)
    for method in attached_methods(call.work, customer.id):
        method.body["customer"] = None
        method.hidden["detached"] = True
        call.work.emit_updated("payment_method.detached", method)
    call.work.emit("customer.deleted", customer)
    customer.hidden["created"] = customer.body["created"]
    customer.body = {"id": customer.id, "object": "customer", "deleted": True}
    return customer


@endpoint("customers.list", "GET", "/v1/customers", {**LIST_PARAMS, "email": Text()})
def list_customers(call: Call) -> Answer:
    # The stubs of deleted customers are not listed; `livemode` is a field that only the living still have.
    return call.page("customer", email=call.params.get("email"), livemode=False)


@endpoint(
    "customers.payment_methods.list", "GET", "/v1/customers/{id}/payment_methods", {**LIST_PARAMS, "type": Text()}
)
def list_payment_methods(call: Call) -> Answer:
    return call.page("payment_method", customer=_living(call).id, type=call.params.get("type"))


@endpoint("customers.payment_methods.retrieve", "GET", "/v1/customers/{id}/payment_methods/{method}")
def retrieve_payment_method(call: Call) -> Answer:
    customer = _living(call)
    method = call.work.require("payment_method", call.ids["method"], param="payment_method", in_path=True)
    if method.body["customer"] != customer.id:
        raise InvalidRequest(f"No such PaymentMethod: '{method.id}'", code="resource_missing", param="payment_method")
    return method


@endpoint("customers.balance_transactions.create", "POST", "/v1/customers/{id}/balance_transactions", _BALANCE_CREATE)
def create_balance_transaction(call: Call) -> Answer:
    params = call.params
    entry = move_balance(
        call.work,
        _living(call),
        params["amount"],
        params["currency"],
        reason="adjustment",
        description=params.get("description"),
    )
    entry.body["metadata"] = params.get("metadata") or {}
    return entry


@endpoint("customers.balance_transactions.list", "GET", "/v1/customers/{id}/balance_transactions", LIST_PARAMS)
def list_balance_transactions(call: Call) -> Answer:
    return call.page("customer_balance_transaction", customer=_living(call).id)


def _living(call: Call) -> Record:
    customer = call.target("customer")
    return call.work.require("customer", "" if customer.body.get("deleted") else customer.id, in_path=True)


def _apply(call: Call, customer: Record) -> None:
    params, body = call.params, customer.body
    for name in _PLAIN_FIELDS:
        if name in params:
            body[name] = params[name]
    if "address" in params:
        given = params["address"]
        body["address"] = None if given is None else {name: given.get(name) for name in _ADDRESS_FIELDS}
    if "tax_exempt" in params:
        body["tax_exempt"] = params["tax_exempt"] or "none"
    if "metadata" in params:
        body["metadata"] = merged_metadata(body["metadata"], params["metadata"])
    settings = params.get("invoice_settings", {})
    if "footer" in settings:
        body["invoice_settings"]["footer"] = settings["footer"]
    if "default_payment_method" in settings:
        set_default_method(call.work, customer, settings["default_payment_method"])


def _set_balance(call: Call, customer: Record) -> None:
    if "balance" not in call.params:
        return
    currency = customer.body["currency"] or _home_currency(call)
    change = call.params["balance"] - customer.body["balance"]
    if change:
        move_balance(call.work, customer, change, currency, reason="adjustment")


def _home_currency(call: Call) -> str:
    account = call.work.any_account("account", call.work.account)
    return str(account.body["default_currency"]) if account else "usd"


def _blank() -> Json:
    return new(
        CUSTOMER,
        invoice_prefix=random_text(8).upper(),
    )
