"""`/v1/invoices/{id}/lines` and the calls that change many lines at once."""

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.invoice_lines import (
    LINE_PARAMS,
    MAX_LINES_PER_CALL,
    add_line,
    change_line,
    find_line,
    remove_line,
    require_draft,
)
from sandbox.stripe.invoice_totals import recompute
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Integer, ListOf, Metadata, Nested, Params, Text
from sandbox.stripe.routing import Answer, Call, endpoint
from sandbox.stripe.store import Record
from sandbox.stripe.work import listed

_NEW_LINES: Params = {
    "invoice_metadata": Metadata(),
    "lines": ListOf(item=Nested(fields=LINE_PARAMS), at_most=MAX_LINES_PER_CALL, required=True),
}
_CHANGED_LINES: Params = {
    "invoice_metadata": Metadata(),
    "lines": ListOf(
        item=Nested(fields={**LINE_PARAMS, "id": Text(required=True)}), at_most=MAX_LINES_PER_CALL, required=True
    ),
}
_REMOVED_LINES: Params = {
    "invoice_metadata": Metadata(),
    "lines": ListOf(
        item=Nested(
            fields={"id": Text(required=True), "behavior": Text(required=True, choices=("delete", "unassign"))}
        ),
        at_most=MAX_LINES_PER_CALL,
        required=True,
    ),
}
_LIST: Params = {
    "limit": Integer(minimum=1, maximum=100),
    "starting_after": Text(),
    "ending_before": Text(),
}


@endpoint("invoices.add_lines", "POST", "/v1/invoices/{id}/add_lines", _NEW_LINES)
def add_lines(call: Call) -> Answer:
    invoice = _draft(call)
    for index, line in enumerate(call.params["lines"]):
        add_line(call.work, invoice, line, f"lines[{index}]")
    return _changed(call, invoice)


@endpoint("invoices.update_lines", "POST", "/v1/invoices/{id}/update_lines", _CHANGED_LINES)
def update_lines(call: Call) -> Answer:
    invoice = _draft(call)
    for index, change in enumerate(call.params["lines"]):
        line = find_line(invoice, change["id"], param=f"lines[{index}][id]")
        change_line(call.work, invoice, line, change, f"lines[{index}]")
    return _changed(call, invoice)


@endpoint("invoices.remove_lines", "POST", "/v1/invoices/{id}/remove_lines", _REMOVED_LINES)
def remove_lines(call: Call) -> Answer:
    invoice = _draft(call)
    for index, line in enumerate(call.params["lines"]):
        remove_line(invoice, find_line(invoice, line["id"], param=f"lines[{index}][id]"))
    return _changed(call, invoice)


@endpoint("invoices.line_items.update", "POST", "/v1/invoices/{id}/lines/{line}", LINE_PARAMS)
def update_line(call: Call) -> Answer:
    invoice = _draft(call)
    line = find_line(invoice, call.ids["line"], param="line_item_id")
    change_line(call.work, invoice, line, call.params, "line")
    _changed(call, invoice)
    return line


@endpoint("invoices.line_items.list", "GET", "/v1/invoices/{id}/lines", _LIST)
def list_lines(call: Call) -> Answer:
    """Lines in the order in which they were added, unlike every other list."""
    lines, params = call.target("invoice").hidden["lines"], call.params
    position = {line["id"]: index for index, line in enumerate(lines)}
    for cursor in ("starting_after", "ending_before"):
        if cursor in params and params[cursor] not in position:
            raise InvalidRequest(
                f"No such invoice line item: '{params[cursor]}'", code="resource_missing", param=cursor
            )
    first = position[params["starting_after"]] + 1 if "starting_after" in params else 0
    rest = lines[first:]
    limit = params.get("limit", 10)
    if "ending_before" in params:
        before = lines[: position[params["ending_before"]]]
        return {**listed(before[-limit:], call.path), "has_more": len(before) > limit}
    return listed(rest[:limit], call.path, len(rest))


def _draft(call: Call) -> Record:
    invoice = call.target("invoice")
    require_draft(invoice)
    return invoice


def _changed(call: Call, invoice: Record) -> Record:
    if "invoice_metadata" in call.params:
        invoice.body["metadata"] = merged_metadata(invoice.body["metadata"], call.params["invoice_metadata"])
    recompute(call.work, invoice)
    call.work.emit_updated("invoice.updated", invoice)
    return invoice
