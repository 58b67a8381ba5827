"""The words for what stands in a request's way (409), each with the sentence that people are told."""

from collections.abc import Mapping
from typing import Final

from api.problems import Conflict

SENTENCES: Final[Mapping[str, str]] = {
    "action_required": "The bank asks the client to confirm the payment.",
    "agency_frozen": "The agency's Stripe account can't charge just now.",
    "already_cancelled": "The subscription is cancelled already.",
    "already_extended": "The next date was moved already: once for each debt.",
    "already_paused": "The subscription is paused already.",
    "already_refunded": "All that was paid has been given back.",
    "already_subscribed": "The client has another subscription.",
    "cancel_pending": "A cancellation is agreed already.",
    "card_limit": "The card was tried too often.",
    "change_pending": "Another change of the plan is agreed already.",
    "client_archived": "The client is archived.",
    "correction_conflict": "The correction is known with another content.",
    "credit_too_large": "Less than that is still owed of the invoice.",
    "endpoint_disabled": "The endpoint is switched off. Add it anew.",
    "external_id_taken": "Another client has this external_id.",
    "idempotency_key_reused": "The key was used for another content. Take a new key.",
    "invoice_not_open": "The invoice is not open.",
    "invoice_paid": "The invoice is paid. A refund gives the money back.",
    "invoice_parked": "The invoice is held for review.",
    "new_card_required": "The card was refused for good. Another card is needed.",
    "no_payment_method": "No card is on file.",
    "no_pending_cancel": "There is no cancellation to undo.",
    "no_change": "The subscription has this plan already.",
    "no_pending_change": "There is no change of the plan to take back.",
    "not_a_sent_invoice": "The invoice is charged to the client's card, not sent.",
    "no_pending_pause": "There is no pause to take back.",
    "not_paid_on_stripe": "No payment through Stripe is on the invoice.",
    "not_paused": "The subscription is not paused.",
    "not_started": "The subscription has not begun yet.",
    "nothing_to_extend": "No retry is planned that could be moved.",
    "nothing_to_collect": "Nothing is open.",
    "nothing_to_review": "No invoice is held for review.",
    "invoice_too_large": "The invoice is more than can be charged at once: it can only be rejected.",
    "pause_pending": "A pause is agreed already.",
    "oauth_not_available": "The platform has no Stripe client id: an existing account can't be connected.",
    "payment_in_progress": "A payment is being made. Ask again when it is settled.",
    "payment_overdue": "The debt has to be paid first.",
    "plan_archived": "The plan is archived.",
    "refund_too_large": "Less than that is left of what was paid.",
    "request_in_progress": "The first request under this key is still being answered.",
    "stripe_not_ready": "The agency's Stripe account is not ready to charge.",
    "stripe_refused": "Stripe refuses it for this invoice.",
    "subscription_paused": "The subscription is paused.",
    "too_many_endpoints": "The agency has as many endpoints as it may have.",
    "subscription_running": "The client has a subscription that is not over.",
}


def conflict(code: str, detail: str | None = None) -> Conflict:
    """The refusal with this code; `detail` where there is more to say than its sentence."""
    return Conflict(code, detail or SENTENCES.get(code, "The state of things refuses this."))
