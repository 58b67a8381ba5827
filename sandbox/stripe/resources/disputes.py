"""`/v1/disputes`: payments that a bank asks about or takes back."""

from sandbox.stripe.params import Text
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint


@endpoint("disputes.retrieve", "GET", "/v1/disputes/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("dispute")


@endpoint("disputes.list", "GET", "/v1/disputes", {**LIST_PARAMS, "charge": Text(), "payment_intent": Text()})
def list_disputes(call: Call) -> Answer:
    return call.page("dispute", parent=call.params.get("charge"), payment_intent=call.params.get("payment_intent"))
