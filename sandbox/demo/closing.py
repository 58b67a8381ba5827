"""How the demo ends: totals per agency in its currency, what must always be true, and what it took."""

from dataclasses import astuple, dataclass
from typing import Final

from billing.money import show
from sandbox.caller import Caller
from sandbox.demo.cast import AGENCIES, CLIENTS, Client
from sandbox.demo.stage import Stage
from sandbox.story import CLIENT, Colour, Story

_WIDTHS: Final = (8, 11, 10, 11, 10, 11)
"""Together with the client's name 80 signs."""
_TITLES: Final = ("invoices", "invoiced", "of overage", "charged", "elsewhere", "outstanding")

_MARGIN: Final = " " * 12
_PROMISES: Final = {
    "I1": "No invoice is charged twice",
    "I2": "Lines, totals and payments agree to the cent",
    "I3": "Each period has one invoice",
    "I4": "Every call is counted once",
    "I5": "A closed period never changes",
    "I6": "Nothing owed is forgotten",
    "I7": "No card is tried after a hard decline, nor too often",
    "I8": "No agency sees what is another's",
    "I9": "Our books, Stripe and the running workflows agree",
    "I10": "Every event of Stripe's takes effect once",
}
"""The invariants of billing-rules 10, as who reads a bill would say them."""


@dataclass(frozen=True)
class Sums:
    """What invoices come to, in minor units; `charged` by us and paid `elsewhere`."""

    invoices: int = 0
    invoiced: int = 0
    overage: int = 0
    charged: int = 0
    elsewhere: int = 0
    outstanding: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def row(self, currency: str) -> str:
        texts = [str(self.invoices), *(show(amount, currency) for amount in astuple(self)[1:])]
        return " ".join(f"{text:>{width}}" for text, width in zip(texts, _WIDTHS, strict=True))


async def tell_totals(stage: Stage) -> None:
    """A line per client and one per agency; each client's is compared with what the cast says that it must be."""
    titles = " ".join(f"{title:>{width}}" for title, width in zip(_TITLES, _WIDTHS, strict=True))
    for agency in AGENCIES:
        stage.story.line(f"\n{agency.name}, in {agency.currency.upper()}", Colour.STRONG)
        stage.story.line(f"{'':{CLIENT}} {titles}", Colour.FAINT)
        of_all = Sums()
        for client in CLIENTS:
            if client.agency is agency:
                of_all += (sums := await _sums(stage, client))
                stage.story.line(f"{client.name:{CLIENT}} {sums.row(agency.currency)}")
                await stage.claim(sums == _expected(client), f"{client.name}: {_expected(client).row(agency.currency)}")
        stage.story.line(f"{'together':{CLIENT}} {of_all.row(agency.currency)}", Colour.STRONG)


async def _sums(stage: Stage, client: Client) -> Sums:
    overage = sum(entry["amount"]["amount"] for entry in stage.told_of(client, 0, "period_closed") if entry["amount"])
    listed = (await stage.ask(client).get(f"{stage.path(client)}/invoices", limit=100))["data"]
    invoices = [invoice for invoice in listed if invoice["stripe_invoice_id"]]  # one of zero is never sent
    by_us = {entry["invoice_id"] for entry in stage.told_of(client, 0, "payment_succeeded")}
    paid = [invoice for invoice in invoices if invoice["status"] == "paid"]
    return Sums(
        len(invoices),
        sum(invoice["total"]["amount"] for invoice in invoices),
        overage,
        sum(invoice["amount_due"]["amount"] for invoice in paid if invoice["id"] in by_us),
        sum(invoice["amount_due"]["amount"] for invoice in paid if invoice["id"] not in by_us),
        sum(invoice["amount_due"]["amount"] for invoice in invoices if invoice["status"] in ("open", "uncollectible")),
    )


def _expected(client: Client) -> Sums:
    total = client.total
    return Sums(total.invoices, total.invoiced, total.overage, total.charged, total.elsewhere, 0)


async def told_that_all_holds(control: Caller, story: Story) -> bool:
    """Print every invariant with its figures; whether all of them hold."""
    report = await control.get("/check")
    story.line("\nWhat must always be true, in our books, at Stripe and in the workflows\n", Colour.STRONG)
    for found in report["invariants"]:
        word, colour = ("holds", Colour.GOOD) if found["ok"] else ("FAILS", Colour.BAD)
        story.line(f"{found['id']:4} {word}  {_PROMISES[found['id']]}", colour)
        story.paragraph(_MARGIN, found["detail"], Colour.FAINT if found["ok"] else Colour.BAD)
    return bool(report["ok"])


async def tell_what_it_took(stage: Stage, seconds: float) -> None:
    accounts = (await stage.control.get("/books"))["accounts"]
    results = [charge["status"] for account in accounts for charge in account["charges"]]
    webhooks = await stage.sandbox.pool.fetchval("SELECT count(*) FROM inbox")
    tally = stage.tally
    stage.story.line("\nWhat it took\n", Colour.STRONG)
    stage.story.paragraph(
        "",
        f"{seconds:.0f} seconds; {tally.steps} steps of the time machine, {tally.moves} moves of workflows; "
        f"{tally.calls} calls taken in; {results.count('succeeded')} charges, {results.count('failed')} declines, "
        f"{webhooks} webhooks; {tally.faults} faults injected.",
    )


def tell_what_was_in_vain(stage: Stage) -> None:
    """What did not happen as told, once more, where it is not overlooked."""
    if stage.in_vain:
        stage.story.line("\nWhat did not happen as told\n", Colour.BAD)
        for words in stage.in_vain:
            stage.story.paragraph("  ", words, Colour.BAD)
