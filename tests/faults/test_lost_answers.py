"""Stripe does what it was asked and the answer never comes, or it stores a 500: for each write of issue and charge."""

import asyncio
from typing import Final

from support.dying_worker import Fates
from support.renewals import AMOUNT, about_to_renew, assert_renewed_once
from support.servers import Eventually
from support.stage import FAILS, HOUR, PAYS, SECOND, Stage

ISSUE: Final = ("invoices.create", "invoices.add_lines", "invoices.finalize_invoice")
WRITES: Final = (*ISSUE, "invoices.pay")
ANSWERED: Final = (
    "issue_invoice before 3 lines",
    "issue_invoice before 4 read",
    "issue_invoice before 6 commit",
    "charge_invoice before 3 commit",
)
"""Where the worker has just learned that something was done: created, filled, finalized, paid."""
AFTER_THE_KEYS: Final = 21 * HOUR
"""Later than a write is ever sent again under its first key."""


async def test_every_write_is_done_once_though_its_answer_was_lost(stage: Stage) -> None:
    await stage.plan()
    renewals = await asyncio.gather(*(about_to_renew(stage) for _ in WRITES))
    for call in WRITES:
        await stage.fault(call, "drop_answer")

    await stage.to(renewals[-1].settled)

    for renewal in renewals:
        await assert_renewed_once(stage, renewal)
        assert [(tried.number, tried.result) for tried in await stage.attempts(renewal.client)] == [(1, "paid")]
    # A finalized invoice shows that it is: it is not finalized again.
    assert await _replayed(stage) == {"invoices.create", "invoices.add_lines", "invoices.pay"}


async def test_a_stored_500_of_an_issue_is_stepped_over(stage: Stage) -> None:
    await stage.plan()
    renewals = await asyncio.gather(*(about_to_renew(stage) for _ in ISSUE))
    for call in ISSUE:
        await stage.fault(call, "error_500")

    await stage.to(renewals[-1].settled)

    for renewal in renewals:
        await assert_renewed_once(stage, renewal)
    assert await _replayed(stage) == set(ISSUE)


async def test_a_stored_500_of_a_charge_is_read_after_ten_minutes_and_tried_under_the_next_key(stage: Stage) -> None:
    renewal = await about_to_renew(stage)
    await stage.fault("invoices.pay", "error_500")

    await stage.to(renewal.settled)

    await assert_renewed_once(stage, renewal)
    attempts = await stage.attempts(renewal.client)
    assert [(tried.number, tried.result) for tried in attempts] == [(1, "not_made"), (2, "paid")]


async def test_a_charge_whose_key_was_pruned_at_once_is_read(stage: Stage) -> None:
    renewal = await about_to_renew(stage)
    await stage.fault("invoices.pay", "refuse")
    await stage.fault("invoices.pay", "drop_answer")
    await stage.to(renewal.boundary + HOUR + SECOND)
    assert await stage.paid(renewal.client) == [AMOUNT]
    assert [tried.result for tried in await stage.attempts(renewal.client)] == [None]

    await stage.fault("*", "prune_keys")
    await stage.to(renewal.settled)

    await assert_renewed_once(stage, renewal)
    assert [(tried.number, tried.result) for tried in await stage.attempts(renewal.client)] == [(1, "paid")]


async def test_what_was_done_before_the_keys_were_pruned_is_found_and_not_done_again(
    stage: Stage, fates: Fates, eventually: Eventually
) -> None:
    """Each time that the worker dies with an answer, the world goes on for 21 hours before another is there."""
    home = stage.sandbox.home
    await stage.plan()
    renewals = await asyncio.gather(*(about_to_renew(stage) for _ in ANSWERED))
    for renewal, point in zip(renewals, ANSWERED, strict=True):
        fates.doom(renewal.workflow, point)

    renewing = asyncio.create_task(stage.to(renewals[-1].settled))
    for deaths_to_come in reversed(range(len(ANSWERED))):
        await eventually(lambda left=deaths_to_come: _no_more_than(left, fates), seconds=60)
        await stage.fault("*", "prune_keys")
        home.write_offset(home.offset() + AFTER_THE_KEYS.total_seconds())
    await renewing
    await stage.advance(hours=1)

    for renewal in renewals:
        await assert_renewed_once(stage, renewal)
        customer = await stage.customer(renewal.client)
        accounts = (await stage.control.get("/books"))["accounts"]
        invoices = [i for account in accounts for i in account["invoices"] if i["customer"] == customer]
        assert [invoice["status"] for invoice in invoices] == ["paid"]


async def test_news_that_stripe_does_not_show_at_first_is_read_when_it_does(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.fault("invoices.retrieve", "error_500", times=5)

    await stage.on_hosted_page(client, "p1", "pay", number=PAYS)
    await stage.advance(hours=1)

    assert await stage.paid(client) == [4900]
    assert (await stage.timeline(client)).count("paid_elsewhere") == 1
    assert await stage.statuses(client) == {"p1": "paid"}


async def _no_more_than(deaths: int, fates: Fates) -> bool:
    return len(fates.doomed()) <= deaths


async def _replayed(stage: Stage) -> set[str]:
    """The writes that were sent again for this agency, and answered as they had been the first time."""
    account = (await stage.agency.get("/v1/agency/stripe"))["account_id"]
    requests = (await stage.sandbox.emulator.ask("requests?limit=2000"))["requests"]
    return {one["call"] for one in requests if one["account"] == account and one["replayed"]} & set(WRITES)
