"""Cards and the ladder: a new one, the same again, none, one that the bank forbids, one whose holder must act."""

from support.sights import gaps, on_time
from support.stage import ANOTHER_THAT_PAYS, DAY, FAILS, GRACE, PAYS, Stage, refusal

from billing.state import Status


async def test_a_new_card_is_tried_at_once_at_every_point_of_the_ladder(stage: Stage) -> None:
    points = {"before retry 1": 1, "before retry 2": 5, "before retry 3": 10, "past due": 16}
    clients = [await stage.subscribe(card=FAILS) for _ in points]
    start = stage.now()

    for retries, (client, day) in enumerate(zip(clients, points.values(), strict=True)):
        await stage.to(start + day * DAY)
        await stage.type_card(client, PAYS)
        tried = await stage.attempts(client)
        assert [t.origin for t in tried] == ["issue", *["ladder"] * retries, "new_card"]
        assert (tried[-1].result, tried[-1].last4) == ("paid", "4242")
        assert on_time(stage.now(), tried[-1].at)

    await stage.to(start + 20 * DAY)
    for retries, client in enumerate(clients):
        assert len(await stage.attempts(client)) == retries + 2, "nothing is tried once all is paid"
        assert await stage.paid(client) == [4900]
        state = await stage.state(client)
        assert (state.status, state.ladder) == (Status.ACTIVE, None)


async def test_a_declined_new_card_uses_up_no_retry_and_the_same_card_again_is_no_new_one(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    await stage.advance(days=1)

    await stage.type_card(client, FAILS, exp_year=2049)
    assert [(t.origin, t.result) for t in await stage.attempts(client)] == [
        ("issue", "declined"),
        ("new_card", "declined"),
    ]
    await stage.type_card(client, FAILS, exp_year=2049)
    assert len(await stage.attempts(client)) == 2

    await stage.advance(days=3)
    tried = await stage.attempts(client)
    assert [t.origin for t in tried] == ["issue", "new_card", "ladder"]
    assert gaps([tried[0].at, tried[2].at]) == [3 * DAY]


async def test_a_card_that_stripe_updates_itself_is_a_new_one(stage: Stage) -> None:
    client = await stage.subscribe(behaviour="do_not_honor")
    await stage.behave(client, "pays")

    await stage.sandbox.emulator.tell(f"cards/{await stage.customer(client)}/update", {"exp_year": 2051})
    await stage.rest()

    assert [(t.origin, t.result) for t in await stage.attempts(client)] == [("issue", "declined"), ("new_card", "paid")]


async def test_a_hard_declined_card_is_never_tried_again(stage: Stage) -> None:
    client = await stage.subscribe(behaviour="lost_card")
    assert [t.result for t in await stage.attempts(client)] == ["declined"]

    assert await refusal(stage.pay_now(client, "p1")) == "new_card_required"
    assert await refusal(stage.retry(client)) == "new_card_required"
    await stage.advance(days=15, hours=1)

    # The dates stayed, as reminders and as the deadline.
    failed_at = (await stage.attempts(client))[0].at
    skipped = await stage.skipped(client)
    assert [why for _, why in skipped] == ["hard_decline"] * 3
    assert gaps([failed_at, *(at for at, _ in skipped)]) == [3 * DAY, 5 * DAY, 7 * DAY]
    assert await stage.status(client) is Status.PAST_DUE
    assert len(await stage.charges(client)) == 1

    await stage.type_card(client, ANOTHER_THAT_PAYS)
    assert await stage.paid(client) == [4900]
    assert await stage.status(client) is Status.ACTIVE


async def test_a_card_that_was_declined_hard_is_not_tried_by_the_clients_next_subscription_either(stage: Stage) -> None:
    client = await stage.subscribe(behaviour="lost_card")
    await stage.cancel(client, "now")
    await stage.rest()

    again = await stage.assign(client)
    await stage.rest()
    assert await stage.attempts(again) == []
    assert len(await stage.charges(client)) == 1, "of all subscriptions"
    assert await refusal(stage.pay_now(again, "p1")) == "new_card_required"

    await stage.type_card(again, ANOTHER_THAT_PAYS)
    assert await stage.paid(again) == [4900, 4900], "the new card pays what both left open"


async def test_a_card_whose_holder_must_act_waits_for_the_holder_and_is_tried_again_next_period(stage: Stage) -> None:
    client = await stage.subscribe(behaviour="needs_authentication")
    assert [t.result for t in await stage.attempts(client)] == ["action_required"]
    banner = await stage.banner(client)
    assert banner
    assert banner["kind"] == "action_required"

    await stage.advance(days=3, hours=1)
    assert [why for _, why in await stage.skipped(client)] == ["customer_must_act"]
    assert len(await stage.charges(client)) == 1

    said = await stage.on_hosted_page(client, "p1", "authenticate")
    await stage.rest()
    assert said["status"] == "paid"
    state = await stage.state(client)
    assert (state.status, state.debt, state.ladder) == (Status.ACTIVE, (), None)
    assert await stage.statuses(client) == {"p1": "paid"}

    await stage.behave(client, "pays")
    await stage.to((await stage.periods(client))[0].end + GRACE)
    assert [(t.invoice, t.result) for t in await stage.attempts(client)][-1] == ("p2", "paid")


async def test_without_a_card_the_invoice_is_pending_and_a_saved_card_is_tried_at_once(stage: Stage) -> None:
    client = await stage.subscribe(card=None)
    issued_at = (await stage.bills(client))["p1"].issued_at
    assert await stage.invoice_words(client) == {"p1": "pending"}
    banner = await stage.banner(client)
    assert banner
    assert banner["kind"] == "no_payment_method"
    assert await refusal(stage.pay_now(client, "p1")) == "no_payment_method"

    await stage.advance(days=15, hours=1)

    assert issued_at
    skipped = await stage.skipped(client)
    assert [why for _, why in skipped] == ["no_card"] * 4
    assert gaps([issued_at, *(at for at, _ in skipped[1:])]) == [3 * DAY, 5 * DAY, 7 * DAY]
    assert await stage.attempts(client) == []
    assert await stage.status(client) is Status.PAST_DUE
    assert await stage.invoice_words(client) == {"p1": "pending"}, "nothing was tried, so nothing failed"

    await stage.type_card(client, PAYS)
    tried = await stage.attempts(client)
    assert [(t.origin, t.result) for t in tried] == [("new_card", "paid")]
    assert on_time(stage.now(), tried[0].at)
    assert await stage.status(client) is Status.ACTIVE


async def test_a_detached_card_is_no_failure(stage: Stage) -> None:
    client = await stage.subscribe()
    await stage.detach_card(client)
    assert (await stage.state(client)).card is None

    await stage.to((await stage.periods(client))[0].end + GRACE)

    assert [t.invoice for t in await stage.attempts(client)] == ["p1"]
    assert await stage.invoice_words(client) == {"p1": "paid", "p2": "pending"}
    assert (await stage.told(client, "client"))["card_needed"] == 1
    await stage.type_card(client, PAYS)
    assert await stage.paid(client) == [4900, 4900]


async def test_no_card_is_tried_more_than_ten_times_in_thirty_days(stage: Stage) -> None:
    await stage.settings(dunning={"gaps_days": [1] * 8})
    client = await stage.subscribe(card=FAILS)
    for _ in range(5):
        await stage.pay_now(client, "p1")
    assert len(await stage.attempts(client)) == 6

    await stage.advance(days=8, hours=1)

    tried = await stage.attempts(client)
    assert [t.origin for t in tried] == ["issue", *["pay_now"] * 5, *["ladder"] * 4]
    assert [why for _, why in await stage.skipped(client)] == ["card_limit"] * 4
    assert await refusal(stage.pay_now(client, "p1")) == "card_limit"
    assert await stage.status(client) is Status.PAST_DUE
    await stage.advance(days=22)
    assert (await stage.pay_now(client, "p1"))["status"] == "failed"


async def test_the_tries_of_a_card_are_counted_over_all_subscriptions_of_its_holder(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    for _ in range(6):
        await stage.pay_now(client, "p1")
    await stage.cancel(client, "now")

    again = await stage.assign(client)
    await stage.rest()
    for _ in range(2):
        await stage.pay_now(again, "p1")
    assert await refusal(stage.pay_now(again, "p1")) == "card_limit"

    # The debt of the cancelled one has dates of its own, and learns of the other's tries from the books.
    await stage.advance(days=4)
    assert len(await stage.attempts(client)) + len(await stage.attempts(again)) == 10
    assert (await stage.state(client)).parked == ()
    assert await refusal(stage.pay_now(client, "p1")) == "card_limit"
    assert [why for _, why in await stage.skipped(client)] == ["card_limit"]
    await stage.advance(days=5)
    assert [why for _, why in await stage.skipped(client)] == ["card_limit", "card_limit"]
