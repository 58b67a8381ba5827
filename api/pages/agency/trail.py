"""The audit trail in words: what each of its lines says to an owner of a business."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.pages.agency.messages import to_agency
from api.pages.cards import brand_name
from api.pages.formats import Formats
from api.pages.inside import Json

WORDS: Final[Mapping[str, str]] = {
    "AccountFrozen": "Billing stands still",
    "AccountReplaced": "Ended: another Stripe account",
    "AccountThawed": "Billing goes on",
    "AttemptNotMade": "Attempt not made",
    "CancelRequested": "Cancellation agreed",
    "CancelUndone": "Cancellation taken back",
    "CardDisputed": "Card rests after a dispute",
    "CardExpiryTold": "Told that the card expires",
    "CardRemoved": "Card removed",
    "CardRequested": "Card asked for by email",
    "CardSaved": "Card saved",
    "CardUsed": "Card was tried elsewhere",
    "CollectionSet": "Way of collection set",
    "DueReminded": "Reminded of an invoice that is due",
    "DunningApplied": "Retries moved to the new policy",
    "FailedElsewhere": "Payment failed at Stripe",
    "FinalActionTaken": "Retries used up",
    "GraceSet": "Usage grace set",
    "InvoiceCredited": "Credit note on an invoice",
    "InvoiceIssued": "Invoice issued",
    "InvoiceParked": "Invoice held for a person",
    "InvoiceSent": "Invoice sent again",
    "InvoiceVoided": "Invoice voided",
    "LadderExtended": "Next attempt moved",
    "PaidElsewhere": "Paid elsewhere",
    "ParkingRepeated": "Invoice held again",
    "PauseRequested": "Pause agreed",
    "PauseUndone": "Pause taken back",
    "PaymentDeclined": "Payment declined",
    "PaymentProcessing": "Payment on its way",
    "PaymentSucceeded": "Payment succeeded",
    "PeriodClosed": "Period closed",
    "PlanChangeRequested": "Change of plan agreed",
    "PlanChangeUndone": "Change of plan taken back",
    "Reminded": "Attempt skipped, client reminded",
    "RequestRefused": "Request refused",
    "Requested": "Asked for",
    "ReviewDecided": "Held invoice decided",
    "SpendCapSet": "Spend cap set",
    "TrialEnded": "Trial ended",
    "TrialEnding": "Told that the trial ends",
    "WebhookEndpointAdded": "Webhook endpoint added",
    "WebhookEndpointRemoved": "Webhook endpoint removed",
    "WebhookSecretRotated": "Webhook secret rotated",
    "WrittenOff": "Invoice written off",
    "account_connected": "Stripe account connected",
    "account_frozen": "Billing stands still for the whole agency",
    "account_thawed": "Billing goes on for the whole agency",
    "agency_changed": "Agency changed by the platform",
    "agency_created": "Agency created",
    "client_archived": "Client archived",
    "client_changed": "Client changed",
    "client_created": "Client added",
    "custom_invoice_made": "Custom invoice made",
    "dispute_lost": "Dispute lost",
    "dispute_open": "Payment disputed",
    "dispute_warning": "Bank asks about a payment",
    "dispute_warning_closed": "Bank's question closed",
    "dispute_won": "Dispute won",
    "dunning_applied": "Retry policy applied to running debts",
    "plan_archived": "Plan archived",
    "plan_assigned": "Plan assigned",
    "plan_created": "Plan created",
    "plan_imported": "Plan imported from Stripe",
    "plan_version_created": "New version of a plan",
    "refund_failed": "Refund failed",
    "refund_requested": "Refund asked for",
    "refund_waits": "Refund waits",
    "refunded": "Refunded",
    "settings_changed": "Settings changed",
    "written_off_ended": "Write-off ended",
}
_ASKED: Final = {
    "credit": "Credit note asked for",
    "mark_paid": "Marking as paid asked for",
    "pay_now": "Payment asked for",
    "reissue": "Corrected invoice asked for",
    "resume": "Resuming asked for",
    "retry": "Retry asked for",
    "send": "Sending again asked for",
    "void": "Voiding asked for",
    "write_off": "Write-off asked for",
}
_SETTINGS: Final = {
    "allowed_origins": "Return addresses",
    "final_action": "After the last attempt",
    "gaps_days": "Days between attempts",
    "sender_email": "Sender's email",
    "sender_name": "Sender's name",
    "support_email": "Support email",
    "support_phone": "Support phone",
    "support_url": "Support web page",
    "tax_mode": "Tax",
    "tax_rate_ids": "Tax rates",
    "timezone": "Time zone",
    "usage_alert_percents": "Usage alerts",
    "usage_grace_minutes": "Usage grace in minutes",
}
_LIMIT: Final = frozenset({"review_over", "review_over_currency"})
"""One setting in two columns."""
_WHO: Final = {"client": "the client", "platform": "the platform", "service": "the call engine"}
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Line:
    """One line of the trail. `links` are the things of ours that it is about: (address, text)."""

    at: str
    title: str
    detail: str
    who: str
    why: str | None
    client_id: str | None
    links: tuple[tuple[str, str], ...]


def line(formats: Formats, entry: Mapping[str, Any]) -> Line:
    """What an entry of the API's audit trail says."""
    what, detail = entry["what"], entry["detail"]
    return Line(
        at=entry["at"],
        title=_ASKED.get(_asked(detail), WORDS["Requested"]) if what == "Requested" else _title(what),
        detail=_detail(formats, what, detail),
        who=_who(entry["who"]),
        why=_plain(entry["why"]) if entry["why"] else None,
        client_id=entry["client_id"],
        links=_links(detail),
    )


def _title(what: str) -> str:
    return WORDS.get(what) or _HUMP.sub(" ", what).replace("_", " ").capitalize()


def _asked(detail: Json) -> str:
    return str((detail.get("asked") or {}).get("what", ""))


def _detail(formats: Formats, what: str, detail: Json) -> str:
    match what:
        case "settings_changed":
            limit = ["Review threshold"] if detail.keys() & _LIMIT else []
            return "; ".join([_change(name, detail[name]) for name in detail if name not in _LIMIT] + limit)
        case "PaymentDeclined":
            return to_agency(formats, detail.get("reason") or "")
        case "LadderExtended":
            return f"by {detail['days']} {'day' if detail['days'] == 1 else 'days'}"
        case "PlanChangeRequested":
            return f"to {detail['terms']['name']}, {'at once' if detail['now'] else 'from the next period on'}"
        case "CancelRequested":
            return "at once" if detail["now"] else "at the end of the period"
        case "FinalActionTaken":
            return _plain(detail["action"])
        case "CardSaved":
            return f"{brand_name(detail['card']['brand'])} ending in {detail['card']['last4']}"
        case "dunning_applied":
            return f"{detail['moved']} moved"
        case "client_changed":
            return ", ".join(_plain(name) for name in detail["fields"])
        case _ if isinstance(detail.get("amount"), int) and "currency" in detail:
            return formats.money({"amount": detail["amount"], "currency": detail["currency"]})
        case _:
            return ""


def _change(name: str, change: Json) -> str:
    return f"{_SETTINGS.get(name, _plain(name))}: {_value(change['from'])} → {_value(change['to'])}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return "none" if value is None else _plain(str(value))


def _links(detail: Json) -> tuple[tuple[str, str], ...]:
    pages = {"invoice": ("/agency/invoices/", "Invoice"), "plan": ("/agency/plans/", "Plan")}
    return tuple(
        (f"{path}{detail[name]}", text) for name, (path, text) in pages.items() if isinstance(detail.get(name), str)
    )


def _who(who: str) -> str:
    role, _, subject = who.partition(":")
    match role:
        case "system":
            return "Retainer"
        case "stripe":
            return "Stripe"
        case "agency":
            return subject
        case _:
            return f"{_WHO.get(role, role)}, {subject}" if subject else _WHO.get(role, role)


def _plain(word: str) -> str:
    """A word of the API's for people; a person's sentence stays as it is."""
    return word if " " in word or "/" in word or "@" in word else word.replace("_", " ")
