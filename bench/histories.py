"""What a period, and a ladder that fails to its end, leave in Temporal: counted where the whole product lived it."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from api.tokens import Role
from bench.events import billable_actions, events
from bench.figures import Figure
from billing.periods import boundary
from sandbox.bodies import rfc3339
from sandbox.caller import Caller
from sandbox.home import Home
from sandbox.seed import AGENCY, PLAN, make_agency, make_token
from sandbox.stack import Sandbox, running_sandbox
from sandbox.up import serving_control
from workflows.messages import subscription_workflow_id

SOON: Final = timedelta(minutes=10)
"""Until service starts: time enough to type a card."""
PAST_THE_GRACE: Final = timedelta(hours=2)
PAST_THE_LADDER: Final = timedelta(days=16)
CARD: Final = "4242424242424242"
_DECLINED: Final = "insufficient_funds"

Page = list[HistoryEvent]


async def measured() -> list[Figure]:
    """Two clients through two renewals: one pays, the second one of the other is declined to the ladder's end."""
    with tempfile.TemporaryDirectory(prefix="retainer-bench-") as folder:
        async with (
            running_sandbox(Home(Path(folder)), port=0, fresh=True) as sandbox,
            serving_control(sandbox),
            Caller(sandbox.url("control")) as control,
        ):
            paying, failing = await _live(sandbox, control)
            paid, failed = await _pages(sandbox, paying), await _pages(sandbox, failing)
    period, ladder = paid[1], failed[2]
    past_due = next(
        number
        for number, event in enumerate(ladder, start=1)
        if event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES
    )
    # The attempt that began it is the last thing on the page before.
    of_ladder = 1 + billable_actions(ladder[:past_due])
    return [
        Figure("history events per paid period", events(period), at_most=30),
        Figure("billable actions per paid period", billable_actions(period), at_most=5),
        Figure("billable actions of a failed ladder", of_ladder, at_most=12),
    ]


async def _live(sandbox: Sandbox, control: Caller) -> tuple[str, str]:
    """The subscriptions of both, when all has happened."""
    agency = await make_agency(sandbox, {**AGENCY, "timezone": "UTC"})
    anchor = sandbox.machine.now() + SOON
    async with Caller(sandbox.url("api"), make_token(sandbox, Role.AGENCY, {"agency": agency})) as caller:
        plan = (await caller.post("/v1/agency/plans", PLAN))["id"]
        (_, paying), (client, failing) = [await _subscribe(caller, control, n, plan, anchor) for n in ("a", "b")]
    await _to(control, boundary(anchor, "UTC", 1) + PAST_THE_GRACE)
    await control.post("/cards/behaviour", {"client_id": client, "behaviour": _DECLINED})
    await _to(control, boundary(anchor, "UTC", 2) + PAST_THE_GRACE)
    await _to(control, boundary(anchor, "UTC", 2) + PAST_THE_LADDER)
    return paying, failing


async def _subscribe(caller: Caller, control: Caller, name: str, plan: str, anchor: datetime) -> tuple[str, str]:
    body = {"name": name, "email": f"billing@{name}.example"}
    client = (await caller.post("/v1/agency/clients", body))["id"]
    asked = {"plan_id": plan, "starts_at": rfc3339(anchor)}
    made = await caller.put(f"/v1/agency/clients/{client}/subscription", asked)
    await control.post("/cards", {"client_id": client, "number": CARD})
    return client, made["id"]


async def _to(control: Caller, instant: datetime) -> None:
    await control.post("/clock/advance", {"to": rfc3339(instant)})


async def _pages(sandbox: Sandbox, subscription: str) -> list[Page]:
    """The history of each run, the first one first."""
    id = subscription_workflow_id(subscription)
    described = await sandbox.temporal.get_workflow_handle(id).describe()
    run = described.raw_description.workflow_execution_info.first_run_id
    found: list[Page] = []
    while run:
        handle: Any = sandbox.temporal.get_workflow_handle(id, run_id=run)
        found.append(list((await handle.fetch_history()).events))
        run = found[-1][-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found
