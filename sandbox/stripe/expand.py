"""What `expand` replaces: an id by its object, or an absent sub-list by its entries."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, listed, shown

MAX_LEVELS = 4

# kind: {path of the field inside the object: kind of the object it names}
_REFERENCES: Mapping[str, Mapping[str, str]] = {
    "application_fee": {"charge": "charge", "account": "account", "balance_transaction": "balance_transaction"},
    "balance_transaction": {"source": "charge"},
    "charge": {
        "application_fee": "application_fee",
        "balance_transaction": "balance_transaction",
        "customer": "customer",
        "payment_intent": "payment_intent",
    },
    "checkout.session": {"customer": "customer", "setup_intent": "setup_intent"},
    "credit_note": {
        "customer": "customer",
        "invoice": "invoice",
        "customer_balance_transaction": "customer_balance_transaction",
    },
    "customer": {"invoice_settings.default_payment_method": "payment_method"},
    "customer_balance_transaction": {"customer": "customer", "invoice": "invoice", "credit_note": "credit_note"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "invoice": {"customer": "customer", "default_payment_method": "payment_method"},
    "invoice_payment": {"invoice": "invoice", "payment.payment_intent": "payment_intent"},
    "line_item": {"pricing.price_details.price": "price"},
    "payment_intent": {"customer": "customer", "latest_charge": "charge", "payment_method": "payment_method"},
    "payment_method": {"customer": "customer"},
    "price": {"product": "product"},
    "product": {"default_price": "price"},
    "refund": {
        "charge": "charge",
        "payment_intent": "payment_intent",
        "balance_transaction": "balance_transaction",
        "payment_method": "payment_method",
        "customer": "customer",
    },
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
}


def _invoice_payments(work: Work, invoice: Json) -> Json:
    payments = work.select("invoice_payment", parent=invoice["id"])
    return listed([shown(payment) for payment in payments], "/v1/invoice_payments")


def _charge_refunds(work: Work, charge: Json) -> Json:
    refunds = work.select("refund", parent=charge["id"])
    return listed([shown(refund) for refund in refunds], f"/v1/charges/{charge['id']}/refunds")


_INCLUDED: Mapping[tuple[str, str], Callable[[Work, Json], Json]] = {
    ("invoice", "payments"): _invoice_payments,
    ("charge", "refunds"): _charge_refunds,
}


def expand(work: Work, body: Json, paths: list[str]) -> Json:
    """The body with every path expanded, at most four levels deep."""
    for path in paths:
        _expand_object(work, body, path.split("."), path, levels=0)
    return body


def _expand_object(work: Work, node: Json, segments: list[str], path: str, levels: int) -> None:
    if not segments:
        return
    if node.get("object") == "list":
        if segments[0] != "data":
            raise _not_expandable(path)
        for item in node["data"]:
            _expand_object(work, item, segments[1:], path, levels)
        return
    _expand_field(work, node, node, segments, (), path, levels)


def _expand_field(
    work: Work, owner: Json, node: Json, segments: list[str], inside: tuple[str, ...], path: str, levels: int
) -> None:
    """Follow one field of `owner`; `node` is the nested plain object that `inside` leads to."""
    name, rest = segments[0], segments[1:]
    kind = str(owner.get("object"))
    field = ".".join((*inside, name))
    if include := _INCLUDED.get((kind, field)):
        node.setdefault(name, include(work, owner))
        levels += 1
    elif target := _REFERENCES.get(kind, {}).get(field):
        if isinstance(node.get(name), str):
            node[name] = _resolve(work, target, node[name])
        levels += 1
    elif not rest or not isinstance(node.get(name), dict | list | None) or name not in node:
        raise _not_expandable(path)
    if levels > MAX_LEVELS:
        raise InvalidRequest(f"You cannot expand more than {MAX_LEVELS} levels of a property. Property: {path}")
    _descend(work, owner, node[name], rest, (*inside, name), path, levels)


def _descend(
    work: Work, owner: Json, value: Any, rest: list[str], inside: tuple[str, ...], path: str, levels: int
) -> None:
    if not rest or value is None:
        return
    if isinstance(value, dict) and "object" in value:
        _expand_object(work, value, rest, path, levels)
    elif isinstance(value, dict):
        _expand_field(work, owner, value, rest, inside, path, levels)
    elif isinstance(value, list):
        for item in value:
            _descend(work, owner, item, rest, inside, path, levels)


def _resolve(work: Work, kind: str, object_id: str) -> Json | str:
    record = work.any_account(kind, object_id)
    return shown(record) if record is not None else object_id


def _not_expandable(path: str) -> InvalidRequest:
    return InvalidRequest(
        f"This property cannot be expanded ({path}). You may want to try expanding a different property. "
        "See the API reference for which properties can be expanded."
    )
