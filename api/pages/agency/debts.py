"""What a client owes, in words: since when, why it is not paid, what comes next by itself, and what can be done."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from api.pages.agency import possible
from api.pages.agency.messages import to_agency
from api.pages.formats import Formats
from api.pages.inside import Json

_OBSTACLES: Final = {
    "no_card": "There is no card to charge",
    "hard_decline": "This card is not tried again",
    "customer_must_act": "The bank wants the client to confirm the payment",
    "card_limit": "The card was tried as often as may be in 30 days",
    "disputed": "The card rests because of a dispute",
}
_NEEDS_ANOTHER_CARD: Final = frozenset({"no_card", "hard_decline", "card_limit"})
_THAWS: Final = {
    "restricted": "Stripe lets your account charge again",
    "disconnected": "your Stripe account is connected again",
    "tier": "your tier includes billing again",
}


@dataclass(frozen=True)
class Debt:
    """Invoices that are collected together. `links` lead to them: address and number; `acts` to what can be done:
    address and the act's name. `final_action` is what follows once no retry has paid; none where nothing does."""

    what: str
    amount: Json
    since: str
    links: Sequence[tuple[str, str]]
    why: str
    following: str
    final_action: str | None
    acts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Owed:
    """All that a client owes. `kind` is `bad` once something has failed or is late, else `warn`."""

    title: str
    kind: str
    debts: Sequence[Debt]


def told(formats: Formats, found: Json, client: Json, subscription: Json | None) -> Owed | None:
    """None of a client who owes nothing. `found` is the API's answer."""
    debts = found["data"]
    if not debts:
        return None
    by_currency: Counter[str] = Counter()
    for one in debts:
        by_currency[one["amount_due"]["currency"]] += one["amount_due"]["amount"]
    amounts = [formats.money({"amount": amount, "currency": currency}) for currency, amount in by_currency.items()]
    since = formats.day(min(one["since"] for one in debts))
    title = f"{' and '.join(amounts)} {'has' if len(amounts) == 1 else 'have'} been owed since {since}"
    kind = "bad" if any(_is_bad(one, found["as_of"]) for one in debts) else "warn"
    return Owed(title, kind, [_debt(formats, one, found["as_of"], client, subscription) for one in debts])


def _is_bad(debt: Json, now: str) -> bool:
    stopped = debt["status"] == "past_due" or debt["paused_reason"] == "unpaid"
    return bool(debt["reason"] or stopped or _is_late(debt, now))


def _is_late(debt: Json, now: str) -> bool:
    return debt["due_at"] is not None and bool(debt["due_at"] <= now)


def _debt(formats: Formats, debt: Json, now: str, client: Json, subscription: Json | None) -> Debt:
    own = subscription is not None and debt["subscription_id"] == subscription["id"]
    return Debt(
        what=_what(debt, own=own),
        amount=debt["amount_due"],
        since=debt["since"],
        links=[(f"/agency/invoices/{one['id']}", one["number"] or "Invoice") for one in debt["invoices"]],
        why=" ".join(_why(formats, debt, now)),
        following=_following(formats, debt),
        final_action=debt["ladder"]["final_action"] if _ends_with_an_action(debt) else None,
        acts=list(_acts(debt, client, subscription if own else None)),
    )


def _what(debt: Json, *, own: bool) -> str:
    if debt["subscription_id"] is None:
        return "Custom invoice"
    return f"Plan {debt['plan_name']}" if own else f"Earlier plan {debt['plan_name']}"


def _why(formats: Formats, debt: Json, now: str) -> Iterator[str]:
    """How it stands."""
    if debt["checking"]:
        yield "The bank has not answered for certain yet."
    elif debt["reason"]:
        yield f"The last payment failed. {to_agency(formats, debt['reason'])}"
    elif debt["due_at"]:
        late = _is_late(debt, now)
        yield f"It was sent to the client, and {'was' if late else 'is'} due on {formats.day(debt['due_at'])}."
    if debt["status"] == "past_due":
        yield "The subscription is past due, and service goes on."
    elif debt["paused_reason"] == "unpaid":
        yield "Service is paused until all of it is paid."


def _following(formats: Formats, debt: Json) -> str:
    """What comes next by itself."""
    ladder = debt["ladder"]
    if debt["checking"]:
        return "What came of it shows here; nothing is charged twice."
    if debt["frozen"]:
        return f"Nothing is tried until {_THAWS[debt['frozen']]}."
    if ladder and ladder["next_attempt_at"]:
        return f"{_next(formats, debt)} {_then(ladder)}"
    if debt["due_at"]:
        return "The client pays it on Stripe's page."
    if ladder:
        return "Nothing more is tried by itself."
    return f"{_OBSTACLES[debt['obstacle']]}." if debt["obstacle"] else ""


def _next(formats: Formats, debt: Json) -> str:
    ladder = debt["ladder"]
    when, step = formats.moment(ladder["next_attempt_at"]), f"{ladder['used'] + 1} of {len(ladder['gaps_days'])}"
    if debt["obstacle"]:
        return f"{_OBSTACLES[debt['obstacle']]}: the client is reminded on {when} instead of retry {step}."
    return f"Retry {step} is on {when}."


def _then(ladder: Json) -> str:
    """The retries behind the next one."""
    more = [str(days) for days in ladder["gaps_days"][ladder["used"] + 1 :]]
    if not more:
        return "It is the last one."
    days = f"{', '.join(more[:-1])} and {more[-1]}" if more[1:] else more[0]
    return f"{'More follow' if more[1:] else 'Another follows'} {days} {'day' if more == ['1'] else 'days'} later."


def _ends_with_an_action(debt: Json) -> bool:
    """Not what a cancelled subscription has left, nor a custom invoice: there is no service to end."""
    ladder, stands_still = debt["ladder"], debt["checking"] or debt["frozen"]
    running = ladder and ladder["next_attempt_at"] and not stands_still
    return bool(running and debt["status"] in ("active", "trialing"))


def _acts(debt: Json, client: Json, subscription: Json | None) -> Iterator[tuple[str, str]]:
    """`subscription`: the one whose debt this is, while it is the client's."""
    here = f"/agency/clients/{client['id']}"
    if debt["checking"] or debt["frozen"]:
        return
    if debt["due_at"]:
        yield f"/agency/invoices/{debt['invoices'][0]['id']}/send", "send"
    elif debt["obstacle"] in (None, "disputed"):
        of_debt = here if subscription else f"/agency/invoices/{debt['invoices'][0]['id']}"
        yield f"{of_debt}/retry", "retry"
    if subscription and "extend" in possible.on_client(client, subscription, charges=True):
        yield f"{here}/extend", "extend"
    if debt["obstacle"] in _NEEDS_ANOTHER_CARD and not debt["due_at"] and not client["archived_at"]:
        yield f"{here}/card-request", "card-request"
