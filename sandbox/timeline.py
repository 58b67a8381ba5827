"""What happened, as a readable story: the audit trail with amounts and Stripe's ids beside each fact."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg

from adapters.postgres.pool import transaction
from sandbox.bodies import rfc3339

_STORY = """
    SELECT audit.id, audit.at, agencies.timezone AS zone, audit.agency_id, audit.client_id, clients.name AS client,
           audit.what, audit.detail AS fact,
           invoices.id AS invoice_id, invoices.number, invoices.currency, invoices.amount_due, invoices.provider_id,
           attempts.charge_id, attempts.amount AS attempted, attempts.card, attempts.number AS attempt,
           periods.included_seconds, periods.currency AS period_currency, notifications.id IS NOT NULL AS recovered
    FROM audit JOIN agencies ON agencies.id = audit.agency_id
    LEFT JOIN clients ON clients.id = audit.client_id
    LEFT JOIN invoices ON invoices.id = audit.detail->>'invoice'
    LEFT JOIN payment_attempts AS attempts
        ON attempts.invoice_id = invoices.id AND attempts.number = (audit.detail->>'number')::integer
    LEFT JOIN periods ON audit.what = 'PeriodClosed' AND periods.subscription_id = audit.subscription_id
        AND periods.number = (audit.detail->>'number')::integer
    LEFT JOIN notifications ON notifications.kind = 'recovered' AND notifications.audience = 'agency'
        AND notifications.subscription_id = audit.subscription_id AND notifications.at = audit.at
        AND audit.what IN ('PaymentSucceeded', 'PaidElsewhere')
    WHERE audit.id > $1 AND ($2::text IS NULL OR audit.client_id = $2)
    ORDER BY audit.id
"""
# By id: the order in which it became known. Stripe's instants are whole seconds, and would come before their causes.

Row: TypeAlias = asyncpg.Record


@dataclass(frozen=True)
class Told:
    """A fact in words, with the figures that belong to it."""

    detail: str
    amount: int | None = None
    currency: str | None = None
    stripe_id: str | None = None


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `zone` is its agency's; `amount` is in minor units of `currency`.

    `stripe_id` is the invoice, charge or card.
    """

    id: int
    at: datetime
    zone: str
    agency_id: str
    client_id: str | None
    client: str | None
    invoice_id: str | None
    what: str
    detail: str
    amount: int | None
    currency: str | None
    stripe_id: str | None

    def as_json(self) -> dict[str, object]:
        money = None if self.amount is None else {"amount": self.amount, "currency": self.currency}
        return {
            "id": self.id,
            "at": rfc3339(self.at),
            "zone": self.zone,
            "agency_id": self.agency_id,
            "client_id": self.client_id,
            "client": self.client,
            "invoice_id": self.invoice_id,
            "what": self.what,
            "detail": self.detail,
            "amount": money,
            "stripe_id": self.stripe_id,
        }


async def timeline(pool: asyncpg.Pool, client: str | None = None, *, after: int = 0) -> list[Entry]:
    """Everything that was recorded after entry `after`, in the order in which it became known."""
    return [_entry(row) for row in await pool.fetch(_STORY, after, client)]


async def settled(pool: asyncpg.Pool) -> int:
    """The id after which everything still to be recorded comes. The newest that is seen is not: ids are drawn in the
    order of the inserts, and of two transactions side by side the later one may be committed first."""
    async with transaction(pool) as connection:
        # Granted when nobody is between insert and commit.
        await connection.execute("LOCK TABLE audit IN SHARE MODE")
        newest: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM audit")
    return newest


def _entry(row: Row) -> Entry:
    tell = _TELL.get(row["what"])
    what = re.sub(r"(?<!^)(?=[A-Z])", "_", row["what"]).lower()
    told = tell(row) if tell else Told(what.replace("_", " "))
    return Entry(
        row["id"],
        row["at"],
        row["zone"],
        row["agency_id"],
        row["client_id"],
        row["client"],
        row["invoice_id"],
        what,
        told.detail,
        told.amount,
        told.currency,
        told.stripe_id,
    )


def _closed(row: Row) -> Told:
    fact, included = row["fact"], (row["included_seconds"] or 0) // 60
    used = f"period {fact['number']} closed: {fact['seconds'] / 60:g} of {included} min"
    return Told(used, fact["overage"] or None, row["period_currency"])


def _issued(row: Row) -> Told:
    number = f"invoice {row['number']}" if row["number"] else "an invoice of zero"
    return Told(f"{number} issued", row["amount_due"], row["currency"], row["provider_id"])


def _paid(row: Row) -> Told:
    recovered = ": recovered" if row["recovered"] else ""
    return Told(f"{_attempt(row)} paid{recovered}", row["attempted"], row["currency"], row["charge_id"])


def _declined(row: Row) -> Told:
    why = (row["fact"]["code"] or row["fact"]["decline"]).replace("_", " ")
    return Told(f"{_attempt(row)} declined: {why}", row["attempted"], row["currency"], row["charge_id"])


def _attempt(row: Row) -> str:
    card = row["card"] or {}
    return f"{card.get('brand', 'card')} {card.get('last4', '')} attempt {row['attempt']}"


def _invoice(words: str) -> Callable[[Row], Told]:
    def tell(row: Row) -> Told:
        recovered = ": recovered" if row["recovered"] else ""
        number = row["number"] or ""
        return Told(f"invoice {number} {words}{recovered}", row["amount_due"], row["currency"], row["provider_id"])

    return tell


def _card_saved(row: Row) -> Told:
    card = row["fact"]["card"]
    return Told(f"card saved: {card['brand']} {card['last4']}", stripe_id=card["id"])


def _final_action(row: Row) -> Told:
    return Told(f"all retries failed: {row['fact']['action'].replace('_', ' ')}")


def _reminded(row: Row) -> Told:
    return Told(f"not tried: {row['fact']['obstacle'].replace('_', ' ')}", row["amount_due"], row["currency"])


def _requested(row: Row) -> Told:
    return Told(f"asked for: {row['fact']['asked']['what'].replace('_', ' ')}")


def _reviewed(row: Row) -> Told:
    words = {"approve": "approved", "reject": "rejected: its overage is not billed"}
    return Told(f"what was held for review is {words[row['fact']['decision']]}", row["amount_due"], row["currency"])


def _cancel_requested(row: Row) -> Told:
    return Told("cancelled, now" if row["fact"]["now"] else "cancelled, at period end")


def _cancel_undone(row: Row) -> Told:
    return Told("the cancellation is taken back")


def _plan_change(row: Row) -> Told:
    fact = row["fact"]
    return Told(f"plan change to {fact['terms']['name']}, {'now' if fact['now'] else 'at period end'}")


def _card_disputed(row: Row) -> Told:
    if row["fact"].get("lifted"):
        return Told("the disputed card may be tried again: the agency asked for a retry")
    return Told("a payment of the card is disputed: only a retry tries it")


def _refund(words: str) -> Callable[[Row], Told]:
    return lambda row: Told(words, row["fact"]["amount"], row["fact"]["currency"])


def _custom_invoice(row: Row) -> Told:
    return Told(f"a custom invoice is made, to be {'sent' if row['fact']['collection'] == 'send' else 'charged'}")


def _pause_requested(row: Row) -> Told:
    return Told("paused, at period end")


def _pause_undone(row: Row) -> Told:
    return Told("the pause is taken back")


def _extended(row: Row) -> Told:
    return Told(f"a promise to pay: the next date moves by {row['fact']['days']} days")


def _frozen(row: Row) -> Told:
    cause = row["fact"]["cause"]
    return Told("frozen: the tier fell" if cause == "tier" else f"frozen: the account is {cause}")


def _replaced(row: Row) -> Told:
    return Told("another account: ended, to begin anew")


def _thawed(row: Row) -> Told:
    return Told("thawed: what waited goes on")


def _dunning_applied(row: Row) -> Told:
    gaps = ", ".join(str(days) for days in row["fact"]["dunning"]["gaps_days"])
    return Told(f"another retry policy for the running ladder: {gaps} days")


def _expiry_told(row: Row) -> Told:
    return Told("told: the card expires before the next charge")


_TELL: dict[str, Callable[[Row], Told]] = {
    "TrialEnding": lambda row: Told("told: the trial ends soon"),
    "TrialEnded": lambda row: Told("the trial is over"),
    "PeriodClosed": _closed,
    "InvoiceIssued": _issued,
    "PaymentSucceeded": _paid,
    "PaymentDeclined": _declined,
    "PaymentProcessing": _invoice("is being processed"),
    "PaidElsewhere": _invoice("paid elsewhere"),
    "InvoiceVoided": _invoice("voided"),
    "WrittenOff": _invoice("written off"),
    "InvoiceCredited": _invoice("credited"),
    "InvoiceParked": _invoice("held for review"),
    "ParkingRepeated": _invoice("is still held for review"),
    "ReviewDecided": _reviewed,
    "CardSaved": _card_saved,
    "FinalActionTaken": _final_action,
    "Reminded": _reminded,
    "CardExpiryTold": _expiry_told,
    "AccountFrozen": _frozen,
    "AccountThawed": _thawed,
    "AccountReplaced": _replaced,
    "Requested": _requested,
    "CancelRequested": _cancel_requested,
    "CancelUndone": _cancel_undone,
    "PlanChangeRequested": _plan_change,
    "refund_requested": _refund("a refund is asked for"),
    "refunded": _refund("refunded"),
    "refund_failed": _refund("the refund failed"),
    "refund_waits": _refund("the refund waits for the Stripe account"),
    "CardDisputed": _card_disputed,
    "dispute_warning": _refund("the client's bank asks about a payment"),
    "dispute_open": _refund("a payment is disputed"),
    "dispute_warning_closed": _refund("the bank's question is over"),
    "dispute_won": _refund("the dispute is won"),
    "dispute_lost": _refund("the dispute is lost"),
    "custom_invoice_made": _custom_invoice,
    "PauseRequested": _pause_requested,
    "PauseUndone": _pause_undone,
    "LadderExtended": _extended,
    "DunningApplied": _dunning_applied,
}
