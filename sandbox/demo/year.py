"""The year, beat by beat: what happens to whom, in the order of time. Each beat says itself whether it came true."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sandbox.demo.cast import BRIGHT, CEDAR, DAY, HANA, HARBOR, HINODE, HOUR, KUMO, MONTHS, NAMI, SUMMIT, Agency, Client
from sandbox.demo.stage import GRACE, POLL_SECONDS, PROMPT, Stage, amounts, days
from sandbox.story import local_time

SOON: Final = timedelta(minutes=30)
BEFORE_THE_END: Final = -12 * HOUR
OUTAGE: Final = 6 * HOUR
VISA, VISA_DEBIT, AMEX = "4242424242424242", "4000056655665556", "378282246310005"
MASTERCARD, JCB, DISCOVER = "5555555555554444", "3566002020360505", "6011111111111117"


@dataclass(frozen=True)
class Beat:
    """What is played, and when: so long after a boundary of an agency's or a client's."""

    whose: Agency | Client
    boundary: int
    after: timedelta
    title: str
    play: Callable[[Stage], Awaitable[None]]

    def at(self, stage: Stage) -> datetime:
        return stage.boundary(self.whose, self.boundary) + self.after


async def play(stage: Stage) -> None:
    """All of it."""
    stage.progress.doing("clients are set up")
    await opening(stage)
    for beat in YEAR:
        stage.progress.doing(beat.title)
        await stage.to(beat.at(stage))
        await beat.play(stage)
    stage.progress.doing("the year ends")
    await stage.to(stage.boundary(HINODE, MONTHS) + GRACE)


# How it begins


async def opening(stage: Stage) -> None:
    """On the 31st in New York, each with a card; on the 1st in Tokyo, one with a month free and one without a card."""
    for client, card in ((CEDAR, VISA), (HARBOR, VISA_DEBIT), (SUMMIT, AMEX)):
        await _sign_up(stage, client, stage.begins[BRIGHT] + client.after)
        await stage.type_card(client, card)
    await _sign_up(stage, HANA, stage.begins[HINODE], ", the first month free", first_period="free")
    await stage.type_card(HANA, JCB)
    await _sign_up(stage, KUMO, stage.begins[HINODE], ", without a card")


async def _sign_up(stage: Stage, client: Client, starts_at: datetime, how: str = "", **asked: object) -> None:
    when = local_time(starts_at, client.agency.zone)
    await stage.subscribe(client, starts_at, f"{client.plan.name} from {when} on{how}", **asked)


async def calls(stage: Stage) -> None:
    await stage.take_in()


# Cards that do not pay


async def card_comes_late(stage: Stage) -> None:
    """No card is not a failure: no attempt, a date that reminds, and a charge as soon as there is one."""
    reminded = stage.told_of(KUMO, 0, "reminded")
    await stage.claim(days(reminded) == [3], "Kumo Hotels is reminded of the card after 3 days")
    since = stage.mark()
    await stage.note(KUMO, "types its first card, six days late")
    await stage.type_card(KUMO, VISA)
    await stage.to(stage.now + PROMPT)
    paid = stage.told_of(KUMO, since, "payment_succeeded")
    await stage.claim(amounts(paid) == [4200], "Kumo Hotels is charged as soon as it has a card")


async def card_runs_dry(stage: Stage) -> None:
    """Three, five and seven days; then past due, and two days later a card that pays."""
    since, due = stage.mark(), stage.boundary(HARBOR, 2)
    await stage.behave(HARBOR, "insufficient_funds", "the card on file runs dry")
    await stage.to(due + 15 * DAY + 2 * GRACE)
    declined = stage.told_of(HARBOR, since, "payment_declined")
    await stage.claim(days(declined) == [3, 5, 7], "Harbor Realty is tried again after 3, 5 and 7 days")
    await stage.claim(amounts(declined) == [4900] * 4, "Harbor Realty is tried for 49.00 USD four times")
    await stage.claim(await stage.status(HARBOR) == "past_due", "Harbor Realty is past due")
    await stage.to(due + 17 * DAY)
    await stage.note(HARBOR, "types a new card on Stripe's page")
    await stage.type_card(HARBOR, MASTERCARD)
    await stage.to(stage.now + PROMPT)
    paid = stage.told_of(HARBOR, since, "payment_succeeded")
    await stage.claim(amounts(paid) == [4900], "Harbor Realty pays its debt by the new card, once")
    await stage.claim(await stage.status(HARBOR) == "active", "Harbor Realty has recovered")


async def card_is_lost(stage: Stage) -> None:
    """A hard decline: that card is not tried again by anybody, and the dates only remind."""
    since, due = stage.mark(), stage.boundary(KUMO, 4)
    await stage.behave(KUMO, "lost_card", "the card on file is reported lost")
    await stage.to(due + 4 * DAY)
    said = await stage.pay_now(KUMO)
    await stage.note(KUMO, f"presses pay now: {said.replace('_', ' ')}")
    await stage.claim(said == "new_card_required", "a card that is lost is refused, not tried")
    declined = stage.told_of(KUMO, since, "payment_declined")
    await stage.claim(amounts(declined) == [4288], "Kumo Hotels' lost card is tried once")
    await stage.type_card(KUMO, DISCOVER)
    await stage.to(stage.now + PROMPT)
    paid = stage.told_of(KUMO, since, "payment_succeeded")
    await stage.claim(amounts(paid) == [4288], "Kumo Hotels pays by another card")


async def card_needs_the_customer(stage: Stage) -> None:
    """The bank wants to hear its customer, who pays on the invoice's page at Stripe."""
    since, due = stage.mark(), stage.boundary(HANA, 7)
    await stage.behave(HANA, "needs_authentication", "the bank wants to ask its customer")
    await stage.to(due + 2 * DAY)
    invoice = await stage.newest_invoice(HANA)
    await stage.note(HANA, "opens the invoice at Stripe and answers its bank")
    page = await stage.control.post("/hosted-invoices", {"invoice_id": invoice["id"], "action": "authenticate"})
    await stage.to(due + 16 * DAY)
    await stage.claim(page["status"] == "paid", "Stripe's page says that it is paid")
    paid, tried = (stage.told_of(HANA, since, kind) for kind in ("paid_elsewhere", "payment_declined"))
    await stage.claim((amounts(paid), amounts(tried)) == ([8625], [8625]), "Hana Clinic pays there, and only there")
    await stage.behave(HANA, "pays", "the bank has no more questions")


async def paid_by_hand(stage: Stage) -> None:
    """While the ladder runs the money comes another way: what Stripe says is believed, and the dates are gone."""
    since, due = stage.mark(), stage.boundary(SUMMIT, 8)
    await stage.behave(SUMMIT, "do_not_honor", "the bank honours the card no longer")
    await stage.to(due + 5 * DAY)
    await stage.behave(SUMMIT, "pays", "sends a cheque; Bright Voice marks the invoice paid")
    invoice = await stage.newest_invoice(SUMMIT)
    await stage.control.post("/dashboard", {"invoice_id": invoice["id"], "action": "paid_out_of_band"})
    await stage.to(due + 16 * DAY)
    paid, tried = (stage.told_of(SUMMIT, since, kind) for kind in ("paid_elsewhere", "payment_declined"))
    await stage.claim((amounts(paid), days(tried)) == ([2900], [3]), "Summit Legal is not tried after its cheque")
    await stage.claim(not stage.told_of(SUMMIT, since, "payment_succeeded"), "Summit Legal's card is not charged")


# Machines that fail


async def worker_dies(stage: Stage) -> None:
    """kill -9 of the worker after Stripe has charged and before the worker knows."""
    since, due = stage.mark(), stage.boundary(SUMMIT, 3)
    await stage.control.post("/faults", {"call": "invoices.pay", "fault": "delay", "seconds": 2})
    before = await _charges(stage)
    renewing = asyncio.create_task(stage.to(due + GRACE))
    while not renewing.done() and len(await _charges(stage)) == len(before):
        await asyncio.wait({renewing}, timeout=POLL_SECONDS / 4)
    killed = await stage.control.post("/kill", {"process": "worker"})
    stage.tally.faults += 2
    await stage.note(SUMMIT, f"worker (pid {killed['pid']}) killed before it has Stripe's answer")
    await renewing
    made = await _charges(stage) - before
    await stage.note(SUMMIT, f"renewed all the same, by {_counted(len(made), 'charge')} at Stripe")
    paid = stage.told_of(SUMMIT, since, "payment_succeeded")
    await stage.claim(len(made) == 1 and amounts(paid) == [2900], "Summit Legal is charged once, for 29.00 USD")


async def stripe_is_down(stage: Stage) -> None:
    """Six hours of it over a month's end: what is due is tried again and again, and done once when Stripe is back."""
    began_at, since = stage.now, stage.mark()
    await stage.control.post("/faults", {"call": "*", "fault": "error_500", "times": None})
    await stage.note(HINODE, "Stripe is down: every call to it fails")
    await stage.to(began_at + OUTAGE / 2)
    coming = (await stage.ask(HANA).get(f"{stage.path(HANA)}/subscription/schedule"))["data"][0]
    at = datetime.fromisoformat(coming["at"])
    await stage.note(HANA, f"schedule: {coming['detail']}, next at {local_time(at, HINODE.zone)[7:]}")
    await stage.claim(stage.now < at <= stage.now + SOON, "the schedule shows the next try within half an hour")
    await stage.to(began_at + OUTAGE)
    await stage.control.delete("/faults")
    failed = await _failed_requests(stage)
    stage.tally.faults += failed
    await stage.note(HINODE, f"Stripe is back, after {failed} failed calls")
    await stage.to(stage.now + SOON + PROMPT)
    paid = [stage.told_of(client, since, "payment_succeeded") for client in (HANA, KUMO)]
    await stage.claim([*map(amounts, paid)] == [[7237], [4200]], "both renew once, within half an hour")


async def temporal_is_away(stage: Stage) -> None:
    """A client is moved in, calls come in and a card is typed while nothing can run: all is kept, and takes effect."""
    since = stage.mark()
    async with stage.sandbox.supervisor.away("temporal"):
        stage.tally.faults += 1
        await stage.note(None, "Temporal, which runs the renewals, is gone for a while")
        starts_at = stage.now - 31 * DAY + PROMPT
        await stage.subscribe(NAMI, starts_at, f"is moved in a month late, from {local_time(starts_at, HINODE.zone)}")
        await stage.take_in()
        typing = [asyncio.create_task(_type(stage, NAMI, VISA)), asyncio.create_task(_type(stage, HARBOR, VISA))]
        kept = 0
        while kept < len(typing) and not any(task.done() for task in typing):
            await asyncio.sleep(POLL_SECONDS)
            kept = await stage.sandbox.pool.fetchval(_CARDS_WAITING)
        await stage.claim(kept == len(typing), "the webhooks of two cards are kept while Temporal is away")
        await stage.note(None, "two cards are typed: their webhooks wait")
    await stage.note(None, "Temporal is back")
    await stage.while_telling(asyncio.gather(*typing))
    await stage.to(stage.boundary(NAMI, 1) + GRACE)
    await stage.to(stage.now + PROMPT)
    paid = stage.told_of(NAMI, since, "payment_succeeded")
    closed = stage.told_of(NAMI, since, "period_closed")
    await stage.claim(amounts(paid) == [7200, 7200], "Nami Travel has caught up: one invoice for each month, in order")
    await stage.claim(["410 of 500" in entry["detail"] for entry in closed] == [True], "all its calls were counted")
    await stage.claim(len(stage.told_of(HARBOR, since, "card_saved")) == 1, "Harbor Realty's card is known, once")


# Coming and going


async def cancelled(stage: Stage) -> None:
    said = await stage.ask(CEDAR).post(f"{stage.path(CEDAR)}/subscription/cancel", {"at": "period_end"})
    ends = stage.boundary(CEDAR, 10)
    await stage.claim(datetime.fromisoformat(said["cancel_at"]) == ends, "Cedar Dental would end with its period")


async def taken_back(stage: Stage) -> None:
    said = await stage.ask(CEDAR).delete(f"{stage.path(CEDAR)}/subscription/cancel")
    await stage.claim(said["cancel_at"] is None, "Cedar Dental goes on")


async def cancelled_for_good(stage: Stage) -> None:
    said = await stage.ask(NAMI).post(f"{stage.path(NAMI)}/subscription/cancel", {"at": "period_end"})
    ends = stage.boundary(NAMI, 5)
    await stage.claim(datetime.fromisoformat(said["cancel_at"]) == ends, "Nami Travel is to end with its period")


async def left(stage: Stage) -> None:
    paid = stage.told_of(NAMI, 0, "payment_succeeded")
    await stage.claim(amounts(paid)[5:] == [611], "Nami Travel's last invoice is its overage alone")
    await stage.claim(await stage.status(NAMI) == "cancelled", "Nami Travel has left")
    await stage.note(NAMI, "has left: only its overage was left to pay")


def _calls(n: int) -> Beat:
    """Of both agencies: those in Tokyo have been made by then, too."""
    return Beat(BRIGHT, n, BEFORE_THE_END, "calls come in", calls)


YEAR: Final = (
    Beat(HINODE, 0, 6 * DAY, "Kumo Hotels has no card yet", card_comes_late),
    _calls(1),
    _calls(2),
    Beat(BRIGHT, 2, BEFORE_THE_END, "Harbor Realty's card runs dry: 3, 5, 7 days", card_runs_dry),
    _calls(3),
    Beat(SUMMIT, 3, -SOON, "the worker dies in the middle of a charge", worker_dies),
    _calls(4),
    Beat(HINODE, 4, -HOUR, "Kumo Hotels' card is lost", card_is_lost),
    _calls(5),
    Beat(HINODE, 5, -SOON, "Stripe is down for six hours", stripe_is_down),
    _calls(6),
    Beat(HINODE, 6, 10 * DAY, "Temporal is away, and Nami Travel moves in", temporal_is_away),
    _calls(7),
    Beat(HINODE, 7, -HOUR, "Hana Clinic's bank has questions", card_needs_the_customer),
    _calls(8),
    Beat(SUMMIT, 8, -SOON, "Summit Legal pays by cheque", paid_by_hand),
    _calls(9),
    Beat(BRIGHT, 9, 10 * DAY, "Cedar Dental cancels", cancelled),
    Beat(BRIGHT, 9, 17 * DAY, "Cedar Dental stays", taken_back),
    Beat(NAMI, 4, 12 * DAY, "Nami Travel cancels", cancelled_for_good),
    _calls(10),
    Beat(NAMI, 5, GRACE, "Nami Travel leaves", left),
    _calls(11),
    _calls(12),
)


# What is looked at

_CARDS_WAITING: Final = """
    SELECT count(*) FROM inbox WHERE delivered_at IS NULL AND type = 'checkout.session.completed'
"""


async def _type(stage: Stage, client: Client, number: str) -> None:
    await stage.control.post("/cards", {"client_id": stage.ids[client], "number": number})


async def _charges(stage: Stage) -> set[str]:
    accounts = (await stage.control.get("/books"))["accounts"]
    return {charge["id"] for account in accounts for charge in account["charges"]}


async def _failed_requests(stage: Stage) -> int:
    requests = (await stage.sandbox.emulator.ask("requests?limit=2000"))["requests"]
    return sum(request["status"] == 500 for request in requests)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
