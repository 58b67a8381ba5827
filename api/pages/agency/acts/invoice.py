"""Acts on one invoice: each is asked about once, with its money in words."""

from typing import Final

from starlette.responses import Response

from api.pages.agency import possible
from api.pages.agency.acts.asking import ASK_AND_DO, PAYMENT_UNDER_WAY, Asking, Order
from api.pages.agency.door import API, dashboard_router
from api.pages.agency.lookups import client_of
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry
from api.pages.inside import Json
from api.pages.typed import Typed, major

router = dashboard_router("/invoices/{invoice_id}")
_REASON: Final = {"reason": ("reason",)}
_GIVEN_BACK: Final = {"amount": ("amount",), "note": ("note",), **_REASON}
_TOO_LARGE: Final = {"refund_too_large": "amount", "credit_too_large": "amount"}


@router.api_route("/void", methods=ASK_AND_DO)
async def void(visit: Visiting, invoice_id: str) -> Response:
    return await _ended(visit, invoice_id, "void", "The invoice is void. Nothing is owed of it any more.")


@router.api_route("/mark-uncollectible", methods=ASK_AND_DO)
async def write_off(visit: Visiting, invoice_id: str) -> Response:
    said = "The invoice is written off, and not collected any more. It can still be marked paid, or voided."
    return await _ended(visit, invoice_id, "mark-uncollectible", said)


async def _ended(visit: Visit, invoice_id: str, act: str, said: str) -> Response:
    """`act` is its name here and in the API."""
    asking = await about(visit, invoice_id, act)
    if not visit.sent:
        return await asking.ask()
    reason = visit.form.get("reason")
    return await asking.carry_out(_order(invoice_id, act, {"reason": reason} if reason else {}), said)


@router.api_route("/mark-paid", methods=ASK_AND_DO)
async def mark_paid(visit: Visiting, invoice_id: str) -> Response:
    asking = await about(visit, invoice_id, "mark-paid")
    if not visit.sent:
        return await asking.ask()
    reference = visit.form.get("reference")
    if not reference:
        return await asking.ask(Entry(visit.form, {"reference": "Please say what shows that it was paid."}))
    order = _order(invoice_id, "mark-paid", {"reference": reference}, {"reference": ("reference",)})
    return await asking.carry_out(order, "The invoice is marked paid. Nothing is charged for it any more.")


@router.api_route("/retry", methods=ASK_AND_DO)
async def retry(visit: Visiting, invoice_id: str) -> Response:
    asking = await about(visit, invoice_id, "retry")
    if not visit.sent:
        return await asking.ask()

    async def tell(made: Json) -> Response:
        if made["status"] == "paid":
            return visit.go(asking.back, "The payment went through: the invoice is paid.")
        return visit.go(asking.back, "The payment did not go through. Below is what the bank said.", bad=True)

    return await asking.carry_out(_order(invoice_id, "retry"), tell, under_way=PAYMENT_UNDER_WAY)


@router.api_route("/send", methods=ASK_AND_DO)
async def send(visit: Visiting, invoice_id: str) -> Response:
    asking = await about(visit, invoice_id, "send")
    if not visit.sent:
        return await asking.ask()
    return await asking.carry_out(_order(invoice_id, "send"), "The invoice was mailed again.")


@router.api_route("/refund", methods=ASK_AND_DO)
async def refund(visit: Visiting, invoice_id: str) -> Response:
    asking = await about(visit, invoice_id, "refund")
    invoice = asking.shown["invoice"]
    left = {"amount": possible.refundable(invoice), "currency": invoice["total"]["currency"]}
    if not visit.sent:
        return await asking.ask(Entry({"amount": major(left["amount"], left["currency"])}), left=left)
    typed = Typed(visit.form)
    body = _given_back(typed, left["currency"])
    if typed.errors:
        return await asking.ask(typed.refused(), left=left)

    async def tell(made: Json) -> Response:
        amount = visit.formats.money(made["amount"])
        match made["status"]:
            case "succeeded":
                return visit.go(asking.back, f"{amount} was given back to the card.")
            case "pending":
                return visit.under_way(
                    asking.back, f"The refund of {amount} is on its way. What came of it shows here."
                )
            case _:
                why = made["failure"] or "Stripe names no reason."
                return visit.go(asking.back, f"{amount} could not be given back. {why}", bad=True)

    return await asking.carry_out(_order(invoice_id, "refunds", body, _GIVEN_BACK), tell, left=left)


@router.api_route("/credit", methods=ASK_AND_DO)
async def credit(visit: Visiting, invoice_id: str) -> Response:
    asking = await about(visit, invoice_id, "credit")
    due = asking.shown["invoice"]["amount_due"]
    if not visit.sent:
        return await asking.ask(Entry({"amount": major(due["amount"], due["currency"])}))
    typed = Typed(visit.form)
    body = _given_back(typed, due["currency"])
    if typed.errors:
        return await asking.ask(typed.refused())
    order = _order(invoice_id, "credit-notes", body, _GIVEN_BACK)
    credited = visit.formats.money(body["amount"] or due)
    return await asking.carry_out(order, f"{credited} is taken off what is owed of the invoice.")


@router.api_route("/reissue", methods=ASK_AND_DO)
async def reissue(visit: Visiting, invoice_id: str) -> Response:
    """In two steps: the lines as they should have been, then what that comes to."""
    asking = await about(visit, invoice_id, "reissue")
    invoice = asking.shown["invoice"]
    if not visit.sent:
        return await asking.ask(Entry(_lines_typed(invoice)), revised=None)
    typed = Typed(visit.form)
    corrections, revised = _corrections(invoice, typed)
    if typed.errors:
        return await asking.ask(typed.refused(), revised=None)
    if not corrections:
        return await asking.ask(Entry(visit.form, trouble="No line was changed."), revised=None)
    if visit.form.get("step") != "make":
        return await asking.ask(Entry(visit.form), revised=None if visit.form.get("step") == "edit" else revised)
    reason = typed.text("reason")
    names = {
        f"{ours}-{one['line']}": (f"lines.{place}.{ours}",)
        for place, one in enumerate(corrections)
        for ours in ("amount", "description")
    }
    body: Json = {"lines": corrections, **({"reason": reason} if reason else {})}
    under_way = "The invoice is being reissued. Its revision shows among the client's invoices soon."

    async def tell(made: Json) -> Response:
        return visit.go(f"/agency/invoices/{made['id']}", "The invoice is reissued: this is its revision.")

    order = _order(invoice_id, "reissue", body, {**names, **_REASON})
    return await asking.carry_out(order, tell, under_way=under_way, revised=revised)


def _given_back(typed: Typed, currency: str) -> Json:
    """What a refund and a credit note say; without an amount it is all that is left."""
    return {"amount": typed.money("amount", currency), "reason": typed.text("reason"), "note": typed.text("note")}


def _lines_typed(invoice: Json) -> dict[str, str]:
    """Its lines as they stand in the form."""
    typed: dict[str, str] = {}
    for place, line in enumerate(invoice["lines"], start=1):
        typed[f"amount-{place}"] = major(line["amount"]["amount"], line["amount"]["currency"])
        typed[f"description-{place}"] = line["description"]
    return typed


def _corrections(invoice: Json, typed: Typed) -> tuple[list[Json], list[Json]]:
    """What was changed, as the API takes it, and all lines as they would be then."""
    corrections, revised = [], []
    for place, line in enumerate(invoice["lines"], start=1):
        given: Json = {}
        if line["kind"] != "credit":
            amount = typed.money(f"amount-{place}", line["amount"]["currency"])
            description = typed.text(f"description-{place}")
            given |= {"amount": amount} if amount and amount != line["amount"] else {}
            given |= {"description": description} if description and description != line["description"] else {}
        if given:
            corrections.append({"line": place, **given})
        revised.append({**line, **given})
    return corrections, [line for line in revised if line["amount"]["amount"] and line["kind"] != "credit"]


async def about(visit: Visit, invoice_id: str, act: str) -> Asking:
    """The question of an act on the agency's invoice. Raises Refused for another tenant's."""
    invoice = await visit.inside.get(f"{API}/invoices/{invoice_id}")
    client, subscription = await client_of(visit, invoice["client_id"])
    shown = {"invoice": invoice, "client": client, "subscription": subscription}
    offered = act in possible.on_invoice(invoice, client, subscription)
    return Asking(visit, f"invoices/{act}.html", f"/agency/invoices/{invoice_id}", shown, offered)


def _order(invoice_id: str, act: str, body: Json | None = None, names: Json | None = None) -> Order:
    """Fields that were left empty are not sent."""
    given = {name: value for name, value in (body or {}).items() if value is not None}
    return Order("POST", f"{API}/invoices/{invoice_id}/{act}", given or None, names or _REASON, _TOO_LARGE)
