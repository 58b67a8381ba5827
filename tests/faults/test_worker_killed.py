"""kill -9 of the worker between each commit and each call of a renewal: while it closes, issues and charges."""

import asyncio
from typing import Final

import pytest
from support.dying_worker import Fates
from support.renewals import POINTS, about_to_renew, assert_renewed_once
from support.stage import Stage

SAME: Final = {"issue_invoice after 1 commit", "charge_invoice after 1 commit"}
"""As before the call that follows."""
WAVES: Final = [POINTS[wave::3] for wave in range(3)]
"""Renewals that come at once: the worker dies over each of them in turn, and each has to bear the others' deaths."""


async def test_a_renewal_passes_exactly_these_points(stage: Stage, fates: Fates) -> None:
    renewal = await about_to_renew(stage)
    await stage.to(renewal.boundary)
    before = len(fates.passed(renewal.workflow))
    await stage.to(renewal.settled)
    await assert_renewed_once(stage, renewal)
    passed = fates.passed(renewal.workflow)[before:]
    assert [point for point in passed if point not in SAME] == list(POINTS)


@pytest.mark.parametrize("points", WAVES, ids=["first", "second", "third"])
async def test_killed_at_each_of_these_points_it_renews_by_one_charge(
    stage: Stage, fates: Fates, points: tuple[str, ...]
) -> None:
    await stage.plan()
    made = await asyncio.gather(*(about_to_renew(stage) for _ in points))
    renewals = dict(zip(points, made, strict=True))
    for point, renewal in renewals.items():
        fates.doom(renewal.workflow, point)

    await stage.to(max(renewal.settled for renewal in made))

    assert fates.doomed() == [], "the worker never came by"
    for renewal in made:
        await assert_renewed_once(stage, renewal)
