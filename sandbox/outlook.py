"""`python -m sandbox timeline|schedule|forecast`: what happened to a client, what will, and what would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.money import show
from sandbox.reading import Whom, reader
from sandbox.story import Colour, Story, local_time

LONGEST_BAR: Final = 40
SHORTEST_BAR: Final = 10
BESIDE_THE_BAR: Final = 63
"""Day, amount, and the longest word on what came of it."""
Json = Mapping[str, Any]


async def print_timeline(data: Path, named: str | None) -> None:
    """Everything that happened in the sandbox, or to one client."""
    async with reader(data) as sandbox:
        entries = await sandbox.timeline(await sandbox.client(named) if named else None)
    story = Story()
    story.heading()
    for entry in entries:
        story.entry(entry)


async def print_schedule(data: Path, named: str) -> None:
    """Every step that is decided, in order, with its reason."""
    async with reader(data) as sandbox:
        client = await sandbox.client(named)
        now, schedule = await sandbox.subscription(client), await sandbox.subscription(client, "/schedule")
    story = Story()
    _title(story, client, now)
    if schedule["source"] == "projection" and now["status"] != "cancelled":
        story.line("Temporal does not answer: this is what the books say.", Colour.BAD)
    if not schedule["data"]:
        story.line("Nothing is to come by itself.")
        return
    story.line(f"{'when':16} {'what':14} {'amount':>11}  why", Colour.FAINT)
    for item in schedule["data"]:
        when = local_time(datetime.fromisoformat(item["at"]), client.zone)
        what, amount = item["action"].replace("_", " "), _money(item["amount"])
        story.paragraph(f"{when:16} {what:14} {amount:>11}  ", f"{item['detail']} ({item['rule']})")


async def print_forecast(data: Path, named: str, *, months: int, minutes: int | None, card: str) -> None:
    """The invoices that would follow, each as a bar, and what would come of them."""
    query: dict[str, str | int] = {"months": months, "card": card}
    if minutes is not None:
        query["minutes_per_month"] = minutes
    async with reader(data) as sandbox:
        client = await sandbox.client(named)
        now, said = await sandbox.subscription(client), await sandbox.subscription(client, "/forecast", **query)
    story = Story()
    _title(story, client, now)
    assumed = said["assumptions"]
    story.line(f"If {assumed['minutes_per_month']} minutes a month are used, and the card {_words(assumed['card'])}:\n")
    bills = bills_of(said["data"])
    if not bills:
        story.line(f"No invoice would follow in {assumed['months']} months.")
    for line, paid in chart(bills, client.zone, story.width):
        story.line(line, Colour.GOOD if paid else Colour.BAD)
    _changes(story, client, said["data"])


@dataclass
class Bill:
    """An invoice of a forecast, and what its attempts come to."""

    at: datetime
    amount: int
    currency: str
    tries: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def paid_at(self) -> datetime | None:
        return next((at for at, result in self.tries if result == "paid"), None)


def bills_of(entries: Sequence[Json]) -> list[Bill]:
    """The invoices of a forecast, in order. Attempts on what was open before it begins belong to none of them."""
    bills: dict[str, Bill] = {}
    for entry in entries:
        at, money = datetime.fromisoformat(entry["at"]), entry["amount"]
        if entry["event"] == "invoice":
            bills[entry["invoice_id"]] = Bill(at, money["amount"], money["currency"])
        elif entry["event"] == "attempt" and entry["invoice_id"] in bills:
            bills[entry["invoice_id"]].tries.append((at, entry["result"]))
    return list(bills.values())


def chart(bills: Sequence[Bill], zone: str, width: int) -> list[tuple[str, bool]]:
    """A line for each bill, the longest bar for the largest amount, and one for their sum; and whether all is paid."""
    longest = min(max(width - BESIDE_THE_BAR, SHORTEST_BAR), LONGEST_BAR)
    largest = max((bill.amount for bill in bills), default=1)
    lines = []
    for bill in bills:
        bar = "█" * max(1, round(longest * bill.amount / largest))
        amount = show(bill.amount, bill.currency)
        lines.append(
            (f"{_day(bill.at, zone)}  {bar:{longest}}  {amount:>12}  {_outcome(bill, zone)}", bool(bill.paid_at))
        )
    if bills:
        paid = [bill.amount for bill in bills if bill.paid_at]
        total, currency = sum(bill.amount for bill in bills), bills[0].currency
        words = f"{show(sum(paid), currency)} of {show(total, currency)} paid"
        lines.append((f"{'together':11}  {'':{longest}}  {words}", len(paid) == len(bills)))
    return lines


def _outcome(bill: Bill, zone: str) -> str:
    declined = sum(result == "declined" for _, result in bill.tries)
    times = f"declined {declined} time{'' if declined == 1 else 's'}"
    if bill.paid_at is None:
        return f"open, {times}" if declined else "open, not tried"
    return f"{times}, paid {_day(bill.paid_at, zone)}" if declined else "paid"


def _changes(story: Story, client: Whom, entries: Sequence[Json]) -> None:
    changes = [entry for entry in entries if entry["event"] == "status"]
    if changes:
        story.line()
    for entry in changes:
        day = _day(datetime.fromisoformat(entry["at"]), client.zone)
        story.line(f"{day}  {entry['detail'].replace('_', ' ')}", Colour.STRONG)


def _title(story: Story, client: Whom, now: Json) -> None:
    """Who it is, and how the subscription stands."""
    parts = [f"{client.name}, {client.agency}", now["plan"]["name"], now["status"].replace("_", " ")]
    if period := now["current_period"]:
        start, end = (_day(datetime.fromisoformat(period[edge]), client.zone) for edge in ("start", "end"))
        parts.append(f"{start} to {end}")
    if now["amount_due"]["amount"]:
        parts.append(f"{_money(now['amount_due'])} due")
    story.paragraph("", " · ".join(parts), Colour.STRONG)


def _words(card: str) -> str:
    return card.replace("fails_on:", "fails from ") + ("" if card == "works" else " on")


def _money(money: Json | None) -> str:
    return show(money["amount"], money["currency"]) if money else ""


def _day(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%b %d %Y}"
