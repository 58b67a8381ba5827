"""An agency in the middle of its business, so that each page of its dashboard has something to show."""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi.routing import APIRoute

from api.pages import agency
from sandbox.receiver import receiving
from support.stage import GRACE, Stage

_FILES: Final = (".csv", "/pdf")
"""What is kept, and not looked at."""
_ONE_OF: Final = re.compile(r"s/{\w+}")
"""`clients/{client_id}` is the page of a client."""


@dataclass(frozen=True)
class Lively:
    """`ids` by the names that the addresses of pages have for them."""

    ids: Mapping[str, str]

    def addresses(self) -> Iterator[str]:
        """Every page of the dashboard that can be opened, with this agency's own ids in its address."""
        return (address for address, _ in self.named())

    def named(self) -> Iterator[tuple[str, str]]:
        """Each with a name of its own that holds no id."""
        for router in agency.ROUTERS:
            for route in router.routes:
                if isinstance(route, APIRoute) and "GET" in route.methods and not route.path.endswith(_FILES):
                    yield route.path.format(**self.ids), _ONE_OF.sub("", route.path).strip("/").replace("/", "-")


@contextlib.asynccontextmanager
async def lively(stage: Stage) -> AsyncIterator[Lively]:
    """One client is over its minutes, one owes, one waits for a card; and a program hears of it all by webhooks."""
    async with receiving() as program:
        endpoint = await stage.agency.post("/v1/agency/webhook-endpoints", {"url": program.url})
        paying = await stage.subscribe()
        await stage.call(paying, 612)
        owing = await stage.subscribe()
        await stage.call(owing, 431)
        await stage.behave(owing, "insufficient_funds")
        waiting = await stage.assign(await stage.client(), start="first_card")
        for client, name in ((paying, "Harbor Realty"), (owing, "Cedar Dental"), (waiting, "Northwind Legal")):
            await stage.agency.patch(f"/v1/agency/clients/{client.id}", {"name": name})
        period = (await stage.agency.get(owing.path))["current_period"]
        await stage.to(datetime.fromisoformat(period["end"]) + GRACE)
        for minutes in (37, 64):
            await stage.advance(days=1)
            await stage.call(owing, minutes)
        ids = {
            "client_id": owing.id,
            "invoice_id": owing.invoice("p2"),
            "plan_id": await stage.plan(),
            "endpoint_id": endpoint["id"],
        }
        yield Lively(ids)
        await stage.agency.delete(f"/v1/agency/webhook-endpoints/{endpoint['id']}")
