"""Which events of Stripe's are ours."""

from typing import Final

EVENTS: Final = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "setup_intent.succeeded",
        "payment_method.attached",
        "payment_method.detached",
        "payment_method.updated",
        "payment_method.automatically_updated",
        "customer.updated",
        "customer.deleted",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.payment_action_required",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice.updated",
        "invoice.deleted",
        "invoice.overpaid",
        "invoice.finalization_failed",
        "invoice_payment.paid",
        "credit_note.created",
        "credit_note.voided",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "account.updated",
        "capability.updated",
        "account.application.deauthorized",
    }
)
"""The types to which our endpoints are subscribed (stripe.md, "Webhooks in"). Any other is kept as well."""
