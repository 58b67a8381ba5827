"""`/v1/products` and `/v1/prices`."""

from decimal import Decimal

from sandbox.stripe.catalog import create_price, create_product
from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Currency, Flag, Integer, ListOf, Metadata, Nested, Number, Params, Text, Url
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json

_PRODUCT: Params = {
    "active": Flag(),
    "description": Text(clearable=True),
    "images": ListOf(item=Url(), at_most=8),
    "metadata": Metadata(),
    "statement_descriptor": Text(max_length=22),
    "tax_code": Text(clearable=True),
    "unit_label": Text(clearable=True),
    "url": Url(clearable=True),
}
_PRICE_CREATE: Params = {
    "active": Flag(),
    "currency": Currency(required=True),
    "lookup_key": Text(),
    "metadata": Metadata(),
    "nickname": Text(),
    "product": Text(),
    "product_data": Nested(fields={"name": Text(required=True), "metadata": Metadata(), "unit_label": Text()}),
    "recurring": Nested(
        fields={
            "interval": Text(required=True, choices=("day", "month", "week", "year")),
            "interval_count": Integer(minimum=1),
            "usage_type": Text(choices=("licensed", "metered")),
        }
    ),
    "tax_behavior": Text(choices=("exclusive", "inclusive", "unspecified")),
    "unit_amount": Integer(minimum=0),
    "unit_amount_decimal": Number(),
}
_PRICE_UPDATE: Params = {name: _PRICE_CREATE[name] for name in ("active", "lookup_key", "metadata", "nickname")}
_PRICE_LIST: Params = {
    **LIST_PARAMS,
    "active": Flag(),
    "currency": Currency(),
    "product": Text(),
    "type": Text(choices=("one_time", "recurring")),
}


@endpoint("products.create", "POST", "/v1/products", {**_PRODUCT, "name": Text(required=True)})
def create_a_product(call: Call) -> Answer:
    product = create_product(call.work, _without_expand(call.params))
    call.work.emit("product.created", product)
    return product


@endpoint("products.retrieve", "GET", "/v1/products/{id}")
def retrieve_product(call: Call) -> Answer:
    return call.target("product")


@endpoint("products.update", "POST", "/v1/products/{id}", {**_PRODUCT, "name": Text(), "default_price": Text()})
def update_product(call: Call) -> Answer:
    product = call.target("product")
    if "default_price" in call.params:
        call.work.require("price", call.params["default_price"], param="default_price")
    _apply(product, call.params)
    product.body["updated"] = call.work.now
    call.work.emit_updated("product.updated", product)
    return product


@endpoint("products.list", "GET", "/v1/products", {**LIST_PARAMS, "active": Flag()})
def list_products(call: Call) -> Answer:
    return call.page("product", active=call.params.get("active"))


@endpoint("prices.create", "POST", "/v1/prices", _PRICE_CREATE)
def create_a_price(call: Call) -> Answer:
    params = call.params
    if ("product" in params) == ("product_data" in params):
        raise InvalidRequest("You must provide exactly one of `product` or `product_data`.", param="product")
    if "unit_amount" not in params and "unit_amount_decimal" not in params:
        raise InvalidRequest("Missing required param: unit_amount.", code="parameter_missing", param="unit_amount")
    unit = Decimal(params["unit_amount"]) if "unit_amount" in params else params["unit_amount_decimal"]
    price = create_price(call.work, _product(call), params["currency"], unit, more=_price_details(params))
    call.work.emit("price.created", price)
    return price


@endpoint("prices.retrieve", "GET", "/v1/prices/{id}")
def retrieve_price(call: Call) -> Answer:
    return call.target("price")


@endpoint("prices.update", "POST", "/v1/prices/{id}", _PRICE_UPDATE)
def update_price(call: Call) -> Answer:
    price = call.target("price")
    _apply(price, call.params)
    call.work.emit_updated("price.updated", price)
    return price


@endpoint("prices.list", "GET", "/v1/prices", _PRICE_LIST)
def list_prices(call: Call) -> Answer:
    return call.page("price", **{name: call.params.get(name) for name in ("active", "currency", "product", "type")})


def _product(call: Call) -> Record:
    if "product" in call.params:
        return call.work.require("product", call.params["product"], param="product")
    return create_product(call.work, call.params["product_data"])


def _price_details(params: Json) -> Json:
    plain = ("active", "lookup_key", "metadata", "nickname", "tax_behavior")
    details = {name: params[name] for name in plain if name in params}
    if "recurring" in params:
        recurring = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}
        details |= {"type": "recurring", "recurring": recurring | params["recurring"]}
    return details


def _apply(record: Record, params: Json) -> None:
    changes = _without_expand(params)
    if "metadata" in changes:
        changes["metadata"] = merged_metadata(record.body["metadata"], changes["metadata"])
    record.body.update(changes)


def _without_expand(params: Json) -> Json:
    return {name: value for name, value in params.items() if name != "expand"}
