"""Messages to the agency, as it reads them in the app (billing-rules 9)."""

from support.http import refused
from support.tenant import FAILS, Tenant

NOTIFICATIONS = "/v1/agency/notifications"


async def test_a_failed_payment_is_told_once_and_read_once(own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    invoice = await own.invoice(client)
    (told,) = (await own.api.get(NOTIFICATIONS))["data"]
    assert (told["kind"], told["client_id"], told["invoice_id"]) == ("payment_failed", client, invoice["id"])
    assert told["client_name"] == (await own.api.get(f"/v1/agency/clients/{client}"))["name"]
    assert (told["title"], told["read"]) == ("Payment failed", False)
    assert told["detail"].startswith("Your card was declined. Next date: ")
    assert told["at"] == invoice["attempts"][0]["settled_at"]
    assert (await own.api.get(NOTIFICATIONS, unread="true"))["data"] == [told]
    assert await own.api.get(f"{NOTIFICATIONS}/unread") == {"unread": 1}

    read = await own.api.post(f"{NOTIFICATIONS}/{told['id']}/read", {})
    assert read == {**told, "read": True}
    assert await own.api.post(f"{NOTIFICATIONS}/{told['id']}/read", {}) == read
    assert (await own.api.get(NOTIFICATIONS, unread="true"))["data"] == []
    assert await own.api.get(f"{NOTIFICATIONS}/unread") == {"unread": 0}
    assert (await own.api.get(NOTIFICATIONS, unread="false"))["data"] == [read]


async def test_all_are_read_at_once(own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    await own.api.post(f"/v1/agency/clients/{client}/subscription/retry", {})
    told = (await own.api.get(NOTIFICATIONS))["data"]
    assert [one["kind"] for one in told] == ["payment_failed"] * 2
    assert told[0]["id"] != told[1]["id"]
    assert told[0]["at"] >= told[1]["at"]
    assert await own.api.post(f"{NOTIFICATIONS}/read-all", {}) == {"read": 2}
    assert await own.api.post(f"{NOTIFICATIONS}/read-all", {}) == {"read": 0}
    assert (await own.api.get(NOTIFICATIONS, unread="true"))["data"] == []


async def test_what_the_client_is_told_is_not_the_agencys_to_read(own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    rows = await own.site.pool.fetch(
        "SELECT id FROM notifications WHERE client_id = $1 AND audience = 'client'", client
    )
    assert rows
    for row in rows:
        with refused(404, "not_found"):
            await own.api.post(f"{NOTIFICATIONS}/{row['id']}/read", {})


async def test_another_agencys_message_is_not_found_and_stays_unread(own: Tenant, other: Tenant) -> None:
    await own.subscribed(FAILS)
    (told,) = (await own.api.get(NOTIFICATIONS))["data"]
    with refused(404, "not_found"):
        await other.api.post(f"{NOTIFICATIONS}/{told['id']}/read", {})
    assert await other.api.post(f"{NOTIFICATIONS}/read-all", {}) == {"read": 0}
    assert (await own.api.get(NOTIFICATIONS, unread="true"))["data"] == [told]
