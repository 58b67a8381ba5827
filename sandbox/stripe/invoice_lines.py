"""Lines of a draft invoice: how they are read from parameters, priced, changed and taken off."""

from decimal import Decimal

from sandbox.stripe.catalog import create_price, create_product
from sandbox.stripe.errors import InvalidRequest, InvalidState
from sandbox.stripe.ids import new_id
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.money import MAX_CHARGE, round_half_away
from sandbox.stripe.params import Currency, Flag, Integer, ListOf, Metadata, Nested, Number, Params, Text
from sandbox.stripe.shapes import INVOICE_LINE, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work

MAX_LINES_PER_CALL = 250

_AMOUNT = Integer(minimum=-MAX_CHARGE, maximum=MAX_CHARGE)
_PRICE_DATA = Nested(
    fields={
        "currency": Currency(required=True),
        "product": Text(),
        "product_data": Nested(
            fields={"name": Text(required=True), "description": Text(), "metadata": Metadata(), "tax_code": Text()}
        ),
        "tax_behavior": Text(choices=("exclusive", "inclusive", "unspecified")),
        "unit_amount": _AMOUNT,
        "unit_amount_decimal": Number(),
    }
)
LINE_PARAMS: Params = {
    "amount": _AMOUNT,
    "description": Text(max_length=500),
    "discountable": Flag(),
    "discounts": ListOf(item=Nested(fields={}), clearable=True),
    "metadata": Metadata(),
    "period": Nested(fields={"start": Integer(required=True), "end": Integer(required=True)}),
    "price_data": _PRICE_DATA,
    "pricing": Nested(fields={"price": Text()}),
    "quantity": Integer(minimum=0),
    "tax_rates": ListOf(item=Text(), clearable=True),
}


def require_draft(invoice: Record) -> None:
    """Refuse to touch what a customer may already have seen."""
    if invoice.body["status"] != "draft":
        raise InvalidState(
            "This invoice is no longer editable. You can only edit draft invoices.", code="invoice_not_editable"
        )


def add_line(work: Work, invoice: Record, params: Json, name: str) -> None:
    """Append a line; exactly one of amount, price_data and pricing says what it costs."""
    sources = [source for source in ("amount", "price_data", "pricing") if source in params]
    if len(sources) != 1:
        raise InvalidRequest(
            "You must provide exactly one of `amount`, `price_data` or `pricing` for each line.", param=name
        )
    line: Json = new(
        INVOICE_LINE,
        id=new_id("line_item"),
        currency=invoice.body["currency"],
        invoice=invoice.id,
        parent={
            "invoice_item_details": {
                "invoice_item": new_id("invoiceitem"),
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        period={"start": work.now, "end": work.now},
    )
    change_line(work, invoice, line, params, name)
    invoice.hidden["lines"].append(line)


def change_line(work: Work, invoice: Record, line: Json, params: Json, name: str) -> None:
    """Apply given parameters to a line and leave the rest."""
    for field in ("description", "discountable", "period"):
        if field in params:
            line[field] = params[field]
    if "metadata" in params:
        line["metadata"] = merged_metadata(line["metadata"], params["metadata"])
    if "tax_rates" in params:
        _set_tax_rates(work, invoice, line, params["tax_rates"], name)
    if "quantity" in params:
        line.update(quantity=params["quantity"], quantity_decimal=str(params["quantity"]))
    _price_line(work, line, params, name)


def remove_line(invoice: Record, line: Json) -> None:
    """Take a line off."""
    invoice.hidden["lines"].remove(line)
    invoice.hidden["line_tax_rates"].pop(line["id"], None)


def find_line(invoice: Record, line_id: str, *, param: str) -> Json:
    """The line with this id."""
    for line in invoice.hidden["lines"]:
        if line["id"] == line_id:
            found: Json = line
            return found
    raise InvalidRequest(f"No such invoice line item: '{line_id}'", code="resource_missing", param=param)


def _price_line(work: Work, line: Json, params: Json, name: str) -> None:
    if "amount" in params:
        quantity = line["quantity"] or 1
        line["pricing"] = _pricing(Decimal(params["amount"]) / quantity, None)
        _set_amount(line, params["amount"], name)
    elif "price_data" in params:
        _price_from_data(work, line, params["price_data"], name)
    elif "pricing" in params:
        price = work.require("price", params["pricing"].get("price", ""), param=f"{name}[pricing][price]").body
        _require_same_currency(line, price["currency"], name)
        unit = Decimal(price["unit_amount_decimal"])
        product = work.require("product", price["product"]).body
        line["description"] = line["description"] or product["name"]
        line["pricing"] = _pricing(unit, {"price": price["id"], "product": price["product"]})
        _set_amount(line, round_half_away(unit * line["quantity"]), name)
    elif "quantity" in params and line["pricing"]:
        unit = Decimal(line["pricing"]["unit_amount_decimal"])
        _set_amount(line, round_half_away(unit * line["quantity"]), name)


def _price_from_data(work: Work, line: Json, data: Json, name: str) -> None:
    _require_same_currency(line, data["currency"], name)
    if "unit_amount" not in data and "unit_amount_decimal" not in data:
        raise InvalidRequest(
            f"Missing required param: {name}[price_data][unit_amount].",
            code="parameter_missing",
            param=f"{name}[price_data][unit_amount]",
        )
    product = _product_of(work, data, name)
    unit = Decimal(data["unit_amount"]) if "unit_amount" in data else data["unit_amount_decimal"]
    price = create_price(work, product, data["currency"], unit, active=False)
    line["description"] = line["description"] or product.body["name"]
    line["pricing"] = _pricing(unit, {"price": price.id, "product": product.id})
    _set_amount(line, round_half_away(unit * line["quantity"]), name)


def _product_of(work: Work, data: Json, name: str) -> Record:
    if "product" in data:
        return work.require("product", data["product"], param=f"{name}[price_data][product]")
    if "product_data" not in data:
        raise InvalidRequest(
            f"Missing required param: {name}[price_data][product].",
            code="parameter_missing",
            param=f"{name}[price_data][product]",
        )
    return create_product(work, {**data["product_data"], "active": False})


def _set_tax_rates(work: Work, invoice: Record, line: Json, rate_ids: list[str] | None, name: str) -> None:
    for rate_id in rate_ids or []:
        work.require("tax_rate", rate_id, param=f"{name}[tax_rates]")
    invoice.hidden["line_tax_rates"][line["id"]] = rate_ids or []


def _set_amount(line: Json, amount: int, name: str) -> None:
    if abs(amount) > MAX_CHARGE:
        raise InvalidRequest("Amount is too large.", code="amount_too_large", param=f"{name}[amount]")
    line.update(amount=amount, subtotal=amount)


def _require_same_currency(line: Json, currency: str, name: str) -> None:
    if currency != line["currency"]:
        raise InvalidRequest(
            f"The currency of the price ({currency}) must match the currency of the invoice ({line['currency']}).",
            param=name,
        )


def _pricing(unit: Decimal, details: Json | None) -> Json:
    return {
        "price_details": details,
        "type": "price_details",
        "unit_amount_decimal": format(unit.quantize(Decimal("1e-12")).normalize(), "f"),
    }
