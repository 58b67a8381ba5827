"""The states that a client's billing page can be in: how each comes about, and what the page then says."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeAlias

from support.sights import Client
from support.stage import DAY, FAILS, GRACE, PAYS, Stage

State: TypeAlias = Callable[[Stage], Awaitable[Client]]


async def nothing_yet(stage: Stage) -> Client:
    return await stage.client()


async def awaiting_a_card(stage: Stage) -> Client:
    return await stage.assign(await stage.client(), start="first_card")


async def all_is_well(stage: Stage) -> Client:
    client = await stage.subscribe()
    for minutes in (90, 140, 122, 160, 100):
        await stage.advance(days=1)
        await stage.call(client, minutes)
    return client


async def failed(stage: Stage) -> Client:
    return await stage.subscribe(card=FAILS)


async def to_be_confirmed(stage: Stage) -> Client:
    return await stage.subscribe(behaviour="needs_authentication")


async def without_a_card(stage: Stage) -> Client:
    return await stage.subscribe(card=None)


async def being_checked(stage: Stage) -> Client:
    return await stage.subscribe(behaviour="processing")


async def paused(stage: Stage) -> Client:
    client = await stage.subscribe()
    await stage.pause(client)
    await stage.to(await end_of_period(stage, client) + GRACE)
    return client


async def cancelled(stage: Stage) -> Client:
    client = await stage.subscribe()
    await stage.cancel(client, "now")
    await stage.rest()
    return client


async def leaving(stage: Stage) -> Client:
    client = await stage.subscribe()
    await stage.cancel(client)
    return client


async def on_trial(stage: Stage) -> Client:
    return await stage.assign(await stage.client(), trial_days=14)


async def expiring(stage: Stage) -> Client:
    client = await stage.client()
    client = await stage.assign(client, start="first_card")
    this_month = stage.now()
    await stage.type_card(client, PAYS, exp_month=this_month.month, exp_year=this_month.year)
    await stage.to(await end_of_period(stage, client) - 5 * DAY)
    return client


async def past_due(stage: Stage) -> Client:
    client = await stage.subscribe(behaviour="insufficient_funds")
    for days in (3, 5, 7):
        await stage.advance(days=days)
    return client


async def without_a_good_card(stage: Stage) -> Client:
    return await stage.subscribe(behaviour="lost_card")


async def end_of_period(stage: Stage, client: Client) -> datetime:
    return datetime.fromisoformat((await stage.agency.get(client.path))["current_period"]["end"])


STATES: Final[dict[State, tuple[str, ...]]] = {
    nothing_yet: ("You have no plan at present", "There are no invoices yet"),
    awaiting_a_card: ("Please enter a card", "Your plan starts as soon as there is a card", "Waiting for a card"),
    all_is_well: ("Active", "612 of 500 minutes", "122%", "$14.00", "Visa •••• 4242"),
    failed: ("Your payment of $49.00 failed", "in 3 days", "3 attempts are left", "Pay now"),
    without_a_good_card: ("Your payment of $49.00 failed", "This card is not tried again", "Please enter another card"),
    past_due: ("$49.00 is past due", "Past due", "Pay now"),
    to_be_confirmed: ("Your bank wants you to confirm the payment of $49.00", "Pay now"),
    without_a_card: ("A card is needed to pay $49.00", "Enter a card"),
    being_checked: ("Your payment of $49.00 is being checked", "you will not be charged twice"),
    paused: ("Your service is paused", "ask Bright Voice"),
    cancelled: ("Cancelled", "The plan has ended"),
    leaving: ("Active", "The plan is cancelled and ends on"),
    on_trial: ("Trial ends",),
    expiring: ("Your card expires before the next payment", "Update card"),
}
