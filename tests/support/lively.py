"""An agency in the middle of its business, so that each page of its dashboard has something to show."""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi.routing import APIRoute

from api.pages import agency
from sandbox.receiver import receiving
from support.stage import GRACE, Stage

_FILES: Final = (".csv", "/pdf")
"""What is kept, and not looked at."""
_ONE_OF: Final = re.compile(r"s/{\w+}")
"""`clients/{client_id}` is the page of a client."""


PRO: Final[dict[str, Any]] = {}
MAX: Final[dict[str, Any]] = {"price": 14900, "included": 1500, "rate": "9"}
PEOPLE: Final = (
    ("Harbor Realty", "office@harbor-realty.example"),
    ("Northwind Legal", "billing@northwind-legal.example"),
    ("Cedar Dental", "accounts@cedar-dental.example"),
    ("Lakeside Plumbing", "hello@lakeside-plumbing.example"),
    ("Birch & Ash Accounting", "invoices@birch-ash.example"),
)
ABROAD: Final = "America/New_York"
"""The zone of an agency that is not in UTC."""


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
    """Two plans and five clients: one is over its minutes, one near them, one has a payment that failed, one is past
    due, and one waits for a card; and a program hears of it all by webhooks."""
    async with receiving() as program:
        endpoint = await stage.agency.post("/v1/agency/webhook-endpoints", {"url": program.url})
        for terms, name in ((PRO, "Voice Pro"), (MAX, "Voice Max")):
            await _rename_plan(stage, await stage.plan(**terms), name)
        over, near, owing = [await stage.subscribe(plan=terms) for terms in (MAX, PRO, PRO)]
        late = await stage.subscribe(behaviour="insufficient_funds")
        waiting = await stage.assign(await stage.client(), start="first_card")
        for client, (name, email) in zip((over, near, owing, late, waiting), PEOPLE, strict=True):
            await stage.agency.patch(f"/v1/agency/clients/{client.id}", {"name": name, "email": email})
        await stage.call(over, 1612)
        await stage.call(owing, 431)
        await stage.behave(owing, "insufficient_funds")
        period = (await stage.agency.get(owing.path))["current_period"]
        await stage.to(datetime.fromisoformat(period["end"]) + GRACE)
        for minutes in (37, 64):
            await stage.advance(days=1)
            await stage.call(owing, minutes)
        await stage.call(over, 1580)
        await stage.call(near, 425)
        ids = {
            "client_id": owing.id,
            "invoice_id": owing.invoice("p2"),
            "plan_id": await stage.plan(),
            "endpoint_id": endpoint["id"],
        }
        yield Lively(ids)
        await stage.agency.delete(f"/v1/agency/webhook-endpoints/{endpoint['id']}")


async def _rename_plan(stage: Stage, plan: str, name: str) -> None:
    """A new version, of the same terms."""
    known = await stage.agency.get(f"/v1/agency/plans/{plan}")
    terms = {field: known[field] for field in ("tier", "price", "included_minutes", "overage_rate")}
    await stage.agency.post(f"/v1/agency/plans/{plan}/versions", {**terms, "name": name})
