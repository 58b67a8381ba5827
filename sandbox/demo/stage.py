"""What the year is played on: the callers, time that passes, everything that was told, and what was claimed in vain."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from api.tokens import Role
from billing.periods import boundary
from sandbox.bodies import rfc3339
from sandbox.caller import ApiRefused, Caller
from sandbox.demo.calls import Call
from sandbox.demo.cast import AGENCIES, CLIENTS, DAY, HOUR, MONTHS, PLANS, Agency, Client, Plan, beginnings
from sandbox.demo.progress import Progress
from sandbox.seed import make_agency, make_token
from sandbox.stack import Sandbox
from sandbox.story import Colour, Story
from sandbox.timeline import settled, timeline
from sandbox.told import Told, delivered

POLL_SECONDS: Final = 0.3
GRACE: Final = HOUR + timedelta(minutes=5)
"""Past a boundary: the usage grace of an hour, and the invoice and its payment."""
PROMPT: Final = timedelta(minutes=5)
"""How late what is told by the day may be on a busy machine."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Office:
    """An agency that has been set up, with its two ways in."""

    id: str
    agency: Caller
    service: Caller
    plans: dict[str, str]


@dataclass
class Tally:
    """What it took, as far as nobody else counts it."""

    steps: int = 0
    moves: int = 0
    calls: int = 0
    faults: int = 0
    """Processes killed or held down, and calls that were made to fail."""


@dataclass
class Stage:
    """One sandbox, its agencies and their clients."""

    sandbox: Sandbox
    story: Story
    progress: Progress
    control: Caller
    callers: contextlib.AsyncExitStack
    begins: dict[Agency, datetime]
    calls: list[Call]
    offices: dict[Agency, Office] = field(default_factory=dict)
    ids: dict[Client, str] = field(default_factory=dict)
    anchors: dict[Client, datetime] = field(default_factory=dict)
    heard: dict[int, Json] = field(default_factory=dict)
    """Every entry of the timeline so far, by its id."""
    settled: int = 0
    """The id up to which none can be missing in `heard`."""
    followed: Agency | None = None
    """Whose messages are told as they are delivered."""
    told: dict[str, Told] = field(default_factory=dict)
    """Those messages, by the id of their delivery."""
    in_vain: list[str] = field(default_factory=list)
    """What did not happen as told."""
    tally: Tally = field(default_factory=Tally)

    # Where we are

    @property
    def now(self) -> datetime:
        return self.sandbox.machine.now()

    def boundary(self, whose: Agency | Client, n: int) -> datetime:
        """When period n ends, counted from 1; 0 is when the first begins."""
        if isinstance(whose, Client):
            return boundary(self.anchors[whose], whose.agency.zone, n)
        return boundary(self.begins[whose], whose.zone, n)

    # What passes

    async def to(self, instant: datetime) -> None:
        """Move the sandbox to `instant`, and tell what happens on the way while it happens."""
        if instant > self.now:
            moved = await self.while_telling(self.control.post("/clock/advance", {"to": rfc3339(instant)}))
            self.tally.steps += moved["steps"]
            self.tally.moves += moved["moved"]
            await self.hear_all()

    async def while_telling(self, doing: Awaitable[Any]) -> Any:
        work = asyncio.ensure_future(doing)
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=POLL_SECONDS)
                await self.tell()
        finally:
            work.cancel()
        return work.result()

    async def tell(self) -> None:
        """What the timeline has gained."""
        # As `GET /timeline` answers; asked without HTTP, because it is asked several times a second.
        for told in await timeline(self.sandbox.pool, after=self.settled):
            if told.id not in self.heard:
                self.heard[told.id] = told.as_json()
                if told.client:
                    self.story.entry(self.heard[told.id])
        await self._tell_messages()
        year = self.boundary(AGENCIES[0], MONTHS) - self.begins[AGENCIES[0]]
        self.progress.at(self.now, (self.now - self.begins[AGENCIES[0]]) / year)

    async def _tell_messages(self) -> None:
        if self.followed in self.offices:
            for told in await delivered(self.sandbox.pool, self.offices[self.followed].id, self.told):
                self.told[told.id] = told
                self.story.note(told.at, self.followed.zone, told.client or "", str(told))

    async def hear_all(self) -> None:
        """Tell what may have been committed behind later entries, too."""
        newest = await settled(self.sandbox.pool)
        await self.tell()
        self.settled = newest

    async def note(self, whose: Agency | Client | None, what: str) -> None:
        """What somebody outside does, or what the reader should know."""
        await self.tell()
        agency = whose.agency if isinstance(whose, Client) else whose or AGENCIES[0]
        self.story.note(self.now, agency.zone, whose.name if isinstance(whose, Client) else "", what)

    # What is claimed

    async def claim(self, holds: bool, what: str) -> None:
        """The demo's own word: said either way, and remembered when it is not so."""
        await self.tell()
        if not holds:
            self.in_vain.append(what)
            self.story.line(f"NOT AS TOLD: {what}", Colour.BAD)

    def mark(self) -> int:
        """The id after which `told_of` begins."""
        return max(self.heard, default=0)

    def told_of(self, client: Client, since: int, *kinds: str) -> list[Json]:
        """What was told of a client since a mark, of these kinds or of any."""
        after = (self.heard[id] for id in sorted(self.heard) if id > since)
        mine = (entry for entry in after if entry["client_id"] == self.ids[client])
        return [entry for entry in mine if not kinds or entry["what"] in kinds]

    # What people do

    async def open(self, agency: Agency) -> None:
        """An agency signs up, onboards at Stripe, and makes the plans that it sells from the beginning."""
        id = await make_agency(self.sandbox, agency.details)
        tokens = [make_token(self.sandbox, role, {"agency": id}) for role in (Role.AGENCY, Role.SERVICE)]
        as_agency, as_service = [
            await self.callers.enter_async_context(Caller(self.sandbox.url("api"), token)) for token in tokens
        ]
        self.offices[agency] = Office(id, as_agency, as_service, {})
        for plan in PLANS:
            if plan.agency is agency:
                await self.sell(plan)

    async def sell(self, plan: Plan) -> None:
        office = self.offices[plan.agency]
        office.plans[plan.name] = (await office.agency.post("/v1/agency/plans", plan.details))["id"]

    async def subscribe(self, client: Client, starts_at: datetime, words: str, **asked: object) -> None:
        """A new client of its agency's, on its plan."""
        office = self.offices[client.agency]
        made = await office.agency.post(
            "/v1/agency/clients",
            {"name": client.name, "email": f"billing@{client.external_id}.example", "external_id": client.external_id},
        )
        self.ids[client], self.anchors[client] = made["id"], starts_at
        body = {"plan_id": office.plans[client.plan.name], "starts_at": rfc3339(starts_at), **asked}
        await office.agency.put(f"{self.path(client)}/subscription", body)
        await self.note(client, words)

    def path(self, client: Client) -> str:
        return f"/v1/agency/clients/{self.ids[client]}"

    def ask(self, client: Client) -> Caller:
        """The agency's API, in the name of the client's agency."""
        return self.offices[client.agency].agency

    async def newest_invoice(self, client: Client, behind: int = 0) -> Json:
        """Or the one so many before it."""
        found: Json = (await self.ask(client).get(f"{self.path(client)}/invoices", limit=behind + 1))["data"][behind]
        return found

    async def status(self, client: Client) -> str:
        shown = await self.ask(client).get(f"{self.path(client)}/subscription")
        return str(shown["status"])

    async def type_card(self, client: Client, number: str) -> None:
        await self.while_telling(self.control.post("/cards", {"client_id": self.ids[client], "number": number}))

    async def own_price(self, plan: Plan) -> str:
        """A price that the agency has made in its own Stripe account; its id there."""
        account = (await self.offices[plan.agency].agency.get("/v1/agency/stripe"))["account_id"]
        return await self.sandbox.emulator.make_price(account, plan.name, plan.price, plan.agency.currency)

    async def account(self, agency: Agency, action: str, words: str) -> None:
        """What Stripe does with the agency's account."""
        await self.note(agency, f"{agency.name}: {words}")
        await self.while_telling(
            self.control.post("/accounts", {"agency_id": self.offices[agency].id, "action": action})
        )

    async def behave(self, client: Client, behaviour: str, words: str) -> None:
        """The bank answers so from now on for the card on file."""
        await self.control.post("/cards/behaviour", {"client_id": self.ids[client], "behaviour": behaviour})
        await self.note(client, words)

    async def pay_now(self, client: Client) -> str:
        """The client presses the button on its newest invoice: how it ends, or why it is refused."""
        ids = {"agency": self.offices[client.agency].id, "client": self.ids[client]}
        invoice = (await self.newest_invoice(client))["id"]
        async with Caller(self.sandbox.url("api"), make_token(self.sandbox, Role.CLIENT, ids)) as portal:
            try:
                said: Json = await portal.post(f"/v1/portal/billing/invoices/{invoice}/payments", {})
            except ApiRefused as refused:
                return refused.code
        return str(said["status"])

    async def take_in(self) -> None:
        """The calls that were made since the last time, as each agency's call engine would send them."""
        for agency in AGENCIES:
            mine = [client for client in self.ids if client.agency is agency]
            body, self.calls = self._made_by(mine)
            if body:
                said = await self.offices[agency].service.post("/v1/usage/calls", {"calls": body})
                self.tally.calls += said["accepted"]
                await self.note(agency, f"{said['accepted']} calls of {agency.name} taken in")
                await self.claim(not (said["rejected"] or said["unbilled"]), "every call belongs to a period")

    def _made_by(self, clients: Iterable[Client]) -> tuple[list[Json], list[Call]]:
        """The calls of these clients that lie behind us, and all others."""
        by_id, now = {client.external_id: client for client in clients}, self.now
        begins = functools.cache(self.boundary)
        made, others = [], []
        for call in self.calls:
            client = by_id.get(call.client)
            at = begins(client, call.period) + call.after if client else None
            if client and at and at <= now:
                made.append(call.as_json(self.ids[client], at))
            else:
                others.append(call)
        return made, others


@contextlib.asynccontextmanager
async def set_up(sandbox: Sandbox, story: Story, progress: Progress, calls: list[Call]) -> AsyncIterator[Stage]:
    """The agencies and their plans, made over HTTP."""
    async with contextlib.AsyncExitStack() as callers:
        control = await callers.enter_async_context(Caller(sandbox.url("control")))
        now = sandbox.machine.now()
        stage = Stage(sandbox, story, progress, control, callers, beginnings(now), calls)
        for agency in AGENCIES:
            story.line(f"\n{agency}")
            await stage.open(agency)
            for plan in PLANS:
                if plan.agency is agency:
                    story.line(f"  {plan.name}: {plan}")
        story.line(f"\nThe clock stands at {now:%Y-%m-%d %H:%M} UTC; {len(CLIENTS)} clients, {MONTHS} months.\n")
        story.heading()
        yield stage


def amounts(entries: list[Json]) -> list[int]:
    return [entry["amount"]["amount"] for entry in entries]


def days(entries: list[Json]) -> list[int]:
    """The days from each entry to the next; -1 where it is not a whole number of them."""
    instants = [datetime.fromisoformat(entry["at"]) for entry in entries]
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    return [round(gap / DAY) if abs(gap - round(gap / DAY) * DAY) < PROMPT else -1 for gap in gaps]
