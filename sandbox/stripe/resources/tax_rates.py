"""`/v1/tax_rates`: percentages that an invoice adds to its lines or finds inside them."""

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Flag, Metadata, Number, Params, Text
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint

_DESCRIPTION: Params = {
    "active": Flag(),
    "country": Text(max_length=2),
    "description": Text(),
    "display_name": Text(max_length=50),
    "jurisdiction": Text(),
    "metadata": Metadata(),
    "state": Text(),
    "tax_type": Text(),
}
_CREATE: Params = {
    **_DESCRIPTION,
    "display_name": Text(required=True, max_length=50),
    "inclusive": Flag(required=True),
    "percentage": Number(required=True),
}


@endpoint("tax_rates.create", "POST", "/v1/tax_rates", _CREATE)
def create(call: Call) -> Answer:
    params = call.params
    if not 0 <= params["percentage"] <= 100:
        raise InvalidRequest("The percentage must be between 0 and 100.", param="percentage")
    percentage = float(params["percentage"])
    rate = call.work.create(
        "tax_rate",
        {
            "active": params.get("active", True),
            "country": params.get("country"),
            "description": params.get("description"),
            "display_name": params["display_name"],
            "effective_percentage": None,
            "flat_amount": None,
            "inclusive": params["inclusive"],
            "jurisdiction": params.get("jurisdiction"),
            "jurisdiction_level": None,
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "percentage": percentage,
            "rate_type": "percentage",
            "state": params.get("state"),
            "tax_type": params.get("tax_type"),
        },
    )
    call.work.emit("tax_rate.created", rate)
    return rate


@endpoint("tax_rates.retrieve", "GET", "/v1/tax_rates/{id}")
def retrieve(call: Call) -> Answer:
    return call.target("tax_rate")


@endpoint("tax_rates.update", "POST", "/v1/tax_rates/{id}", _DESCRIPTION)
def update(call: Call) -> Answer:
    """A rate's percentage never changes; what describes it may."""
    rate = call.target("tax_rate")
    for name in _DESCRIPTION:
        if name in call.params and name != "metadata":
            rate.body[name] = call.params[name]
    if "metadata" in call.params:
        rate.body["metadata"] = merged_metadata(rate.body["metadata"], call.params["metadata"])
    call.work.emit_updated("tax_rate.updated", rate)
    return rate


@endpoint("tax_rates.list", "GET", "/v1/tax_rates", {**LIST_PARAMS, "active": Flag(), "inclusive": Flag()})
def list_rates(call: Call) -> Answer:
    return call.page("tax_rate", active=call.params.get("active"), inclusive=call.params.get("inclusive"))
