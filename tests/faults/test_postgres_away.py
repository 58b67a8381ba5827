"""Every connection to PostgreSQL is cut at each point of a renewal, while the API is asked."""

import asyncio
from collections.abc import Awaitable

from support.dying_worker import Fates
from support.renewals import POINTS, about_to_renew, assert_renewed_once
from support.stage import Stage

from sandbox.caller import ApiRefused


async def test_cut_off_at_each_of_these_points_it_renews_by_one_charge(stage: Stage, fates: Fates) -> None:
    await stage.plan()
    made = await asyncio.gather(*(about_to_renew(stage) for _ in POINTS))
    for point, renewal in zip(POINTS, made, strict=True):
        fates.doom(renewal.workflow, point, fate="cut_off")

    renewing = asyncio.create_task(stage.to(max(renewal.settled for renewal in made)))
    answers: set[int] = set()
    while not renewing.done():
        answers.add(await _status(stage.agency.get(made[0].client.path)))
    await renewing

    assert fates.doomed() == [], "the worker never came by"
    for renewal in made:
        await assert_renewed_once(stage, renewal)
    assert answers <= {200, 503}


async def _status(asked: Awaitable[object]) -> int:
    try:
        await asked
    except ApiRefused as refused:
        return refused.status
    return 200
