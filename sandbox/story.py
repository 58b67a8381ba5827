"""The timeline on a terminal: when, who, what, how much, and Stripe's id, in aligned columns of at most 110 signs."""

import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from billing.money import show
from sandbox.caller import Caller
from sandbox.home import Home
from sandbox.stack import url

DATE, CLIENT, WHAT, AMOUNT = 12, 13, 42, 11
STRIPE_ID = 27
WIDTH = DATE + CLIENT + WHAT + AMOUNT + STRIPE_ID + 5
Json = Mapping[str, Any]


class Colour(StrEnum):
    GOOD = "32"
    BAD = "31"
    FAINT = "2"
    STRONG = "1"


_COLOURS = {
    "payment_succeeded": Colour.GOOD,
    "paid_elsewhere": Colour.GOOD,
    "payment_declined": Colour.BAD,
    "final_action_taken": Colour.BAD,
    "invoice_parked": Colour.BAD,
}


@dataclass
class Story:
    """Prints entries of `GET /timeline` as they come; a new month gets a heading. Colour on a terminal only."""

    zone: str
    out: TextIO = field(default_factory=lambda: sys.stdout)
    _month: str = ""

    def heading(self) -> None:
        place = self.zone.rpartition("/")[2].replace("_", " ")
        titles = f"{place:{DATE}.{DATE}} {'client':{CLIENT}} {'what':{WHAT}} {'amount':>{AMOUNT}}  Stripe id"
        self.line(titles, Colour.FAINT)

    def entry(self, entry: Json) -> None:
        """One thing that happened."""
        money = entry["amount"]
        amount = show(money["amount"], money["currency"]) if money and money["currency"] else ""
        at = datetime.fromisoformat(entry["at"])
        self._row(
            at, entry["client"] or "", entry["detail"], amount, entry["stripe_id"] or "", _COLOURS.get(entry["what"])
        )

    def note(self, at: datetime, client: str, what: str) -> None:
        """What somebody outside does, or what the reader should know."""
        self._row(at, client, f"· {what}", "", "", Colour.FAINT)

    def paragraph(self, title: str, text: str, colour: Colour | None = None) -> None:
        """A title in the margin, and its text beside it, broken into lines."""
        for line in textwrap.wrap(text, WIDTH, initial_indent=title, subsequent_indent=" " * len(title)):
            self.line(line, colour)

    def line(self, text: str = "", colour: Colour | None = None) -> None:
        text = text.rstrip()
        print(f"\x1b[{colour}m{text}\x1b[0m" if colour and self.out.isatty() else text, file=self.out, flush=True)

    def _row(self, at: datetime, client: str, what: str, amount: str, stripe_id: str, colour: Colour | None) -> None:
        local = at.astimezone(ZoneInfo(self.zone))
        month = f"{local:%B %Y}"
        if month != self._month:
            self._month = month
            self.line()
            self.line(f"── {month} ".ljust(WIDTH, "─"), Colour.STRONG)
        first, *more = textwrap.wrap(what, WHAT, subsequent_indent="  ")
        self.line(
            f"{local:%b %d %H:%M} {client:{CLIENT}.{CLIENT}} {first:{WHAT}} {amount:>{AMOUNT}}  {stripe_id}", colour
        )
        for rest in more:
            self.line(" " * (DATE + CLIENT + 2) + rest, colour)


async def print_timeline(data: Path, client: str | None) -> int:
    """Print what happened in the sandbox that runs in `data`; the exit status."""
    kept = Home(data).open()
    story = Story("UTC")
    async with Caller(url(kept, "control")) as control:
        entries: Iterable[Json] = (await control.get("/timeline", **({"client_id": client} if client else {})))["data"]
    story.heading()
    for entry in entries:
        story.entry(entry)
    return 0
