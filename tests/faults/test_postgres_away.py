"""Connections to PostgreSQL cut again and again while a renewal is written."""

import asyncio
from collections.abc import Awaitable

import asyncpg
from support.dying_worker import Fates
from support.renewals import about_to_renew, assert_renewed_once
from support.servers import Eventually
from support.stage import Stage

from sandbox.caller import ApiRefused
from sandbox.postgres import dsn
from sandbox.stack import DATABASE

CUTS = 12
FEWEST_CUTS = 3
"""How often it is seen to come further depends on how long each cut lasts until it goes on."""
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"


async def test_connections_are_cut_each_time_that_a_renewal_comes_further(
    stage: Stage, fates: Fates, eventually: Eventually
) -> None:
    renewal = await about_to_renew(stage)
    stood_at = [len(fates.passed(renewal.workflow))]
    answers: set[int] = set()
    administrator = await asyncpg.connect(dsn(stage.sandbox.kept.ports["postgres"]))
    renewing = asyncio.create_task(stage.sandbox.machine.advance(renewal.settled))

    async def cut_often() -> bool:
        if (stands_at := len(fates.passed(renewal.workflow))) > stood_at[-1]:
            stood_at.append(stands_at)
            await administrator.execute(CUT, DATABASE)
            answers.add(await _status(stage.agency.get(renewal.client.path)))
        return renewing.done() or len(stood_at) > CUTS

    await eventually(cut_often, seconds=90)
    await administrator.close()
    await renewing

    assert len(stood_at) > FEWEST_CUTS
    await assert_renewed_once(stage, renewal)
    assert answers <= {200, 503}


async def _status(asked: Awaitable[object]) -> int:
    try:
        await asked
    except ApiRefused as refused:
        return refused.status
    return 200
