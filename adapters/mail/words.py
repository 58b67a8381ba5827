"""What a client reads in a mail, by kind: it names the agency, says what is, and leads on. No jargon of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from billing.notices import NoticeKind

LeadsTo = Literal["invoice", "pdf", "card"]


@dataclass(frozen=True)
class Words:
    """`subject` and `text` may name the {agency}. `action` is what the link says, and `leads_to` where it goes."""

    subject: str
    text: str
    action: str | None = None
    leads_to: LeadsTo | None = None


TO_CLIENTS: Final[Mapping[NoticeKind, Words]] = {
    NoticeKind.INVOICE_ISSUED: Words(
        "Your invoice from {agency}", "{agency} has sent you an invoice.", "See the invoice", "invoice"
    ),
    NoticeKind.INVOICE_DUE: Words(
        "An invoice from {agency} is due", "Please remember this invoice.", "See and pay the invoice", "invoice"
    ),
    NoticeKind.INVOICE_PAID: Words(
        "Your receipt from {agency}", "Thank you. Your payment has arrived.", "Open the invoice as a PDF", "pdf"
    ),
    NoticeKind.PAYMENT_FAILED: Words(
        "Your payment to {agency} failed", "We could not charge your card.", "Pay the invoice", "invoice"
    ),
    NoticeKind.ACTION_REQUIRED: Words(
        "Please confirm your payment to {agency}",
        "Your bank wants you to confirm this payment yourself.",
        "Confirm the payment",
        "invoice",
    ),
    NoticeKind.CARD_NEEDED: Words(
        "{agency} needs a card from you",
        "There is no card that an open invoice can be paid with.",
        "Enter a card",
        "card",
    ),
    NoticeKind.CARD_REQUESTED: Words(
        "{agency} asks you for a card",
        "Please enter the card that your invoices are to be paid with. You do that on a page of Stripe's.",
        "Enter a card",
        "card",
    ),
    NoticeKind.CARD_EXPIRING: Words(
        "Your card ends before your next payment to {agency}",
        "The card on file expires before your next invoice is due.",
        "Enter a new card",
        "card",
    ),
    NoticeKind.TRIAL_ENDING: Words(
        "Your trial with {agency} ends soon",
        "Your trial is about to end, and paid service begins.",
        "Enter or change the card",
        "card",
    ),
    NoticeKind.ATTEMPT_SKIPPED: Words(
        "Your payment to {agency} is still open",
        "We do not charge your card by ourselves just now.",
        "Pay the invoice",
        "invoice",
    ),
    NoticeKind.PAST_DUE: Words(
        "Your account with {agency} is past due",
        "We have tried your card several times, and could not charge it.",
        "Enter another card",
        "card",
    ),
    NoticeKind.PAUSED: Words(
        "Your service from {agency} is paused",
        "Invoices are open, so your service is paused until they are paid.",
        "Enter another card",
        "card",
    ),
    NoticeKind.CANCELLED: Words(
        "Your subscription with {agency} has ended",
        "We could not charge your card, so your subscription was cancelled. What was billed is still open.",
        "Enter another card",
        "card",
    ),
    NoticeKind.RECOVERED: Words("All is paid with {agency}", "Thank you. Everything that was open is paid."),
    NoticeKind.USAGE_ALERT: Words(
        "Your minutes with {agency}", "This is how much of your included minutes you have used."
    ),
    NoticeKind.CAP_REACHED: Words("Your spend cap with {agency} is reached", "You have reached your spend cap."),
}
