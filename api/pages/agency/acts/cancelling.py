"""What cancelling a plan means in money and dates, and what there is to choose."""

from collections.abc import Iterator
from dataclasses import dataclass

from api.pages.formats import Formats
from api.pages.inside import Json

Choice = tuple[str, str, str]
"""Of a form: value, label, and what it means."""


@dataclass(frozen=True)
class Cancelling:
    """Of the client's subscription. Days of billing are the agency's, in its `zone`."""

    formats: Formats
    zone: str
    client: Json
    subscription: Json

    @property
    def standing(self) -> list[str]:
        """How things stand, a sentence each."""
        return list(self._standing())

    def _standing(self) -> Iterator[str]:
        plan, period = self.subscription["plan"], self.subscription["current_period"]
        until = f"; this {'trial' if self._trial else 'period'} runs until {self._day(period['end'])}" if period else ""
        yield f"{self.client['name']} has {plan['name']} for {self.formats.money(plan['price'])} a month{until}."
        if self.agreed:
            ends = self._day(self.subscription["cancel_at"])
            yield f"It is cancelled already and ends on {ends}; here you can end it at once."
        number = self.subscription["open_invoices"]
        if number:
            where = "one invoice" if number == 1 else f"{number} invoices"
            yield f"{self._owed} is open on {where}, and is still collected unless you forgive it."

    @property
    def agreed(self) -> bool:
        """Whether it ends already, so that it can only still be ended at once."""
        return bool(self.subscription["cancel_at"]) and self.subscription["status"] != "paused"

    @property
    def times(self) -> list[Choice]:
        """When it can end."""
        now = ("now", "Now", f"{self._at_once} It can't be undone.")
        return [now] if self.agreed or not self._served else [self._at_the_end, now]

    @property
    def forgiving(self) -> list[Choice]:
        """What can be given up; empty where there is nothing."""
        owes, billed = bool(self.subscription["open_invoices"]), self._served and not self._trial
        if not owes and not billed:
            return []
        choices = [("none", "Nothing", f"{self._usual}.")]
        if owes:
            rest = f"; minutes over the plan {self._are_billed} all the same" if billed else ""
            choices.append(("open", "What is open", f"{self._owed} will not be owed any more{rest}."))
        if billed:
            over = f"{self._owed} that is open, and the minutes over the plan" if owes else "The minutes over the plan"
            choices.append(("all", "All", f"{over}: nothing more is billed at all."))
        return choices

    @property
    def _at_the_end(self) -> Choice:
        end = self.subscription["current_period"]["end"]
        if self._trial:
            then = "Service goes on until the trial ends. Nothing is ever billed."
        else:
            so_far = f", {self._over} so far" if self._over else ""
            then = f"Service goes on until this period ends; then its minutes over the plan {self._are_billed}{so_far}."
        return "period_end", f"On {self._day(end)}", f"{then} Until then it can be undone."

    @property
    def _at_once(self) -> str:
        if self.subscription["status"] == "awaiting_card":
            return "The plan is taken back before service begins. Nothing is ever billed."
        if self._trial:
            return "Service ends at once. Nothing is ever billed."
        if not self._served:
            return "The plan ends at once. Nothing more is billed."
        if self._over:
            over = f"{self._over} for minutes over the plan to date {'is noted' if self._manual else 'is billed'}"
            return f"Service ends at once. {over}{' on a last statement' if self._manual else ''}; {self._kept}."
        return f"Service ends at once. Nothing more is billed, and {self._kept}."

    @property
    def _usual(self) -> str:
        if not self._manual:
            return "All that is owed is billed and collected"
        return "The minutes over the plan are on a last statement" if self._served else "All that is owed is collected"

    @property
    def _are_billed(self) -> str:
        return "are on a last statement" if self._manual else "are billed"

    @property
    def _kept(self) -> str:
        return "what was paid is not refunded"

    @property
    def _owed(self) -> str:
        return self.formats.money(self.subscription["amount_due"])

    @property
    def _over(self) -> str | None:
        """The overage to date; none where it is nothing, or never billed."""
        usage = self.client["usage"]
        over = usage["overage_so_far"] if usage and not self._trial else None
        return self.formats.money(over) if over and over["amount"] else None

    @property
    def _manual(self) -> bool:
        return bool(self.subscription["collection"] == "manual")

    @property
    def _trial(self) -> bool:
        return bool(self.subscription["status"] == "trialing")

    @property
    def _served(self) -> bool:
        return bool(self.subscription["current_period"]) and self.subscription["status"] != "paused"

    def _day(self, at: str) -> str:
        return self.formats.day(at, self.zone)
