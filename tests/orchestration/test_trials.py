"""Trials on the real server: what is told of them, what they cost, and what comes after (billing-rules 7)."""

from support.sights import Client, on_time
from support.stage import DAY, GRACE, HOUR, MINUTE, PAYS, Stage, refusal

from billing.state import Status

DAYS = 14
MAX = {"price": 9900}


async def in_trial(stage: Stage, card: str | None, days: int = DAYS) -> Client:
    """A client whose trial has just begun."""
    client = await stage.assign(await stage.client(), trial_days=days)
    if card:
        await stage.type_card(client, card)
    return client


async def announced(stage: Stage, client: Client) -> list[str]:
    mails = (await stage.control.get("/mail", client_id=client.id))["data"]
    return [mail["subject"] for mail in mails if "trial" in mail["subject"]]


async def test_from_the_trial_over_its_announcement_to_the_first_charge_or_to_nothing(stage: Stage) -> None:
    paying, cardless, leaving, gone = [await in_trial(stage, card) for card in (PAYS, None, None, None)]
    trial = (await stage.state(paying)).trial
    assert trial is not None
    assert trial.end - trial.start == DAYS * DAY

    # What is used in it, and what is asked for in it.
    during = await stage.call(paying, minutes=612)
    assert await stage.unbilled(during) == "trial"
    assert await refusal(stage.pause(paying)) == "not_started"
    await stage.advance(days=2)
    larger = {"plan_id": await stage.plan(**MAX)}  # type: ignore[arg-type]
    preview = await stage.agency.post(f"{paying.path}/plan-changes", {**larger, "preview": True})
    await stage.agency.post(f"{paying.path}/plan-changes", larger)
    await stage.cancel(leaving)
    await stage.undo_cancel(leaving)
    said = await stage.cancel(leaving)
    assert (said["status"], said["cancel_at"]) == ("trialing", said["trial_end"])
    assert (await stage.cancel(gone, at="now"))["status"] == "cancelled"
    await stage.rest()
    assert await stage.finished(gone)

    # Three days before its end those are told whom it concerns, with and without a card.
    await stage.to(trial.end - 3 * DAY + HOUR)
    for client in (paying, cardless):
        assert await announced(stage, client) == ["Your trial with Bright Voice ends soon"]
        assert await stage.told(client) == await stage.told(client, "client") == {"trial_ending": 1}
    assert await announced(stage, leaving) == await announced(stage, gone) == []
    banner = await stage.banner(cardless)
    assert banner is not None
    assert (banner["kind"], banner["open_invoices"]) == ("no_payment_method", 0)
    assert await stage.banner(paying) is None

    # At its end the first price is charged, or waits for a card; who left owes nothing.
    await stage.to((await stage.periods(cardless))[0].start + MINUTE)
    (tried,) = await stage.attempts(paying)
    assert on_time(tried.at, trial.end)
    assert (await stage.bills(paying))["p1"].lines == (("price", preview["total"]["amount"]),)
    assert await stage.paid(paying) == [9900]
    assert (await stage.statuses(cardless), await stage.attempts(cardless)) == ({"p1": "open"}, [])
    await stage.type_card(cardless, PAYS)
    assert await stage.paid(cardless) == [4900]
    for client in (leaving, gone):
        assert await stage.status(client) is Status.CANCELLED
        assert (await stage.bills(client), await stage.charges(client)) == ({}, [])
    assert await stage.finished(leaving)

    # And what was used in the trial stays free.
    first = (await stage.periods(paying))[0]
    await stage.to(first.end + GRACE)
    assert (await stage.bills(paying))["p2"].lines == (("price", 9900),)
    assert await stage.unbilled(during) == "trial"


async def test_a_trial_ends_while_the_account_is_frozen_and_its_first_invoice_waits(stage: Stage) -> None:
    client = await in_trial(stage, PAYS, days=5)
    trial = (await stage.state(client)).trial
    assert trial is not None
    await stage.advance(days=1)
    await stage.account("restrict")
    await stage.to(trial.end + HOUR)
    state = await stage.state(client)
    assert (state.status, state.anchor) == (Status.ACTIVE, trial.end)
    assert await stage.bills(client) == {}
    assert await stage.told(client, "client") == {}, "clients are not written to"

    await stage.account("restore")
    await stage.advance(hours=1, minutes=1)
    assert (await stage.paid(client), await announced(stage, client)) == ([4900], [])
    assert (await stage.periods(client))[0].start == trial.end
    await stage.check()
