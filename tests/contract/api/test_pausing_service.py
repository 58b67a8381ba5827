"""What an agency orders of service that is to stop for a while: pause, take that back, resume."""

from support.http import refused
from support.tenant import PAYS, Tenant, subscription_of


async def test_a_pause_at_period_end_is_agreed_and_taken_back(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    path = subscription_of(client)
    agreed = await tenant.api.post(f"{path}/pause", None)
    assert (agreed["status"], agreed["pause_at"], agreed["cancel_at"]) == (
        "active",
        agreed["current_period"]["end"],
        None,
    )
    assert {**await tenant.live(client), "as_of": ""} == {**agreed, "as_of": ""}
    schedule = (await tenant.api.get(f"{path}/schedule"))["data"]
    assert [one["action"] for one in schedule] == ["pause", "close_period", "issue_invoice"]
    for command, code in (("pause", "pause_pending"), ("resume", "not_paused")):
        with refused(409, code):
            await tenant.api.post(f"{path}/{command}", None)
    with refused(409, "no_pending_cancel"):
        await tenant.api.delete(f"{path}/cancel")
    assert (await tenant.api.delete(f"{path}/pause"))["pause_at"] is None
    with refused(409, "no_pending_pause"):
        await tenant.api.delete(f"{path}/pause")


async def test_a_cancellation_goes_before_a_pause(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    path = subscription_of(client)
    await tenant.api.post(f"{path}/pause", None)
    agreed = await tenant.api.post(f"{path}/cancel", {"at": "period_end"})
    assert (agreed["pause_at"], agreed["cancel_at"]) == (None, agreed["current_period"]["end"])
    with refused(409, "cancel_pending"):
        await tenant.api.post(f"{path}/pause", None)


async def test_what_is_over_is_neither_paused_nor_resumed(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    path = subscription_of(client)
    await tenant.api.post(f"{path}/cancel", {"at": "now", "forgive": "all"})
    for command in ("pause", "resume"):
        with refused(409, "already_cancelled"):
            await tenant.api.post(f"{path}/{command}", None)


async def test_what_awaits_its_first_card_can_not_be_paused(tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, start="first_card")
    await tenant.running(client)
    with refused(409, "not_started"):
        await tenant.api.post(f"{subscription_of(client)}/pause", None)


async def test_pausing_stands_in_the_trail_with_who_ordered_it(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    await tenant.api.post(f"{subscription_of(client)}/pause", None)
    await tenant.api.delete(f"{subscription_of(client)}/pause")
    trail = (await tenant.api.get("/v1/agency/audit", client_id=client))["data"]
    orders = [(one["what"], one["who"]) for one in trail if one["what"].startswith("Pause")]
    assert orders == [("PauseUndone", "agency:somebody"), ("PauseRequested", "agency:somebody")]
