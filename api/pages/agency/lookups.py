"""Clients, by the ids that other answers of the API name them with."""

import asyncio
from collections.abc import Iterable, Mapping

from api.pages.agency.door import API
from api.pages.door import Visit
from api.pages.inside import Json


async def client_names(visit: Visit, ids: Iterable[str | None]) -> Mapping[str, str]:
    """The name of each of these clients, for one page of a list; what names no client is left out."""
    wanted = sorted({id for id in ids if id})
    found = await asyncio.gather(*(visit.inside.get(f"{API}/clients/{id}") for id in wanted))
    return {id: client["name"] for id, client in zip(wanted, found, strict=True)}


async def client_of(visit: Visit, client_id: str) -> tuple[Json, Json | None]:
    """The client, and its newest subscription where it has one. Raises Refused for another tenant's."""
    path = f"{API}/clients/{client_id}"
    client = await visit.inside.get(path)
    known = client["subscription_status"] is not None
    return client, await visit.inside.get(f"{path}/subscription") if known else None


async def can_charge(visit: Visit) -> bool:
    """Whether the agency's Stripe account can charge, as far as the books know."""
    return bool((await visit.inside.get(f"{API}/setup"))["account"] == "active")
