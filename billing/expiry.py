"""A card that expires before it is charged again, of which its holder is told in time (billing-rules 9)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from billing.facts import CardExpiryTold
from billing.state import Card, Period, State, Status
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
    served = s.status in (Status.TRIALING, Status.ACTIVE)
    if s.card is None or s.period is None or not served or s.ending is not None:
        return None
    charged_at = next_charge(s, s.period)
    if collected_from(s.manual, s.switches, charged_at)[0]:
        return None
    over = expires_at(s.card)
    return over - EXPIRY_NOTICE if over <= charged_at else None


def next_charge(s: State, period: Period) -> datetime:
    """Where the trial ends, or the oldest period that is not closed."""
    return period.start if s.status is Status.TRIALING else period.end


def to_tell(s: State) -> tuple[datetime, str, int] | None:
    """When the client is to be told, of which card (its identity) and before the end of which period; once for both."""
    at = announced_at(s)
    if s.rules < 2 or at is None or s.card is None or s.period is None or s.card.identity in s.condemned:
        return None
    told = s.expiry_told == _both(s.card.identity, s.period.number)
    return None if told else (at, s.card.identity, s.period.number)


def expiry_told(s: State, fact: CardExpiryTold) -> State:
    known = to_tell(s)
    return (
        replace(s, expiry_told=_both(fact.card, fact.period)) if known and known[1:] == (fact.card, fact.period) else s
    )


def _both(card: str, period: int) -> str:
    return f"{card} {period}"
