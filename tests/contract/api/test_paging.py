"""Lists: pages neither skip nor repeat, whatever comes in meanwhile, and a cursor belongs to one list."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.http import Client, Json, Site, refused
from support.servers import Eventually
from support.tenant import Tenant, new_tenant

CLIENTS, PLANS, AUDIT = "/v1/agency/clients", "/v1/agency/plans", "/v1/agency/audit"


async def pages(api: Client, path: str, limit: int, **query: Any) -> AsyncIterator[list[Json]]:
    cursor: dict[str, str] = {}
    while True:
        page = await api.get(path, limit=limit, **query, **cursor)
        assert len(page["data"]) <= limit
        yield page["data"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


async def all_ids(api: Client, path: str, limit: int, **query: Any) -> list[str]:
    return [row["id"] async for page in pages(api, path, limit, **query) for row in page]


@pytest.fixture(scope="session")
async def crowd(site: Site, eventually: Eventually) -> Tenant:
    """Seven clients and seven plans, all of the same instant, four clients of the same name."""
    tenant = await new_tenant(site, eventually, ready=False)
    for number in range(7):
        await tenant.client(name="Same" if number < 4 else f"Client {number}")
        await tenant.plan()
    for table in ("clients", "plans"):
        await site.pool.execute(f"UPDATE {table} SET created_at = '2026-01-01' WHERE agency_id = $1", tenant.id)
    return tenant


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        (PLANS, {}),
        (CLIENTS, {}),
        (CLIENTS, {"sort": "name"}),
        (CLIENTS, {"sort": "-name"}),
        (CLIENTS, {"sort": "created_at"}),
        (CLIENTS, {"search": "client"}),
        (AUDIT, {}),
    ],
)
async def test_pages_of_any_size_show_every_row_once_in_the_same_order(
    crowd: Tenant, path: str, query: dict[str, str], limit: int
) -> None:
    whole = await all_ids(crowd.api, path, 100, **query)
    assert len(whole) >= 3
    assert len(set(whole)) == len(whole)
    assert await all_ids(crowd.api, path, limit, **query) == whole


async def test_what_comes_in_meanwhile_shifts_nothing(bare: Tenant) -> None:
    first = [await bare.client() for _ in range(4)]
    seen: list[str] = []
    async for page in pages(bare.api, CLIENTS, 2):
        seen += [row["id"] for row in page]
        await bare.client()
    assert seen == first[::-1]


async def test_twenty_rows_are_a_page_unless_it_is_said(bare: Tenant) -> None:
    for _ in range(21):
        await bare.client()
    page = await bare.api.get(CLIENTS)
    assert len(page["data"]) == 20
    assert len((await bare.api.get(CLIENTS, cursor=page["next_cursor"]))["data"]) == 1


async def test_a_cursor_of_another_list_filter_or_agency_is_refused(crowd: Tenant, other: Tenant) -> None:
    cursor = (await crowd.api.get(CLIENTS, limit=2))["next_cursor"]
    elsewhere: list[tuple[Client, str, dict[str, str]]] = [
        (crowd.api, PLANS, {}),
        (crowd.api, AUDIT, {}),
        (crowd.api, "/v1/agency/invoices", {}),
        (crowd.api, "/v1/agency/notifications", {}),
        (crowd.api, "/v1/agency/usage", {}),
        (crowd.api, CLIENTS, {"sort": "name"}),
        (crowd.api, CLIENTS, {"search": "client"}),
        (crowd.api, CLIENTS, {"status": "none"}),
        (other.api, CLIENTS, {}),
    ]
    for api, path, query in elsewhere:
        answer = await api.send("GET", path, params={**query, "cursor": cursor})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor"), (path, query)
    assert (await crowd.api.get(CLIENTS, limit=5, cursor=cursor))["data"]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "%00", base64.urlsafe_b64encode(b"x" * 40).decode(), "x" * 501])
async def test_what_is_no_cursor_is_refused(bystander: Tenant, cursor: str) -> None:
    for path in (CLIENTS, PLANS, AUDIT, "/v1/agency/invoices", "/v1/agency/notifications", "/v1/agency/usage"):
        with refused(422, "invalid_fields"):
            await bystander.api.get(path, cursor=cursor)


@pytest.mark.parametrize("limit", [0, 101, -1, "many", "2.5"])
async def test_a_page_has_one_to_a_hundred_rows(bystander: Tenant, limit: Any) -> None:
    for path in (CLIENTS, PLANS, AUDIT, "/v1/agency/invoices", "/v1/agency/notifications", "/v1/agency/usage"):
        with refused(422, "invalid_fields"):
            await bystander.api.get(path, limit=limit)
