"""What a payment leaves behind, to be read: payment intents, charges, invoice payments, balance transactions, fees."""

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.params import Nested, Params, Text
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, Page, endpoint

_INVOICE_PAYMENT_LIST: Params = {
    **LIST_PARAMS,
    "invoice": Text(),
    "payment": Nested(
        fields={
            "type": Text(required=True, choices=("charge", "payment_intent", "payment_record")),
            "payment_intent": Text(),
        }
    ),
    "status": Text(choices=("canceled", "open", "paid")),
}


@endpoint("payment_intents.retrieve", "GET", "/v1/payment_intents/{id}")
def retrieve_intent(call: Call) -> Answer:
    return call.target("payment_intent")


@endpoint("payment_intents.list", "GET", "/v1/payment_intents", {**LIST_PARAMS, "customer": Text()})
def list_intents(call: Call) -> Answer:
    return call.page("payment_intent", customer=call.params.get("customer"))


@endpoint("charges.retrieve", "GET", "/v1/charges/{id}")
def retrieve_charge(call: Call) -> Answer:
    return call.target("charge")


@endpoint("charges.list", "GET", "/v1/charges", {**LIST_PARAMS, "customer": Text(), "payment_intent": Text()})
def list_charges(call: Call) -> Answer:
    return call.page("charge", customer=call.params.get("customer"), payment_intent=call.params.get("payment_intent"))


@endpoint("invoice_payments.retrieve", "GET", "/v1/invoice_payments/{id}")
def retrieve_invoice_payment(call: Call) -> Answer:
    return call.target("invoice_payment")


@endpoint("invoice_payments.list", "GET", "/v1/invoice_payments", _INVOICE_PAYMENT_LIST)
def list_invoice_payments(call: Call) -> Answer:
    invoice, payment = call.params.get("invoice"), call.params.get("payment")
    if invoice is None and payment is None:
        raise InvalidRequest("You must provide one of `invoice` or `payment`.")
    if payment is not None:
        if "payment_intent" not in payment:
            raise InvalidRequest(
                "Missing required param: payment[payment_intent].",
                code="parameter_missing",
                param="payment[payment_intent]",
            )
        intent = call.work.find("payment_intent", payment["payment_intent"])
        if intent is None or invoice not in (None, intent.hidden["parent"]):
            return Page([], has_more=False)
        invoice = intent.hidden["parent"]
    return call.page("invoice_payment", parent=invoice, status=call.params.get("status"))


@endpoint("balance_transactions.retrieve", "GET", "/v1/balance_transactions/{id}")
def retrieve_balance_transaction(call: Call) -> Answer:
    return call.target("balance_transaction")


@endpoint("application_fees.retrieve", "GET", "/v1/application_fees/{id}")
def retrieve_application_fee(call: Call) -> Answer:
    return call.target("application_fee")


@endpoint("application_fees.list", "GET", "/v1/application_fees", {**LIST_PARAMS, "charge": Text()})
def list_application_fees(call: Call) -> Answer:
    return call.page("application_fee", charge=call.params.get("charge"))
