"""What docs/operations.md tells to do about a workflow that is gone: done as it stands there, on a running product."""

import asyncio
import shlex
import sys
from pathlib import Path
from typing import Any, Final

from support.handbook import blocks
from support.http import Site
from support.tenant import FAILS, Tenant
from temporalio.client import Client

from worker.agreement import NotRunning, compare_running, status_of
from workflows.messages import StatusView, subscription_workflow_id

SOON: Final = (0.2, 0.2)


async def _goes_on(own: Tenant, site: Site, client: str, subscription: str, before: Any) -> None:
    """It runs, says what it said, agrees with its books, and collects the debt: with one attempt more."""
    temporal: Client = site.app.state.services.temporal

    async def back() -> StatusView | None:
        view = await status_of(temporal, subscription)
        return view if isinstance(view, StatusView) else None

    view = await own.eventually(back)
    assert (view.state.debt, view.state.ladder, view.next_at) == (
        before.state.debt,
        before.state.ladder,
        before.next_at,
    )
    wrong = (await compare_running(site.pool, temporal, SOON)).compared.wrong
    assert [sentence for sentence in wrong if subscription in sentence] == []
    await own.bank(client, "pays")
    settled = await own.api.post(f"/v1/agency/clients/{client}/subscription/retry", {})
    assert settled["open_invoices"] == 0
    assert [charge["status"] for charge in await own.charges(client)] == ["failed", "succeeded"]


async def test_a_workflow_that_was_ended_is_reset_and_goes_on(own: Tenant, site: Site) -> None:
    client = await own.subscribed(FAILS)
    subscription = await site.pool.fetchval("SELECT id FROM subscriptions WHERE client_id = $1", client)
    temporal: Client = site.app.state.services.temporal
    await own.running(client)  # its page may just be turning: then the run that was asked is over
    before = await status_of(temporal, subscription)
    await temporal.get_workflow_handle(subscription_workflow_id(subscription)).terminate("by mistake")
    assert isinstance(await status_of(temporal, subscription), NotRunning)

    (block,) = blocks("console", "temporal workflow reset")
    _, *arguments = shlex.split(block.removeprefix("$ ").replace("subscription-sub_…", f"subscription-{subscription}"))
    resetting = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "temporal"),
        *(*arguments, "--address", temporal.service_client.config.target_host),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await resetting.communicate()
    assert resetting.returncode == 0, said.decode()
    await _goes_on(own, site, client, subscription, before)
