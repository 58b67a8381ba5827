"""What stands over the billing page, in words: what is the matter, what happens by itself, and what can be done.

Each sentence follows from what the API says of the state: it is said only where it is true.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from api.pages.cards import brand_name, good_until
from api.pages.formats import Formats
from api.pages.inside import Json

_TONES: Final = {
    "checking": "info",
    "card_expiring": "warn",
    "no_payment_method": "warn",
    "action_required": "warn",
}
_PAY: Final = "pay_now"
_CARD: Final = "update_payment_method"
_SAFE: Final = "Cards are entered on Stripe's page and never seen here."


@dataclass(frozen=True)
class Notice:
    """`tone` is `bad`, `warn` or `info`; `pays` the invoice that is paid by a press, `card` the card button's label."""

    tone: str
    title: str
    text: str
    pays: str | None
    card: str | None
    urgent: bool
    """Whether what the buttons do is what has to be done."""


@dataclass(frozen=True)
class Told:
    """What the sentences are made of: the viewer's formats, the agency's name, its client's billing, and its zone."""

    formats: Formats
    agency: str
    billing: Json
    zone: str

    @property
    def banner(self) -> Json:
        found: Json = self.billing["banner"]
        return found

    @property
    def status(self) -> str | None:
        subscription = self.billing["subscription"]
        return str(subscription["status"]) if subscription else None

    @property
    def owed(self) -> str:
        return self.formats.money(self.banner["amount_due"])

    @property
    def several(self) -> bool:
        return bool(self.banner["open_invoices"] > 1)

    def can(self, action: str) -> bool:
        return action in self.banner["actions"]


def notice(told: Told) -> Notice | None:
    """None when all is well."""
    banner = told.billing["banner"]
    if banner is None:
        return None
    title, sentences = _WORDS[banner["kind"]](told)
    settled_pause = banner["kind"] == "paused" and not banner["open_invoices"]
    return Notice(
        "info" if settled_pause else _TONES.get(banner["kind"], "bad"),
        title,
        " ".join(filter(None, sentences)),
        banner["invoice_id"] if told.can(_PAY) else None,
        ("Update card" if told.billing["payment_method"] else "Enter a card") if told.can(_CARD) else None,
        not (settled_pause or _waits_for_the_agency(told)),
    )


_Words = tuple[str, Sequence[str]]


def _failed(told: Told) -> _Words:
    reason = told.banner["reason"]
    if told.several:
        title = f"{told.banner['open_invoices']} invoices are unpaid: {told.owed} in all"
    else:
        title = f"Your payment of {told.owed} failed" if reason else f"{told.owed} could not be charged"
    return title, (reason or "", *_what_follows(told))


def _past_due(told: Told) -> _Words:
    banner = told.banner
    # Without a card there may have been no attempt at all.
    is_used_up = not banner["next_attempts"] and banner["obstacle"] != "no_card"
    used_up = "All automatic attempts are used up." if is_used_up else ""
    return f"{told.owed} is past due", (banner["reason"] or "", used_up, *_what_follows(told))


def _paused(told: Told) -> _Words:
    sub, banner = told.billing["subscription"], told.banner
    if sub and sub["paused_reason"] == "agency":
        by_agency = (
            f"{told.agency} has paused it: no calls are served, and nothing is charged for new periods. "
            f"To go on, please ask {told.agency}."
        )
        if not banner["open_invoices"]:
            return "Your service is paused", (by_agency,)
        debt = f"What was invoiced before is still to be paid: {told.owed}."
        return f"Your service is paused, and {told.owed} is unpaid", (by_agency, debt, *_what_follows(told))
    if not banner["open_invoices"]:
        return "Your service is paused", ("Nothing is unpaid any more: it goes on in a moment.",)
    goes_on = f"It goes on by itself once {_invoices(told)} {_be(told)} paid."
    title = f"Your service is paused: {told.owed} is unpaid"
    return title, (goes_on, banner["reason"] or "", *_what_follows(told))


def _action_required(told: Told) -> _Words:
    title = f"Your bank wants you to confirm the payment of {told.owed}"
    asks = f"The bank asks for your confirmation before it pays {_invoices(told)}."
    return title, (asks, *_what_follows(told))


def _card_expiring(told: Told) -> _Words:
    card, following = told.billing["payment_method"], told.billing["next_invoice"]
    until = card and f"The {brand_name(card['brand'])} card ending in {card['last4']} is good until {good_until(card)}."
    before = f" before {told.formats.day(following['at'], told.zone)}" if following else " in time"
    asked = f"Please enter the new one{before}." if told.can(_CARD) else _no_entry(told)
    return "Your card expires before the next payment", (until or "", asked)


def _no_card(told: Told) -> _Words:
    if told.banner["open_invoices"]:
        return f"A card is needed to pay {told.owed}", (*_what_follows(told), _SAFE if told.can(_CARD) else "")
    if told.status == "awaiting_card":
        why = "Your plan starts as soon as there is a card."
    elif told.status == "trialing":
        ends = told.formats.day(told.billing["subscription"]["trial_end"], told.zone)
        why = f"Your trial ends on {ends}; from then on the plan is charged to a card."
    else:
        why = "Your invoices are charged to a card, and there is none on file."
    if not told.can(_CARD):
        return "A card is needed", (why, _no_entry(told))
    return "Please enter a card", (why, _SAFE)


def _no_entry(told: Told) -> str:
    return f"Cards can't be entered just now: please ask {told.agency}."


def _checking(told: Told) -> _Words:
    title = "Your payment is being checked" if told.several else f"Your payment of {told.owed} is being checked"
    return title, (
        "What came of it is not known for certain yet.",
        "There is nothing to do: you will not be charged twice, and this page shows what came of it.",
    )


_WORDS: Final[dict[str, Callable[[Told], _Words]]] = {
    "payment_failed": _failed,
    "past_due": _past_due,
    "paused": _paused,
    "action_required": _action_required,
    "card_expiring": _card_expiring,
    "no_payment_method": _no_card,
    "checking": _checking,
}


def _what_follows(told: Told) -> tuple[str, ...]:
    """Of a debt: what happens by itself, and what the client can do."""
    banner = told.banner
    if banner["next_attempts"]:
        return _tried_again(told), _sooner(told)
    if _waits_for_the_agency(told):
        return (
            f"{told.agency} can't take payments just now, so nothing is charged.",
            "You need do nothing until that is over: this page shows what comes then.",
        )
    return _obstacle(told), _remedy(told)


def _waits_for_the_agency(told: Told) -> bool:
    return told.banner["obstacle"] == "agency_frozen" and not told.can(_PAY)


def _tried_again(told: Told) -> str:
    """One date for a debt that has one; else each with what is tried then."""
    tries = told.banner["next_attempts"]
    if len(tries) == 1:
        when = told.formats.ahead(tries[0]["at"], told.billing["as_of"])
        which = f" {told.formats.money(tries[0]['amount'])}" if tries[0]["amount"] != told.banner["amount_due"] else ""
        return f"We try{which} again {when}{_left(tries[0]['attempts_left'])}."
    each = (
        f"{told.formats.money(one['amount'])} {told.formats.ahead(one['at'], told.billing['as_of'])}"
        f"{_left(one['attempts_left'])}"
        for one in tries
    )
    return f"We try again: {'; '.join(each)}."


def _left(attempts: int) -> str:
    return ", for the last time" if attempts == 1 else f" ({attempts} attempts are left)"


def _sooner(told: Told) -> str:
    if told.can(_PAY):
        return "You can pay before that."
    return "Another card is tried at once." if told.can(_CARD) and not told.banner["sent"] else ""


def _obstacle(told: Told) -> str:
    """Why nothing is tried by itself."""
    match told.banner["obstacle"]:
        case "no_card":
            return "There is no card on file."
        case "hard_decline":
            return "This card is not tried again."
        case "disputed":
            return "This card is not charged by itself while a payment with it is disputed."
        case "card_limit":
            again = told.formats.moment(told.banner["possible_at"])
            return f"This card was tried as often as is allowed in 30 days; it can be charged again from {again}."
        case "customer_must_act" if told.banner["kind"] != "action_required":
            return "The bank asks for your confirmation before it pays."
        case "customer_must_act":
            return ""
        case _:
            return "It is not tried again by itself." if told.banner["kind"] == "payment_failed" else ""


def _remedy(told: Told) -> str:
    card = "another card" if told.billing["payment_method"] else "a card"
    charged = f", to which {_invoices(told)} {_be(told)} charged at once" if not told.banner["sent"] else ""
    if told.can(_PAY) and told.banner["obstacle"] == "customer_must_act":
        return f"Press “Pay now” and follow what your bank asks, or enter {card}{charged}."
    if told.can(_PAY):
        return f"Please pay now, or enter {card}{charged}."
    return f"Please enter {card}{charged}." if told.can(_CARD) else f"Please ask {told.agency}."


def _invoices(told: Told) -> str:
    return f"the {told.banner['open_invoices']} open invoices" if told.several else "the open invoice"


def _be(told: Told) -> str:
    return "are" if told.several else "is"
