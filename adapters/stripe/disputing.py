"""Disputes at Stripe: `activities.ports.Disputes`, by shape. Agencies answer them in the dashboard: we read."""

from typing import Final

import stripe

from adapters.stripe.connection import Connection
from adapters.stripe.readings import expanded, instant, reference
from billing.disputes import DisputeReading, DisputeStatus
from billing.state import card_identity

_STATUS: Final[dict[str, DisputeStatus]] = {
    "warning_needs_response": DisputeStatus.WARNING,
    "warning_under_review": DisputeStatus.WARNING,
    "warning_closed": DisputeStatus.WARNING_CLOSED,
    # Settled with the bank before it became one: nothing is taken by it.
    "prevented": DisputeStatus.WARNING_CLOSED,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}


class StripeDisputes:
    """Raises billing.payments.PaymentTrouble, and nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection

    async def read_dispute(self, account: str, provider_id: str) -> DisputeReading:
        return dispute_reading(
            await self._stripe.read(
                lambda o: self._stripe.v1.disputes.retrieve_async(provider_id, {"expand": ["charge"]}, o), account
            )
        )


def dispute_reading(dispute: stripe.Dispute) -> DisputeReading:
    """Needs `charge` expanded."""
    due_by = dispute.evidence_details.due_by
    return DisputeReading(
        provider_id=dispute.id,
        charge=reference(dispute.charge) or "",
        payment_intent=reference(dispute.payment_intent),
        amount=dispute.amount,
        currency=dispute.currency,
        # Every other word is of one that is not decided, or is appealed against.
        status=_STATUS.get(dispute.status, DisputeStatus.OPEN),
        reason=dispute.reason,
        card=_card(expanded(dispute.charge)),
        evidence_due_at=instant(due_by) if due_by else None,
        created_at=instant(dispute.created),
    )


def _card(charge: stripe.Charge | None) -> str | None:
    details = charge.payment_method_details if charge else None
    card = details.card if details and details.type == "card" else None
    if card is None or card.fingerprint is None:
        return None
    return card_identity(card.fingerprint, card.exp_year, card.exp_month)
