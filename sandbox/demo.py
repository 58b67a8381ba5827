"""`python -m sandbox demo`: five months of one agency and three clients, told as they happen, then the invariants."""

import asyncio
from calendar import monthrange
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from api.tokens import Role
from billing.money import show
from billing.periods import boundary
from sandbox import seed
from sandbox.bodies import rfc3339
from sandbox.caller import Caller
from sandbox.demo_calls import ZONE, Call, read_calls
from sandbox.home import Home
from sandbox.seed import make_agency, make_token
from sandbox.stack import Sandbox, running_sandbox
from sandbox.story import Colour, Story
from sandbox.up import addresses, serving_control, stop_signal

MONTHS = 5
AGENCY = {**seed.AGENCY, "timezone": ZONE}
POLL_SECONDS = 0.2
GRACE = timedelta(hours=1, minutes=5)
"""Past a boundary: the usage grace of an hour, and the invoice and its payment."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Client:
    """One client of the demo. `starts_after` the anchor, so that its renewals come on their own."""

    name: str
    external_id: str
    plan: str
    card: str
    starts_after: timedelta = timedelta()


PLANS: dict[str, tuple[int, int, str]] = {"Voice Pro": (4900, 500, "12.5"), "Voice Lite": (2900, 200, "15")}
CEDAR = Client("Cedar Dental", "cedar-dental", "Voice Pro", "4242424242424242")
HARBOR = Client("Harbor Realty", "harbor-realty", "Voice Pro", "4000056655665556")
SUMMIT = Client("Summit Legal", "summit-legal", "Voice Lite", "378282246310005", timedelta(hours=2))
CLIENTS = (CEDAR, HARBOR, SUMMIT)
NEW_CARD = "5555555555554444"


async def demo(data: Path, port: int, *, stay: bool) -> int:
    """Play it on a fresh sandbox; the exit status is 1 when an invariant does not hold."""
    stop = stop_signal()
    story = Story(ZONE)
    story.line("Starting PostgreSQL, Temporal, the Stripe emulator, worker and API …", Colour.FAINT)
    async with running_sandbox(Home(data), port=port, fresh=True) as sandbox, serving_control(sandbox):
        playing = asyncio.create_task(_play(sandbox, story))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            return 1
        ok = playing.result()
        if stay:
            story.line("\nEverything stays up. Ctrl-C stops it.\n")
            story.line("\n".join(addresses(sandbox)))
            await stop.wait()
    return 0 if ok else 1


async def _play(sandbox: Sandbox, story: Story) -> bool:
    async with Caller(sandbox.url("control")) as control:
        stage = await set_up(sandbox, control, story)
        async with stage.agency, stage.service:
            await _five_months(stage)
            await _summary(stage)
        return await told_that_all_holds(control, story)


@dataclass
class Stage:
    """What the story is played on: the callers, the clients' ids, and the first period's beginning."""

    story: Story
    control: Caller
    agency: Caller
    service: Caller
    anchor: datetime
    ids: dict[str, str]
    calls: list[Call]
    told: int = 0

    def boundary(self, n: int, client: Client = CEDAR) -> datetime:
        return boundary(self.anchor + client.starts_after, ZONE, n)

    async def now(self) -> datetime:
        return datetime.fromisoformat((await self.control.get("/clock"))["now"])

    async def note(self, client: Client | None, what: str) -> None:
        await self.tell()
        self.story.note(await self.now(), client.name if client else "", what)

    async def to(self, instant: datetime) -> None:
        """Move the sandbox to `instant`, and tell what happens on the way while it happens."""
        await self.tell_during(self.control.post("/clock/advance", {"to": rfc3339(instant)}))

    async def tell_during(self, doing: Awaitable[Any]) -> Any:
        work = asyncio.ensure_future(doing)
        while not work.done():
            await asyncio.wait({work}, timeout=POLL_SECONDS)
            await self.tell()
        await self.tell()
        return work.result()

    async def tell(self) -> None:
        for entry in (await self.control.get("/timeline", after=self.told))["data"]:
            self.told = entry["id"]
            if entry["client"]:
                self.story.entry(entry)

    async def take_in(self, period: int) -> None:
        """The period's calls, as the call engine would send them."""
        calls = [call for call in self.calls if call.period == period]
        body = {"calls": [call.as_json(self.ids[call.client]) for call in calls]}
        said = await self.service.post("/v1/usage/calls", body)
        await self.note(None, f"{said['accepted']} calls taken in")


async def set_up(sandbox: Sandbox, control: Caller, story: Story) -> Stage:
    """The agency, its plans and clients, all over HTTP; every client on its plan from the next 31st on."""
    agency = await make_agency(sandbox, AGENCY)
    tokens = {role: make_token(sandbox, role, {"agency": agency}) for role in (Role.AGENCY, Role.SERVICE)}
    caller = Caller(sandbox.url("api"), tokens[Role.AGENCY])
    now = datetime.fromisoformat((await control.get("/clock"))["now"])
    anchor = next_31st(now)
    stage = Stage(
        story,
        control,
        caller,
        Caller(sandbox.url("api"), tokens[Role.SERVICE]),
        anchor,
        {},
        read_calls(anchor),
    )
    story.line(f"\n{AGENCY['name']}, {AGENCY['timezone']}, sells in USD. The clock stands at {now:%Y-%m-%d %H:%M} UTC.")
    plans = {name: await _make_plan(stage, name) for name in PLANS}
    for client in CLIENTS:
        made = await caller.post(
            "/v1/agency/clients",
            {"name": client.name, "email": f"billing@{client.external_id}.example", "external_id": client.external_id},
        )
        stage.ids[client.external_id] = made["id"]
    story.line()
    story.heading()
    for client in CLIENTS:
        await _subscribe(stage, client, plans[client.plan])
    return stage


async def _make_plan(stage: Stage, name: str) -> str:
    price, included, rate = PLANS[name]
    plan = await stage.agency.post(
        "/v1/agency/plans",
        {
            "name": name,
            "tier": "pro",
            "price": {"amount": price, "currency": "usd"},
            "included_minutes": included,
            "overage_rate": {"amount_decimal": rate, "currency": "usd", "per": "minute"},
        },
    )
    stage.story.line(f"  {name}: {show(price, 'usd')} a month, {included} minutes, then {rate} cents a minute")
    return str(plan["id"])


async def _subscribe(stage: Stage, client: Client, plan: str) -> None:
    client_id = stage.ids[client.external_id]
    starts_at = stage.anchor + client.starts_after
    await stage.agency.put(
        f"/v1/agency/clients/{client_id}/subscription", {"plan_id": plan, "starts_at": rfc3339(starts_at)}
    )
    await stage.note(client, f"{client.plan} from {_local(starts_at)} on")
    await stage.tell_during(stage.control.post("/cards", {"client_id": client_id, "number": client.card}))


async def _five_months(stage: Stage) -> None:
    for month in range(MONTHS):
        await stage.to(stage.boundary(month + 1) - timedelta(hours=12))
        await stage.take_in(month)
        if month == 1:
            await _behave(stage, HARBOR, "insufficient_funds", "the card on file runs dry")
        if month == 2:
            await _kill_while_charging(stage)
        else:
            await stage.to(stage.boundary(month + 1, SUMMIT) + GRACE)
        if month == 1:
            await _retries_until_recovered(stage)


async def _behave(stage: Stage, client: Client, behaviour: str, words: str) -> None:
    await stage.control.post("/cards/behaviour", {"client_id": stage.ids[client.external_id], "behaviour": behaviour})
    await stage.note(client, words)


async def _retries_until_recovered(stage: Stage) -> None:
    """Three, five and seven days; then past due, and two days later a card that pays."""
    await stage.to(stage.boundary(2) + timedelta(days=15) + 2 * GRACE)
    await stage.to(stage.boundary(2) + timedelta(days=17))
    await stage.note(HARBOR, "types a new card on Stripe's page")
    card = {"client_id": stage.ids[HARBOR.external_id], "number": NEW_CARD}
    await stage.tell_during(stage.control.post("/cards", card))


async def _kill_while_charging(stage: Stage) -> None:
    """kill -9 of the worker after Stripe has charged and before the worker knows."""
    due = stage.boundary(3, SUMMIT)
    await stage.to(due - timedelta(minutes=30))
    await stage.control.post("/faults", {"call": "invoices.pay", "fault": "delay", "seconds": 4})
    before = await _charges(stage)
    renewing = asyncio.create_task(
        stage.tell_during(stage.control.post("/clock/advance", {"to": rfc3339(due + GRACE)}))
    )
    while len(await _charges(stage)) == len(before):
        done, _ = await asyncio.wait({renewing}, timeout=POLL_SECONDS / 4)
        if done:
            break
    killed = await stage.control.post("/kill", {"process": "worker"})
    await stage.note(SUMMIT, f"worker (pid {killed['pid']}) killed before it has Stripe's answer")
    await renewing
    made = [charge for charge in await _charges(stage) if charge not in before]
    await stage.note(SUMMIT, f"renewed all the same, by {len(made)} charge{'s' if len(made) != 1 else ''} at Stripe")


async def _charges(stage: Stage) -> list[str]:
    accounts = (await stage.control.get("/books"))["accounts"]
    return [charge["id"] for account in accounts for charge in account["charges"]]


async def _summary(stage: Stage) -> None:
    stage.story.line()
    for client in CLIENTS:
        client_id = stage.ids[client.external_id]
        subscription = await stage.agency.get(f"/v1/agency/clients/{client_id}/subscription")
        entries = (await stage.control.get("/timeline", client_id=client_id))["data"]
        paid = [entry["amount"]["amount"] for entry in entries if entry["what"] == "payment_succeeded"]
        total = show(sum(paid), "usd")
        stage.story.line(f"{client.name:14} {subscription['status']:9} {len(paid)} invoices paid, {total:>10} in all")


async def told_that_all_holds(control: Caller, story: Story) -> bool:
    """Print every invariant with its figures; whether all of them hold."""
    report = await control.get("/check")
    story.line("\nWhat must always be true (billing-rules 10)\n", Colour.STRONG)
    for found in report["invariants"]:
        word, colour = ("holds", Colour.GOOD) if found["ok"] else ("FAILS", Colour.BAD)
        story.paragraph(f"{found['id']:4} {word}  ", found["detail"], colour)
    return bool(report["ok"])


def next_31st(now: datetime) -> datetime:
    """The next 31st, 09:30 in the agency's zone, that is at least an hour ahead."""
    local = (now + timedelta(hours=1)).astimezone(ZoneInfo(ZONE))
    year, month = local.year, local.month
    while True:
        if monthrange(year, month)[1] == 31:
            found = datetime(year, month, 31, 9, 30, tzinfo=ZoneInfo(ZONE))
            if found > local:
                return found.astimezone(UTC)
        year, month = year + month // 12, month % 12 + 1


def _local(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(ZONE)):%b %d %H:%M}"
