"""Which acts the state of things allows: only those are offered. What the API refuses all the same is told kindly."""

from collections.abc import Iterator
from typing import Final

from api.pages.inside import Json

_BY_STRIPE: Final = frozenset({"retry", "invoice", "card-request"})


def on_invoice(invoice: Json, client: Json, subscription: Json | None) -> list[str]:
    """The names of the acts on an invoice, the usual ones first."""
    return list(_on_invoice(invoice, client, subscription))


def _on_invoice(invoice: Json, client: Json, subscription: Json | None) -> Iterator[str]:
    match invoice["status"]:
        case _ if is_being_paid(invoice):
            return
        case "draft":
            parked = subscription is not None and invoice["id"] in subscription["parked_invoices"]
            if parked:
                yield "review"
            if parked or invoice["kind"] == "custom":
                yield "void"
        case "open":
            if invoice["due_at"]:
                yield "send"
            elif client["payment_method"]:
                yield "retry"
            yield from ("mark-paid", "credit", "reissue", "mark-uncollectible", "void")
        case "uncollectible":
            yield from ("mark-paid", "void")
        case "paid" if refundable(invoice):
            yield "refund"


def is_being_paid(invoice: Json) -> bool:
    """Whether the bank has not answered yet: until it has, nothing can be done about the invoice."""
    return any(one["result"] is None for one in invoice["attempts"])


def refundable(invoice: Json) -> int:
    """What is left to be given back of what was paid through Stripe, in minor units."""
    if invoice["status"] != "paid" or invoice["paid_out_of_band"]:
        return 0
    left: int = invoice["amount_paid"]["amount"] - invoice["amount_refunded"]["amount"]
    return left


def on_client(client: Json, subscription: Json | None, *, charges: bool) -> list[str]:
    """The names of the acts on a client and its subscription, the usual ones first. `charges`: whether the agency's
    Stripe account can charge. Without one a plan can still be assigned that the agency collects by itself."""
    if client["archived_at"]:
        return []
    live = subscription is not None and subscription["status"] != "cancelled"
    own = list(_on_live(client, subscription)) if live and subscription else ["assign"]
    collects = list(_on_debt(client, subscription)) if subscription else []
    found = [*collects, *own, "invoice", "card-request"]
    return [act for act in found if charges or act not in _BY_STRIPE]


def _on_debt(client: Json, subscription: Json) -> Iterator[str]:
    """A debt outlives its subscription."""
    if subscription["open_invoices"] and client["payment_method"]:
        yield "retry"
    ladder = subscription["ladder"]
    if ladder and ladder["next_attempt_at"] and not ladder["extended"]:
        yield "extend"
    if subscription["parked_invoices"]:
        yield "review"


def _on_live(client: Json, subscription: Json) -> Iterator[str]:
    status, serving = subscription["status"], subscription["current_period"] is not None
    if subscription["pending_change"]:
        yield "undo-change"
    elif change_times(subscription):
        yield "change"
    if subscription["pause_at"]:
        yield "undo-pause"
    elif status == "paused":
        if subscription["paused_reason"] == "agency" and not _waits_for_money(subscription):
            yield "resume"
    elif status in ("active", "past_due") and serving and not subscription["cancel_at"]:
        yield "pause"
    yield from ("spend-cap", "collection")
    if subscription["cancel_at"] and status != "paused":
        yield "undo-cancel"
    yield "cancel"


def change_times(subscription: Json) -> list[str]:
    """When a change of the plan may hold, by the API's `effective`; empty for as the API decides, `replace` for a plan
    of which nothing was billed yet. At once nothing changes in a debt, and at its end no plan that ends then."""
    if subscription["status"] in ("awaiting_card", "trialing"):
        return ["replace"]
    if subscription["status"] in ("paused", "cancelled"):
        return []
    now, later = not subscription["open_invoices"], not subscription["cancel_at"]
    return ([""] if now and later else []) + (["now"] if now else []) + (["period_end"] if later else [])


def reasons(subscription: Json | None) -> dict[str, str]:
    """Why what people look for is not offered, by the name of the act."""
    if subscription is None or subscription["status"] == "cancelled":
        return {}
    why = {}
    if not subscription["pending_change"] and not change_times(subscription):
        paused = subscription["status"] == "paused"
        why["change"] = "service is paused" if paused else "the plan ends with this period, and there is a debt"
    if subscription["status"] == "paused" and not subscription["pause_at"] and _waits_for_money(subscription):
        why["resume"] = "the debt has to be paid first"
    return why


def archivable(client: Json) -> bool:
    """Whether nothing that can be seen stands in the way: what is still being prepared the API knows."""
    return client["subscription_status"] in (None, "cancelled") and not client["amount_due"]


def _waits_for_money(subscription: Json) -> bool:
    """Whether service begins again with a payment only: it was paused for want of one, or would be again at once."""
    ladder = subscription["ladder"]
    exhausted = bool(ladder) and not ladder["next_attempt_at"] and ladder["final_action"] == "pause"
    return bool(subscription["open_invoices"]) and (subscription["paused_reason"] == "unpaid" or exhausted)
