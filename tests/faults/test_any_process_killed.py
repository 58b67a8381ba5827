"""kill -9 of any process of a running sandbox, in the middle of a renewal: nothing is lost, and it comes back."""

import asyncio

import pytest
from support.dying_worker import Fates
from support.renewals import about_to_renew, assert_renewed_once
from support.servers import Eventually
from support.stage import Stage

from sandbox.stack import PROCESSES

_MAILED = ["invoice_issued", "invoice_paid", "usage_alert", "usage_alert"]
"""To the client: at 80 % and 100 % of its minutes, and at the renewal."""


@pytest.mark.parametrize("process", PROCESSES)
async def test_killed_in_a_renewal_it_comes_back_and_the_renewal_is_finished(
    stage: Stage, fates: Fates, eventually: Eventually, process: str
) -> None:
    renewal = await about_to_renew(stage)
    before = await stage.control.get("/pids")

    async def issuing() -> bool:
        return "issue_invoice before 3 lines" in fates.passed(renewal.workflow)

    renewing = asyncio.create_task(stage.to(renewal.settled))
    await eventually(issuing, seconds=60)
    killed = await stage.control.post("/kill", {"process": process})
    await renewing

    await assert_renewed_once(stage, renewal)
    after = await stage.control.get("/pids")
    assert killed == {"process": process, "pid": before[process]}
    assert {name for name in PROCESSES if after[name] != before[name]} == {process}

    async def all_mails() -> bool:
        mails = (await stage.control.get("/mail", client_id=renewal.client.id))["data"]
        return sorted(mail["kind"] for mail in mails) == _MAILED

    # A mail may be late by a pause of its own, on the system's clock. None is lost.
    await eventually(all_mails, seconds=30)
