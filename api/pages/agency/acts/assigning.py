"""What assigning a plan means in money and dates, told before it is done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from api.pages.cards import card_name
from api.pages.formats import Formats
from api.pages.inside import Json
from billing.periods import boundary, days_later


@dataclass(frozen=True)
class Assignment:
    """The `asked` of the API's PUT, for a `client` and a `plan`. Days of billing are the agency's, in its `zone`."""

    formats: Formats
    zone: str
    client: Json
    plan: Json
    asked: Json
    now: datetime

    def told(self) -> list[tuple[str, str]]:
        """What will be: each line with what it is about."""
        return list(self._told())

    def _told(self) -> Iterator[tuple[str, str]]:
        money = self.formats.money(self.plan["price"])
        yield "Price", f"{money} a month"
        yield "Included", f"{self.formats.number(self.plan['included_minutes'])} minutes a month"
        over = f"{self.formats.rate(self.plan['overage_rate'])}, billed after each period"
        yield "Each minute over", f"{over}; nothing in the trial" if self._trial_days else over
        if cap := self.asked.get("spend_cap"):
            then = "then calls are not served" if cap["action"] == "block" else "then you and the client are told"
            yield "Limit of overage", f"{self.formats.money(cap['amount'])} a period; {then}"
        yield "Starts", "now" if self._start else "when the client has entered a card"
        if self._trial_days:
            yield "Trial", f"{self._days} free of charge{self._until}"
        yield "First period", self._first_period
        yield "First charge", self._first_charge
        yield "Card", self._card

    @property
    def _manual(self) -> bool:
        manual: bool = self.asked["collection"] == "manual"
        return manual

    @property
    def _start(self) -> datetime | None:
        """When service begins; none: that is not known, it waits for a card."""
        waits = self.asked["start"] == "first_card" and not self.client["payment_method"]
        return None if waits else self.now

    @property
    def _trial_days(self) -> int:
        own: int | None = self.asked.get("trial_days")
        days: int = self.plan["trial_days"] if own is None else own
        return days

    @property
    def _days(self) -> str:
        return "1 day" if self._trial_days == 1 else f"{self._trial_days} days"

    @property
    def _anchor(self) -> datetime | None:
        """Where the first period begins: with the start, or where the trial ends."""
        return self._start and days_later(self._start, self.zone, self._trial_days)

    @property
    def _until(self) -> str:
        return f", until {self._day(self._anchor)}" if self._anchor else ""

    @property
    def _first_period(self) -> str:
        if self._anchor is None:
            return f"a month from {'the trial’s end' if self._trial_days else 'the first card'} on"
        return f"{self._day(self._anchor)} to {self._day(boundary(self._anchor, self.zone, 1))}"

    @property
    def _when(self) -> str:
        """When the first period is billed."""
        if self._anchor is None:
            return f"{self._days} after the first card" if self._trial_days else "with the first card"
        return f"on {self._day(self._anchor)}" if self._trial_days else "at once"

    @property
    def _first_charge(self) -> str:
        if self.asked["first_period"] == "free":
            return f"nothing for the first period; {self._word} comes after it"
        if not self.plan["price"]["amount"]:
            return f"nothing in advance; minutes over the plan are on {self._word}, after the first period"
        money = self.formats.money(self.plan["price"])
        if self._manual:
            return f"none: a statement over {money} for you, {self._when}"
        if self._start and not self.client["payment_method"]:
            return f"{money} due {self._when}, and charged when there is a card"
        return f"{money}, {self._when}"

    @property
    def _word(self) -> str:
        return "the first statement" if self._manual else "the first invoice"

    @property
    def _card(self) -> str:
        if self._manual:
            return "none is needed: you collect this by yourself"
        card = self.client["payment_method"]
        if card:
            return f"{card_name(card)} is charged"
        if self._start is None:
            return "needed for the start: ask the client for one"
        return "none on file yet: what is due is charged as soon as there is one, and the client is reminded until then"

    def _day(self, at: datetime | None) -> str:
        return self.formats.day(at, self.zone)

    def done(self, made: Json) -> str:
        """What is told once the subscription is `made`."""
        name = made["plan"]["name"]
        if made["status"] == "awaiting_card":
            return f"{name} is assigned. It starts as soon as the client has entered a card: ask for one."
        if made["trial_end"]:
            return f"{name} is assigned. Its trial ends on {self.formats.moment(made['trial_end'])}."
        if self.asked["first_period"] == "free" or not made["plan"]["price"]["amount"]:
            return f"{name} is assigned, and service has begun."
        return f"{name} is assigned. {self._word.capitalize()} follows in a moment."
