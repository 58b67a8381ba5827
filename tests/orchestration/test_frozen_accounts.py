"""An agency's account is restricted in the middle of a ladder, and restored, on the real server (billing-rules 8)."""

from support.sights import on_time
from support.stage import DAY, FAILS, GRACE, HOUR, MINUTE, Stage, refusal

from billing.freezing import THAW_SPREAD, place_in_thaw
from billing.state import Status


async def test_restricted_in_the_middle_of_a_ladder_and_restored(stage: Stage) -> None:
    owing, well = await stage.subscribe(card=FAILS), await stage.subscribe()
    await stage.advance(days=1)
    before = await stage.state(owing)
    told = await stage.told(owing, "client")

    frozen_at = stage.now()
    assert (await stage.account("restrict"))["state"] == "restricted"
    for client in (owing, well):
        state = await stage.state(client)
        assert [freeze.cause for freeze in state.freezes] == ["restricted"]
        assert abs(state.freezes[0].since - frozen_at) < MINUTE
        assert state.status is Status.ACTIVE, "people see the state before"
    assert await refusal(stage.pay_now(owing, "p1")) == "agency_frozen"
    assert await refusal(stage.retry(owing)) == "agency_frozen"
    assert await refusal(stage.void(owing, "p1")) == "agency_frozen"
    assert await refusal(stage.assign(await stage.client())) == "agency_frozen"
    schedule = await stage.agency.get(f"{owing.path}/schedule")
    assert schedule["data"][0]["action"] == "frozen"
    assert "waits for the account to be restored" in schedule["data"][0]["detail"]

    # Past the ladder's first date and past a boundary: periods go on, and nothing else does.
    end = (await stage.periods(well))[0].end
    await stage.to(end + GRACE)
    for client in (owing, well):
        assert [period.seconds is not None for period in await stage.periods(client)] == [True, False]
        assert list(await stage.bills(client)) == ["p1"]
        assert len(await stage.charges(client)) == 1
    assert await stage.told(owing, "client") == told, "clients are not written to"
    assert await stage.told_agency() == ["account_frozen"]

    since, thawed_at = (await stage.state(owing)).freezes[0].since, stage.now()
    assert (await stage.account("restore"))["state"] == "active"
    after = await stage.state(owing)
    assert before.ladder
    assert before.ladder.next_at
    assert after.ladder
    assert after.ladder.next_at
    moved = after.ladder.next_at - before.ladder.next_at
    assert after.freezes == ()
    assert abs(moved - (thawed_at - since)) < MINUTE
    assert list(await stage.bills(well)) == ["p1"], "what waited takes its place in the hour after the thaw"

    await stage.advance(hours=1, minutes=1)
    assert await stage.told_agency() == ["account_frozen", "account_restored"]
    for client in (owing, well):
        issued = (await stage.bills(client))["p2"].issued_at
        assert issued
        assert abs(issued - (thawed_at + place_in_thaw(client.subscription))) < MINUTE
        assert issued - thawed_at < THAW_SPREAD + MINUTE
    assert await stage.statuses(well) == {"p1": "paid", "p2": "paid"}

    await stage.to(after.ladder.next_at + HOUR)
    tried = await stage.attempts(owing)
    assert [(t.invoice, t.number, t.origin) for t in tried] == [("p1", 1, "issue"), ("p1", 2, "ladder")]
    assert on_time(tried[1].at, after.ladder.next_at)
    assert [what for what in await stage.timeline(owing) if what.startswith("account_")] == [
        "account_frozen",
        "account_thawed",
    ]


async def test_a_tier_that_falls_stops_at_the_end_of_the_period_and_goes_on_when_it_is_raised(stage: Stage) -> None:
    client = await stage.subscribe()
    end = (await stage.periods(client))[0].end
    await stage.by_platform(tier="starter")
    assert await refusal(stage.assign(await stage.client())) == "billing_not_available"
    assert [freeze.since for freeze in (await stage.state(client)).freezes] == [end]

    await stage.to(end + GRACE + DAY)
    assert list(await stage.bills(client)) == ["p1"]
    shown = await client.portal.get("/v1/portal/billing")
    assert shown["subscription"]["status"] == "active"
    assert len((await client.portal.get("/v1/portal/billing/invoices"))["data"]) == 1, "it stays reachable"

    await stage.by_platform(tier="growth")
    await stage.advance(hours=1, minutes=1)
    assert await stage.statuses(client) == {"p1": "paid", "p2": "paid"}
    assert await stage.told_agency() == ["tier_lowered", "tier_raised"]
