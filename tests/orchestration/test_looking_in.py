"""Looking at a running workflow: its queries, and what it can be found by."""

from support.sights import on_time
from support.stage import DAY, FAILS, GRACE, HOUR, PAYS, Stage

from workflows.messages import AGENCY_ATTRIBUTE, PERIOD_END_ATTRIBUTE, STATUS_ATTRIBUTE, subscription_workflow_id


async def test_status_says_what_is_waited_for_and_schedule_everything_that_comes(stage: Stage) -> None:
    client = await stage.subscribe(card=FAILS)
    failed_at = (await stage.attempts(client))[0].at
    end = (await stage.periods(client))[0].end

    view = await stage.view(client)
    assert (view.next_at, view.why) == (failed_at + 3 * DAY, "retry 1 of 3")
    assert on_time(stage.now(), view.now)
    items = (await stage.schedule(client)).items
    assert [(item.at, item.action, item.amount) for item in items] == [
        (failed_at + 3 * DAY, "retry", 4900),
        (failed_at + 8 * DAY, "retry", 4900),
        (failed_at + 15 * DAY, "retry", 4900),
        (failed_at + 15 * DAY, "final_action", None),
        (end + HOUR, "close_period", None),
        (end + HOUR, "issue_invoice", 4900),
    ]

    # The agency's API says the same, by the workflow's own word.
    said = await stage.agency.get(f"{client.path}/schedule")
    assert (said["source"], [item["action"] for item in said["data"]]) == ("workflow", [item.action for item in items])
    shown = await stage.shown(client)
    assert (shown["source"], shown["status"], shown["ladder"]["attempts_left"]) == ("workflow", "active", 3)

    # What was announced is what happens.
    await stage.to(end + GRACE)
    tried = await stage.attempts(client)
    assert all(on_time(t.at, item.at) for t, item in zip(tried[1:], items, strict=False))
    assert on_time((await stage.bills(client))["p2"].issued_at, end + HOUR)


async def test_a_workflow_is_found_by_agency_status_and_the_end_of_its_period(stage: Stage) -> None:
    failing, waiting = await stage.subscribe(card=FAILS), await stage.assign(await stage.client(), start="first_card")
    await stage.rest()

    async def found(*conditions: str) -> set[str]:
        query = " AND ".join((f'{AGENCY_ATTRIBUTE} = "{stage.agency_id}"', *conditions))
        return {run.id async for run in stage.sandbox.temporal.list_workflows(query)}

    first, second = (subscription_workflow_id(client.subscription) for client in (failing, waiting))
    running = 'ExecutionStatus = "Running"'
    assert await found(running) == {first, second}
    assert await found(running, f'{STATUS_ATTRIBUTE} = "active"') == {first}
    assert await found(running, f'{STATUS_ATTRIBUTE} = "awaiting_card"') == {second}
    assert await found(running, f"{PERIOD_END_ATTRIBUTE} IS NULL") == {second}

    await stage.type_card(waiting, PAYS)
    end = (await stage.periods(waiting))[0].end
    soon = f'{PERIOD_END_ATTRIBUTE} < "{(end + DAY).isoformat()}"'
    assert await found(running, f'{STATUS_ATTRIBUTE} = "active"', soon) == {first, second}

    await stage.advance(days=16)
    assert await found(running, f'{STATUS_ATTRIBUTE} = "past_due"') == {first}
    await stage.to(end + GRACE)
    assert await found(running, soon) == set(), "a new period has another end"
    await stage.cancel(waiting, at="now", forgive="all")
    await stage.advance(hours=2)
    assert await found(running) == {first}
