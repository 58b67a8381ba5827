"""kill -9 of the worker in what is done about a debt: a declined retry, a reminder, the final action, a void."""

import asyncio
from typing import Final

from support.dying_worker import Fates
from support.sights import Client, Json
from support.stage import FAILS, Stage

from billing.state import Status
from workflows.messages import subscription_workflow_id

DECLINED: Final = (
    "charge_invoice before 1 commit",
    "charge_invoice before 2 attempt",
    "charge_invoice before 3 read",
    "charge_invoice before 4 commit",
    "charge_invoice after 4 commit",
)
REMINDED: Final = ("remind before 1 commit", "remind after 1 commit")
FINAL: Final = ("take_final_action before 1 commit", "take_final_action after 1 commit")
VOIDED: Final = (
    "void_invoice before 1 commit",
    "void_invoice before 4 void",
    "void_invoice before 5 read",
    "void_invoice before 7 commit",
    "void_invoice after 7 commit",
)
"""Without the second of two points between which nothing is written anywhere."""
SAME: Final = {
    "charge_invoice after 1 commit",
    "void_invoice after 1 commit",
    "void_invoice before 2 read",
    "void_invoice before 3 read",
    "void_invoice before 6 read",
}
TRIES: Final = 2
"""The first, and one after a day."""


async def test_a_debt_passes_exactly_these_points(stage: Stage, fates: Fates) -> None:
    retried, reminded, voided = await _owing(stage, 3)
    await stage.detach_card(reminded)
    before = {client: len(fates.passed(_workflow(client))) for client in (retried, reminded, voided)}
    await stage.void(voided, "p1")
    await stage.advance(days=1, hours=1)

    passed = {client: fates.passed(_workflow(client))[known:] for client, known in before.items()}
    met = {client: tuple(point for point in points if point not in SAME) for client, points in passed.items()}
    assert met == {retried: DECLINED + FINAL, reminded: REMINDED + FINAL, voided: VOIDED}


async def test_killed_where_one_side_knows_and_the_other_does_not(stage: Stage, fates: Fates) -> None:
    """Declined, and void, at Stripe alone; reminded, and past due, in the books alone. What is lost with the worker
    anywhere else is lost on both sides, or is done again as here."""
    retried, reminded, ended, voided = await _owing(stage, 4)
    await asyncio.gather(stage.detach_card(reminded), stage.detach_card(ended))
    fates.doom(_workflow(retried), "charge_invoice before 4 commit")
    fates.doom(_workflow(reminded), "remind after 1 commit")
    fates.doom(_workflow(ended), "take_final_action after 1 commit")
    fates.doom(_workflow(voided), "void_invoice before 5 read")

    await stage.void(voided, "p1")
    await stage.advance(days=1, hours=2)

    assert fates.doomed() == [], "the worker never came by"
    assert await stage.told(retried) == {"payment_failed": TRIES, "past_due": 1}
    await _is_past_due(stage, retried, tries=TRIES)
    for client in (reminded, ended):
        assert await stage.told(client) == {"payment_failed": 1, "card_needed": 1, "past_due": 1}
        await _is_past_due(stage, client, tries=1)
    assert await stage.told(voided) == {"payment_failed": 1}
    assert (await stage.bills(voided))["p1"].status == "void"
    assert await stage.status(voided) is Status.ACTIVE
    assert await _voided_at_stripe(stage) == 1


async def _owing(stage: Stage, number: int) -> list[Client]:
    """Clients whose first attempt was declined: one more will follow, after a day."""
    await stage.settings(dunning={"gaps_days": [1], "final_action": "past_due"})
    await stage.plan()
    return list(await asyncio.gather(*(stage.subscribe(card=FAILS) for _ in range(number))))


def _workflow(client: Client) -> str:
    return subscription_workflow_id(client.subscription)


async def _is_past_due(stage: Stage, client: Client, *, tries: int) -> None:
    """Each attempt reached the bank once, and the debt stands."""
    assert await stage.status(client) is Status.PAST_DUE
    assert (await stage.bills(client))["p1"].status == "open"
    assert [one.number for one in await stage.attempts(client)] == list(range(1, tries + 1))
    assert [charge["status"] for charge in await stage.charges(client)] == ["failed"] * tries


async def _voided_at_stripe(stage: Stage) -> int:
    account = (await stage.agency.get("/v1/agency/stripe"))["account_id"]
    books: list[Json] = (await stage.control.get("/books"))["accounts"]
    own = next(one for one in books if one["account"] == account)
    return len([invoice for invoice in own["invoices"] if invoice["status"] == "void"])
