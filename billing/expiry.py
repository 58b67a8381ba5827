"""A card that expires before it is charged again, of which its holder is told in time (billing-rules 9)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from billing.facts import CardExpiryTold
from billing.state import Card, State, Status
from billing.switches import collected_from

EXPIRY_NOTICE: Final = timedelta(days=10)
"""How long before it expires a card that will not see the next charge is announced."""


def expires_at(card: Card) -> datetime:
    """The first instant at which the card is no longer good: the month after the one printed on it."""
    years, month0 = divmod(card.exp_month, 12)
    return datetime(card.exp_year + years, month0 + 1, 1, tzinfo=UTC)


def announced_at(s: State) -> datetime | None:
    """From when on the card on file is known not to see the charge at the end of the period, or of the trial; none
    while it will."""
    charge = next_charge(s)
    if s.card is None or charge is None or collected_from(s.manual, s.switches, charge[1])[0]:
        return None
    over = expires_at(s.card)
    return over - EXPIRY_NOTICE if over <= charge[1] else None


def next_charge(s: State) -> tuple[int, datetime] | None:
    """The period at whose end the card is charged next, by its number, and when; a trial has the number 0. None while
    nothing is served, or when it ends before."""
    if s.period is None or s.ending is not None:
        return None
    if s.status is Status.TRIALING and not s.first_free:
        return 0, s.period.start
    return (s.period.number, s.period.end) if s.status in (Status.TRIALING, Status.ACTIVE) else None


def to_tell(s: State) -> tuple[datetime, str, int] | None:
    """When the client is to be told, of which card (its identity) and before the end of which period; once for both."""
    at, charge = announced_at(s), next_charge(s)
    if s.rules < 2 or at is None or s.card is None or charge is None or s.card.identity in s.condemned:
        return None
    told = s.expiry_told == _both(s.card.identity, charge[0])
    return None if told else (at, s.card.identity, charge[0])


def expiry_told(s: State, fact: CardExpiryTold) -> State:
    known = to_tell(s)
    return (
        replace(s, expiry_told=_both(fact.card, fact.period)) if known and known[1:] == (fact.card, fact.period) else s
    )


def _both(card: str, period: int) -> str:
    return f"{card} {period}"
