"""Calls as a call engine reports them over HTTP, and what came of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from support.http import Json, fresh
from support.tenant import Tenant

CALLS = "/v1/usage/calls"


def call(client: str, **changes: Any) -> Json:
    started = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    whole = {
        "call_id": fresh("call"),
        "client_id": client,
        "started_at": started.isoformat(),
        "duration_seconds": 61,
        "outcome": "completed",
    }
    return {**whole, **changes}


async def served(tenant: Tenant) -> str:
    """A client in service since yesterday, who has paid nothing and owes something."""
    client = await tenant.client()
    await tenant.assign(client, starts_at=tenant.ago(days=1))
    return client


async def send(tenant: Tenant, *calls: Any) -> Json:
    answer: Json = await tenant.engine.post(CALLS, {"calls": list(calls)})
    return answer


async def used(tenant: Tenant, client: str) -> int:
    listed = await (await tenant.portal(client)).get("/v1/portal/billing")
    seconds: int = listed["usage"]["seconds_used"]
    return seconds
