"""The timeline on a terminal: when, who, what, how much, and Stripe's id, in aligned columns of at most 110 signs.

A narrower terminal is not shown Stripe's ids.
"""

import sys
import textwrap
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from billing.money import show

DATE, CLIENT, WHAT, AMOUNT = 16, 13, 38, 11
STRIPE_ID = 27
NARROWEST = 20
WIDTH = DATE + CLIENT + WHAT + AMOUNT + STRIPE_ID + 5
Json = Mapping[str, Any]


class Colour(StrEnum):
    GOOD = "green"
    BAD = "red"
    FAINT = "dim"
    STRONG = "bold"


_COLOURS = {
    "payment_succeeded": Colour.GOOD,
    "paid_elsewhere": Colour.GOOD,
    "payment_declined": Colour.BAD,
    "final_action_taken": Colour.BAD,
    "invoice_parked": Colour.BAD,
    "refund_failed": Colour.BAD,
    "refund_waits": Colour.BAD,
    "account_frozen": Colour.BAD,
    "account_thawed": Colour.GOOD,
}


class Story:
    """Prints entries of `GET /timeline` as they come, each in its agency's zone; a new month gets a heading.

    Colour and a moving line on a terminal only.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.console = Console(file=out or sys.stdout, highlight=False, markup=False, emoji=False)
        self.width = min(WIDTH, self.console.width) if self.console.is_terminal else WIDTH
        self._is_narrow = self.width < WIDTH
        self._what = max(self.width - (DATE + CLIENT + AMOUNT + 3), NARROWEST) if self._is_narrow else WHAT
        self._month = (0, 0)

    def heading(self) -> None:
        self.line(f"{'when':{DATE}} {self._columns('client', 'what', 'amount', 'Stripe id')}", Colour.FAINT)

    def entry(self, entry: Json) -> None:
        """One thing that happened."""
        money = entry["amount"]
        amount = show(money["amount"], money["currency"]) if money and money["currency"] else ""
        what, colour = (entry["detail"], amount, entry["stripe_id"] or ""), _COLOURS.get(entry["what"])
        self._row(datetime.fromisoformat(entry["at"]), entry["zone"], entry["client"] or "", *what, colour)

    def note(self, at: datetime, zone: str, client: str, what: str) -> None:
        """What somebody outside does, or what the reader should know."""
        self._row(at, zone, client, f"· {what}", "", "", Colour.FAINT)

    def paragraph(self, title: str, text: str, colour: Colour | None = None) -> None:
        """A title in the margin, and its text beside it, broken into lines."""
        for line in textwrap.wrap(text, self.width, initial_indent=title, subsequent_indent=" " * len(title)):
            self.line(line, colour)

    def line(self, text: str = "", colour: Colour | None = None) -> None:
        self.console.print(Text(text.rstrip(" "), colour or ""), soft_wrap=True)

    def _row(
        self, at: datetime, zone: str, client: str, what: str, amount: str, stripe_id: str, colour: Colour | None
    ) -> None:
        local = at.astimezone(ZoneInfo(zone))
        # One zone may be in the next month already: its heading stands for both.
        if (local.year, local.month) > self._month:
            self._month = (local.year, local.month)
            self.line()
            self.line(f"── {local:%B %Y} ".ljust(self.width, "─"), Colour.STRONG)
        first, *more = textwrap.wrap(what, self._what, subsequent_indent="  ")
        self.line(f"{local_time(at, zone):{DATE}} {self._columns(client, first, amount, stripe_id)}", colour)
        for rest in more:
            self.line(" " * (DATE + CLIENT + 2) + rest, colour)

    def _columns(self, client: str, what: str, amount: str, stripe_id: str) -> str:
        shown = f"{client:{CLIENT}.{CLIENT}} {what:{self._what}} {amount:>{AMOUNT}}"
        return shown if self._is_narrow else f"{shown}  {stripe_id}"


def local_time(at: datetime, zone: str) -> str:
    """An instant as its place writes it, with the zone's name: "Mar 31 10:30 EDT"."""
    return f"{at.astimezone(ZoneInfo(zone)):%b %d %H:%M %Z}"
