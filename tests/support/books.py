"""A pretend Stripe that keeps books, and refuses at once what must never be asked of it (billing-rules 10)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from billing.state import Attempt

Behaviour = Literal["pays", "soft", "hard", "must_act", "processing", "not_made", "lost", "parks"]
"""What comes of charging a card. `lost`: declined softly, and the answer never arrives."""

MOST_TRIES = 10
WINDOW = timedelta(days=30)


@dataclass
class Bill:
    """One invoice as Stripe has it."""

    amount: int
    status: Literal["open", "paid", "void", "uncollectible"] = "open"
    paid: int = 0


@dataclass
class Books:
    """Everything that was ever issued and charged."""

    bills: dict[str, Bill] = field(default_factory=dict)
    charges: dict[tuple[str, int], Behaviour] = field(default_factory=dict)
    tries: list[tuple[str, datetime]] = field(default_factory=list)
    declined_hard: set[str] = field(default_factory=set)
    by_others: list[tuple[str, datetime]] = field(default_factory=list)
    lost_to_others: set[str] = field(default_factory=set)
    """What the client's other subscriptions did with its cards: tried them, and had them declined hard."""

    def issue(self, invoice: str, amount: int) -> None:
        """A repeat must be the same invoice: what stands on it is decided once."""
        bill = self.bills.setdefault(invoice, Bill(amount, "open" if amount else "paid"))
        assert bill.amount == amount, f"{invoice} was {bill.amount} and is now {amount}"

    def charge(self, attempt: Attempt, behaviour: Behaviour) -> Behaviour:
        """The outcome of this attempt: the same number is the same charge, whatever the card does by now."""
        key = (attempt.invoice, attempt.number)
        if self.charges.get(key, "processing") != "processing":
            return self.charges[key]
        if key not in self.charges:
            self._check_first(attempt)
        bill, card = self.bills[attempt.invoice], attempt.card.identity
        if behaviour not in ("not_made", "parks"):
            self.tries.append((card, attempt.attempted_at)) if key not in self.charges else None
        self.charges[key] = behaviour
        if behaviour == "pays":
            bill.status, bill.paid = "paid", bill.paid + bill.amount
            assert bill.paid == bill.amount, f"{attempt.invoice} was paid twice"
        if behaviour == "hard":
            self.declined_hard.add(card)
        return behaviour

    def used_up(self, card: str, at: datetime) -> list[datetime] | None:
        """All tries of a card that may not be tried because of what others did with it; none when it may."""
        own, others = (
            [tried for name, tried in tries if name == card and tried > at - WINDOW]
            for tries in (self.tries, self.by_others)
        )
        full = others and len(own) + len(others) >= MOST_TRIES
        return [*own, *others] if full or card in self.lost_to_others else None

    def tried_elsewhere(self, card: str, at: datetime) -> None:
        self.tries.append((card, at))

    def close(self, invoice: str, status: Literal["paid", "void", "uncollectible"]) -> None:
        bill = self.bills[invoice]
        assert bill.status in ("open", "uncollectible"), f"{invoice} is {bill.status}"
        bill.status, bill.paid = status, bill.amount if status == "paid" else 0

    def credit(self, invoice: str, amount: int) -> int:
        """A credit note lowers what an open invoice asks for, a voided one raises it; nothing left counts as paid."""
        bill = self.bills[invoice]
        assert bill.status == "open", f"{invoice} is {bill.status}"
        bill.amount -= min(amount, bill.amount)
        bill.status = "open" if bill.amount else "paid"
        return bill.amount

    def open(self) -> set[str]:
        return {invoice for invoice, bill in self.bills.items() if bill.status == "open"}

    def _check_first(self, attempt: Attempt) -> None:
        bill, card = self.bills[attempt.invoice], attempt.card.identity
        assert bill.status == "open", f"a charge of {attempt.invoice}, which is {bill.status}"
        assert card not in self.declined_hard, f"{card} is tried again after a hard decline"
        recent = [at for tried, at in self.tries if tried == card and at > attempt.attempted_at - WINDOW]
        assert len(recent) < MOST_TRIES, f"{card} is tried more than {MOST_TRIES} times in {WINDOW.days} days"
