"""A dispute on the real server: the card rests until the agency's word, whatever the client is billed for."""

from typing import Any

from support.stage import GRACE, Stage

from billing.state import Status
from tests.orchestration.test_custom_invoices import make, shown


async def detail(stage: Stage, invoice: str) -> dict[str, Any]:
    found: dict[str, Any] = await stage.agency.get(f"/v1/agency/invoices/{invoice}")
    return found


async def test_a_disputed_card_is_left_alone_until_the_agency_retries_and_what_is_lost_is_lost(stage: Stage) -> None:
    client = await stage.subscribe()
    await stage.in_dashboard(client, "p1", "dispute")
    await stage.rest()

    invoice = await detail(stage, client.invoice("p1"))
    assert (invoice["status"], invoice["disputed"]) == ("paid", True)
    assert [(one["status"], one["amount"]["amount"]) for one in invoice["disputes"]] == [("open", 4900)]

    # A custom invoice that is made afterwards knows it, too: a reminder instead of an attempt.
    custom = await make(stage, client, collection="charge")
    assert await stage.attempts(custom) == []
    assert [one["why"] for one in (await shown(stage, custom))["skipped_attempts"]] == ["disputed"]

    await stage.to((await stage.periods(client))[0].end + GRACE)
    assert [why for _, why in await stage.skipped(client)] == ["disputed"]
    assert await stage.paid(client) == [4900]

    await stage.in_dashboard(client, "p1", "dispute_lost")
    await stage.rest()
    state = await stage.state(client)
    assert ([one.id for one in state.debt], state.status) == ([client.invoice("p2")], Status.ACTIVE)
    assert (await detail(stage, client.invoice("p1")))["disputes"][0]["status"] == "lost"
    assert (await stage.told(client))["disputed"] == 2
    assert len(await stage.attempts(client)) == 1, "that it is over is no word of the agency's"

    await stage.retry(client)
    await stage.rest()
    assert (await stage.statuses(client), (await stage.state(client)).debt) == ({"p1": "paid", "p2": "paid"}, ())
    # The agency's word is of the card: the other invoice knows it, and one that is made now is tried at once.
    assert [one.lifted for one in (await stage.state(custom)).disputed] == [True]
    assert len(await stage.attempts(await make(stage, client, collection="charge"))) == 1
    await stage.check()
