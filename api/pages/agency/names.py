"""Names of what the API answers by its id."""

import asyncio
from collections.abc import Iterable, Mapping

from api.pages.agency.door import API
from api.pages.door import Visit


async def client_names(visit: Visit, ids: Iterable[str | None]) -> Mapping[str, str]:
    """The name of each of these clients, for one page of a list; what names no client is left out."""
    wanted = sorted({id for id in ids if id})
    found = await asyncio.gather(*(visit.inside.get(f"{API}/clients/{id}") for id in wanted))
    return {id: client["name"] for id, client in zip(wanted, found, strict=True)}
