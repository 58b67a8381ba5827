"""The states that a client's billing page can be in: how each comes about, and what the page then says."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeAlias

from billing.debt import CARD_CAP
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


async def past_due_without_a_good_card(stage: Stage) -> Client:
    client = await stage.subscribe(behaviour="insufficient_funds")
    await stage.advance(days=3)
    await stage.behave(client, "lost_card")
    for days in (5, 7):
        await stage.advance(days=days)
    return client


async def tried_too_often(stage: Stage) -> Client:
    client = await stage.subscribe(behaviour="insufficient_funds")
    for _ in range(CARD_CAP - 1):
        await stage.pay_now(client, "p1")
    return client


async def frozen(stage: Stage) -> Client:
    client = await stage.subscribe(behaviour="insufficient_funds")
    await stage.account("restrict")
    return client


async def unpaid_pause(stage: Stage) -> Client:
    await stage.settings(dunning={"gaps_days": [3], "final_action": "pause"})
    client = await stage.subscribe(behaviour="insufficient_funds")
    await stage.advance(days=3)
    return client


async def pausing(stage: Stage) -> Client:
    client = await stage.subscribe()
    await stage.pause(client)
    return client


async def paused_in_debt(stage: Stage) -> Client:
    client = await stage.subscribe()
    await stage.behave(client, "insufficient_funds")
    await stage.call(client, 612)
    await stage.pause(client)
    await stage.to(await end_of_period(stage, client) + GRACE)
    return client


async def starting_later(stage: Stage) -> Client:
    return await stage.assign(await stage.client(), starts_at=stage.now() + 9 * DAY)


async def billed_by_hand(stage: Stage) -> Client:
    client = await stage.assign(await stage.client(), collection="manual")
    await stage.rest()
    await stage.call(client, 612)
    return client


async def sent_and_overdue(stage: Stage) -> Client:
    client = await stage.client()
    await stage.send_invoice(client, 15000, days_until_due=14)
    await stage.advance(days=15)
    return client


async def end_of_period(stage: Stage, client: Client) -> datetime:
    return datetime.fromisoformat((await stage.agency.get(client.path))["current_period"]["end"])


STATES: Final[dict[State, tuple[str, ...]]] = {
    nothing_yet: ("You have no plan at present", "There are no invoices yet"),
    awaiting_a_card: ("Please enter a card", "Your plan starts as soon as there is a card", "Waiting for a card"),
    all_is_well: ("Active", "612 of 500 minutes", "122%", "$14.00", "Visa •••• 4242"),
    failed: ("Your payment of $49.00 failed", "in 3 days", "3 attempts are left", "Pay now"),
    without_a_good_card: ("Your payment of $49.00 failed", "This card is not tried again", "Please enter another card"),
    past_due: ("$49.00 is past due", "All automatic attempts are used up", "Please pay now"),
    past_due_without_a_good_card: ("$49.00 is past due", "This card is not tried again", "Please enter another card"),
    tried_too_often: ("Your payment of $49.00 failed", "tried as often as is allowed in 30 days"),
    frozen: ("Your payment of $49.00 failed", "Bright Voice can't take payments just now"),
    to_be_confirmed: ("Your bank wants you to confirm the payment of $49.00", "Pay now"),
    without_a_card: ("A card is needed to pay $49.00", "Enter a card"),
    being_checked: ("Your payment of $49.00 is being checked", "you will not be charged twice"),
    paused: ("Your service is paused", "To go on, please ask Bright Voice"),
    paused_in_debt: ("Your service is paused, and $14.00 is unpaid", "To go on, please ask Bright Voice", "in 3 days"),
    unpaid_pause: ("Your service is paused: $49.00 is unpaid", "It goes on by itself once the open invoice is paid"),
    pausing: ("Active", "Bright Voice pauses your service on"),
    starting_later: ("Not started", "Your plan starts on"),
    billed_by_hand: ("from Bright Voice itself", "which needs no card here", "its bills are not listed here"),
    sent_and_overdue: ("Overdue", "due ", "Pay"),
    cancelled: ("Cancelled", "The plan has ended"),
    leaving: ("Active", "The plan is cancelled and ends on"),
    on_trial: ("Trial ends", "nothing in the trial"),
    expiring: ("Your card expires before the next payment", "Update card"),
}
