"""A pause by the agency and its resume, on the real server (billing-rules 7)."""

from support.sights import on_time
from support.stage import DAY, GRACE, HOUR, MINUTE, Stage, refusal

from billing.state import Status


async def test_paused_at_period_end_and_resumed_then_paused_and_resumed_before_the_close(stage: Stage) -> None:
    await stage.settings(usage_grace_minutes=180)
    client = await stage.subscribe()
    first = (await stage.periods(client))[0]
    await stage.pause(client)
    assert await refusal(stage.pause(client)) == "pause_pending"
    await stage.undo_pause(client)
    await stage.pause(client)
    await stage.call(client, minutes=612)

    # From the boundary on it is paused, though the period closes a grace later.
    await stage.to(first.end + 5 * MINUTE)
    shown = await stage.shown(client)
    assert (shown["status"], shown["paused_reason"]) == ("paused", "agency")
    during = await stage.call(client, minutes=30)
    assert await stage.unbilled(during) == "paused"
    service = await stage.service.get(f"/v1/usage/clients/{client.id}")
    assert (service["blocked"], service["reason"]) == (True, "paused")
    await stage.to(first.end + 3 * HOUR + GRACE)
    assert await stage.paid(client) == [4900, 1400]
    await stage.to(first.end + 9 * DAY)
    assert await stage.status(client) is Status.PAUSED

    asked_at = stage.now()
    said = await stage.resume(client)
    await stage.rest()
    second = (await stage.periods(client))[1]
    assert said["status"] == "active"
    assert on_time(second.start, asked_at)
    assert await stage.unbilled(during) == "paused"
    assert await stage.paid(client) == [4900, 1400, 4900]

    # Resumed in the usage grace: what is reported later of the paused period is late, and billed with the next.
    await stage.pause(client)
    await stage.to(second.end + 30 * MINUTE)
    asked_at = stage.now()
    assert (await stage.resume(client))["status"] == "active"
    await stage.rest()
    third = (await stage.periods(client))[2]
    assert on_time(third.start, asked_at)
    await stage.call(client, minutes=510, at=second.end - MINUTE)
    await stage.to(third.end + 3 * HOUR + GRACE)
    assert {short: bill.lines for short, bill in (await stage.bills(client)).items()} == {
        "p1": (("price", 4900),),
        "f1": (("overage", 1400),),
        "p2": (("price", 4900),),
        "f2": (),
        "p3": (("price", 4900),),
        "p4": (("price", 4900), ("late_calls", 125)),
    }
