"""`/v1/credit_notes`: lowering what an issued invoice asks for, or giving back what it was paid with."""

from sandbox.stripe.crediting import Settlement, issue_credit_note, void_credit_note
from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Integer, Metadata, Params, Text
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint

_AMOUNT = Integer(minimum=0)
_CREATE: Params = {
    "amount": _AMOUNT,
    "credit_amount": _AMOUNT,
    "email_type": Text(choices=("credit_note", "none")),
    "invoice": Text(required=True),
    "memo": Text(),
    "metadata": Metadata(),
    "out_of_band_amount": _AMOUNT,
    "reason": Text(choices=("duplicate", "fraudulent", "order_change", "product_unsatisfactory")),
    "refund_amount": _AMOUNT,
}


@endpoint("credit_notes.create", "POST", "/v1/credit_notes", _CREATE)
def create(call: Call) -> Answer:
    work, params = call.work, call.params
    if not params.get("amount"):
        raise InvalidRequest("Missing required param: amount.", code="parameter_missing", param="amount")
    invoice = work.require("invoice", params["invoice"], param="invoice")
    settlement = Settlement(
        params.get("refund_amount", 0), params.get("credit_amount", 0), params.get("out_of_band_amount", 0)
    )
    note = issue_credit_note(work, invoice, params["amount"], settlement)
    note.body.update(memo=params.get("memo"), metadata=params.get("metadata") or {}, reason=params.get("reason"))
    work.emit("credit_note.created", note)
    return note


@endpoint("credit_notes.retrieve", "GET", "/v1/credit_notes/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("credit_note")


@endpoint("credit_notes.update", "POST", "/v1/credit_notes/{id}", {"memo": Text(), "metadata": Metadata()})
def update(call: Call) -> Answer:
    note = call.target("credit_note")
    note.body["memo"] = call.params.get("memo", note.body["memo"])
    if "metadata" in call.params:
        note.body["metadata"] = merged_metadata(note.body["metadata"], call.params["metadata"])
    call.work.emit_updated("credit_note.updated", note)
    return note


@endpoint("credit_notes.void_credit_note", "POST", "/v1/credit_notes/{id}/void")
def void(call: Call) -> Answer:
    note = call.target("credit_note")
    void_credit_note(call.work, note)
    return note


@endpoint("credit_notes.list", "GET", "/v1/credit_notes", {**LIST_PARAMS, "customer": Text(), "invoice": Text()})
def list_credit_notes(call: Call) -> Answer:
    return call.page("credit_note", customer=call.params.get("customer"), parent=call.params.get("invoice"))
