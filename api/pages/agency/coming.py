"""What a subscription will do by itself, in words: what happens, and why (billing/agenda.py says when)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from api.pages.formats import Formats
from api.pages.inside import Json
from api.pages.upcoming import next_invoice

_RULES: Final = {
    "4": "Usage",
    "5": "Invoices",
    "6": "Failed payments",
    "7": "Plan and term",
    "8": "Your Stripe account",
    "9": "Reminders",
}
"""What each section of the billing rules is about."""
_IN_VAIN: Final = re.compile(r", tried in vain (once|\d+ times)")
_ASKED_AGAIN: Final = ", the bank is asked again"
_FROZEN: Final = ", frozen"
_BAD: Final = frozenset({"cancel", "pause", "final_action", "frozen"})
_PLAIN: Final = {
    "charge": ("The card is charged", "An attempt to collect what is due is under way."),
    "credit": ("A credit note is written", "You asked for it."),
    "mark_paid": ("An invoice is marked as paid elsewhere", "You asked for it."),
    "mark_uncollectible": ("An invoice is written off", "You asked for it."),
    "void": ("An invoice is voided", "It is not to be paid any more."),
    "send": ("An invoice is sent again", "You asked for it."),
    "read_news": ("News from Stripe is read", "Stripe has reported a change."),
    "repeat_parking": ("You are reminded of a held invoice", "It waits for your decision."),
    "card_expiring": (
        "The client is told that its card expires",
        "The card won't be good any more at the next charge.",
    ),
    "trial_ending": ("The client is told that the trial ends", "Three days before, so that nobody is surprised."),
    "trial_ended": ("The trial ends, and the first period begins", "From then on the plan is billed."),
}
_FINAL: Final = {
    "past due": ("The subscription becomes past due", "Nothing is tried any more; service goes on."),
    "paused": ("Service is paused", "It goes on once the debt is paid."),
    "cancelled": ("The subscription is cancelled", "Service ends."),
}


@dataclass(frozen=True)
class Coming:
    """One thing to come. `kind` is `bad` for what nobody wants; `rule` is what the rule is about that it follows."""

    at: str
    title: str
    why: str
    rule: str
    kind: str


def told(formats: Formats, items: Sequence[Json], client: Json, subscription: Json | None) -> list[Coming]:
    """The items of a schedule, in their order. The close of a period is told with the invoice that it brings."""
    if subscription is None:
        return []
    return [_told(formats, item, client, subscription) for item in _told_once(items)]


def standstill(formats: Formats, items: Sequence[Json]) -> str | None:
    """Why nothing is foreseen from some time on; none where nothing holds billing up."""
    frozen = next((item for item in items if item["action"] == "frozen"), None)
    if frozen is None:
        return None
    since, awaited = formats.moment(frozen["at"]), _awaited(frozen)
    return f"Billing stands still from {since} on: it waits for {awaited}. What waits for that is not foreseen here."


def _told_once(items: Sequence[Json]) -> Iterator[Json]:
    billed = {item["at"] for item in items if _bills_a_period(item)}
    return (item for item in items if not (item["action"] == "close_period" and item["at"] in billed))


def _told(formats: Formats, item: Json, client: Json, subscription: Json) -> Coming:
    plain = _IN_VAIN.sub("", item["detail"]).replace(_ASKED_AGAIN, "").replace(_FROZEN, "")
    words = _WORDS.get(item["action"])
    title, why = words(formats, {**item, "detail": plain}, client, subscription) if words else _known(item, plain)
    if vain := _IN_VAIN.search(item["detail"]):
        why = f"{why} It was tried {vain[1]} in vain, and is tried again then."
    if _ASKED_AGAIN in item["detail"]:
        why = f"{why} The bank is asked again then."
    if _FROZEN in item["detail"]:
        why = f"{why} It waits until billing goes on."
    kind = "bad" if item["action"] in _BAD else ""
    return Coming(item["at"], title, why, _RULES.get(item["rule"].rpartition(" ")[2], ""), kind)


def _known(item: Json, plain: str) -> tuple[str, str]:
    return _PLAIN.get(item["action"]) or (plain[:1].upper() + plain[1:], "")


def _bills_a_period(item: Json) -> bool:
    return item["action"] == "issue_invoice" and not item["detail"].startswith("invoice ")


def _invoice(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    if not _bills_a_period(item):
        if not item["amount"]["amount"]:
            return "Nothing is due", "It is decided, and then no invoice is sent."
        return f"Invoice of {formats.money(item['amount'])}", "It is decided, and issued then."
    told = _by_now(formats, item, client)
    told += " You collect it by yourself." if subscription["collection"] == "manual" else ""
    if item["amount"] is None:
        return "The last invoice", f"For the minutes over the plan in the last period.{told}"
    if not item["amount"]["amount"]:
        return "Invoice of overage", f"The period closes: the minutes over the plan in it are billed.{told}"
    why = "The period closes: the next one is billed in advance, with the minutes over the plan in the last one."
    return f"Invoice of {formats.money(item['amount'])} and overage", f"{why}{told}"


def _by_now(formats: Formats, item: Json, client: Json) -> str:
    """What the next invoice comes to so far."""
    following = client["next_invoice"]
    if not following or following["at"] != item["at"]:
        return ""
    if not next_invoice(client):
        return " By now nothing would be due, and then no invoice is sent."
    return f" By now it comes to {formats.money(following['estimate'])}."


def _close(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    return "The period closes", "Its minutes are final from then on."


def _retry(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    ladder, number = subscription["ladder"], int(item["detail"].split()[1])
    gaps = ladder["gaps_days"] if ladder else []
    title = f"Retry {number} of {len(gaps)}: {formats.money(item['amount'])} is charged again"
    days = gaps[number - 1] if number <= len(gaps) else None
    since = f"{days} {'day' if days == 1 else 'days'} after the attempt before" if days else "After the attempt before"
    why = f"{since}, if nothing is paid until then."
    if ladder and ladder["extended"] and number == ladder["used"] + 1:
        why = "The date was moved by your promise of more time."
    return title, why


def _final(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    title, then = _FINAL[item["detail"].rpartition(": ")[2]]
    return title, f"If it is not paid by then. {then}"


def _change(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    name = item["detail"].removeprefix("the plan becomes ")
    return f"The plan becomes {name}", f"As agreed: {formats.money(item['amount'])} a month from then on."


def _end(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    title = "The subscription ends" if item["action"] == "cancel" else "Service pauses"
    if item["rule"].endswith(" 6"):
        return title, "Too many periods are unpaid: no new one opens."
    return title, f"As agreed, with its {'trial' if 'trial' in item['detail'] else 'period'}."


def _remind(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    """Of what was sent, when it is due; or instead of an attempt that can't be made."""
    return "The client is reminded to pay", f"{item['detail'][:1].upper()}{item['detail'][1:]}."


def _frozen(formats: Formats, item: Json, client: Json, subscription: Json) -> tuple[str, str]:
    return "Billing stands still since then", f"It waits for {_awaited(item)}."


def _awaited(frozen: Json) -> str:
    awaited: str = frozen["detail"].partition("waits for ")[2]
    return awaited.replace("the agency's", "your").replace("the account", "your Stripe account")


_WORDS: Final[dict[str, Callable[[Formats, Json, Json, Json], tuple[str, str]]]] = {
    "issue_invoice": _invoice,
    "close_period": _close,
    "retry": _retry,
    "final_action": _final,
    "change_plan": _change,
    "cancel": _end,
    "pause": _end,
    "remind": _remind,
    "frozen": _frozen,
}
