"""A spend cap and the usage levels through a boundary, on the real server (billing-rules 9)."""

from support.stage import GRACE, HOUR, Stage

BLOCK = {"amount": {"amount": 1400, "currency": "usd"}, "action": "block"}


async def test_a_cap_that_is_raised_blocks_no_more_and_the_next_period_reaches_it_anew(stage: Stage) -> None:
    client = await stage.subscribe()
    await stage.agency.patch(client.path, {"spend_cap": BLOCK})
    first = (await stage.periods(client))[0]

    async def service() -> tuple[bool, str | None]:
        said = await stage.service.get(f"/v1/usage/clients/{client.id}")
        return said["blocked"], said["reason"]

    await stage.to(first.end - HOUR)
    for minutes, reason in ((399, None), (212, None), (1, "cap_reached")):
        await stage.call(client, minutes=minutes)
        assert await service() == (reason is not None, reason)
    raised = {"amount": {"amount": 5000, "currency": "usd"}, "action": "block"}
    await stage.agency.patch(client.path, {"spend_cap": raised})
    assert await service() == (False, None)
    await stage.call(client, minutes=1)
    await stage.agency.patch(client.path, {"spend_cap": BLOCK})
    assert await service() == (True, "cap_reached")

    # The cap is on what a period costs: it stays, and the next one has cost nothing yet. What was served is billed.
    await stage.to(first.end + GRACE)
    assert await service() == (False, None)
    assert (await stage.bills(client))["p2"].lines == (("price", 4900), ("overage", 1413))
    await stage.call(client, minutes=612)
    assert await service() == (True, "cap_reached")

    await stage.rest()
    for audience in ("agency", "client"):
        told = await stage.told(client, audience)
        assert (told["usage_alert"], told["cap_reached"]) == (4, 2)
    mails = [mail["subject"] for mail in (await stage.control.get("/mail", client_id=client.id))["data"]]
    assert mails.count("Your spend cap with Bright Voice is reached") == 2
