"""`/v1/refunds`: money back to the card that paid."""

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Flag, Integer, Metadata, Params, Text
from sandbox.stripe.refunding import refund_charge
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint

_CREATE: Params = {
    "amount": Integer(minimum=1),
    "charge": Text(),
    "metadata": Metadata(),
    "payment_intent": Text(),
    "reason": Text(choices=("duplicate", "fraudulent", "requested_by_customer")),
    "refund_application_fee": Flag(),
}


@endpoint("refunds.create", "POST", "/v1/refunds", _CREATE)
def create(call: Call) -> Answer:
    work, params = call.work, call.params
    if ("charge" in params) == ("payment_intent" in params):
        raise InvalidRequest("You must provide exactly one of `charge` or `payment_intent`.", param="charge")
    charge_id = params.get("charge", "")
    if "payment_intent" in params:
        intent = work.require("payment_intent", params["payment_intent"], param="payment_intent")
        charge_id = intent.body["latest_charge"] or ""
    charge = work.require("charge", charge_id, param="charge" if "charge" in params else "payment_intent")
    return refund_charge(
        work,
        charge,
        params.get("amount"),
        reason=params.get("reason"),
        metadata=params.get("metadata") or {},
        with_application_fee=params.get("refund_application_fee", False),
    )


@endpoint("refunds.retrieve", "GET", "/v1/refunds/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("refund")


@endpoint("refunds.update", "POST", "/v1/refunds/{id}", {"metadata": Metadata()})
def update(call: Call) -> Answer:
    refund = call.target("refund")
    if "metadata" in call.params:
        refund.body["metadata"] = merged_metadata(refund.body["metadata"], call.params["metadata"])
    call.work.emit_updated("refund.updated", refund)
    return refund


@endpoint("refunds.list", "GET", "/v1/refunds", {**LIST_PARAMS, "charge": Text(), "payment_intent": Text()})
def list_refunds(call: Call) -> Answer:
    return call.page("refund", parent=call.params.get("charge"), payment_intent=call.params.get("payment_intent"))
