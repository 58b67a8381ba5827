"""Whether Stripe and the books are compared, when they last were, and what of it is open."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.ports import Clock
from adapters.postgres import findings
from adapters.postgres.findings import LastRun
from adapters.postgres.pool import Pool
from adapters.settings import Settings
from worker.doctor.findings import Finding, Page, Section, Verdict
from workflows.messages import RECONCILIATION_SCHEDULE

_MISSED: Final = 3
"""Runs: one that lasts longer than its interval lets the next one be left out."""
_NAME: Final = "reconciliation"


async def schedule(client: Client, settings: Settings) -> Sequence[Finding]:
    """Whether Temporal starts it, as the settings want."""
    every = settings.reconcile_every
    if every is None:
        told = "Stripe and the books are compared by hand only"
        verdict = Verdict.OK if settings.sandbox else Verdict.NOTE
        return [Finding(Section.REACHABLE, _NAME, verdict, told, see=Page.RECONCILIATION)]
    try:
        described = await client.get_schedule_handle(RECONCILIATION_SCHEDULE).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        do = "A worker makes the schedule when it starts. If the server refused, its log says so."
        return [Finding(Section.REACHABLE, _NAME, Verdict.WRONG, "not scheduled", do, Page.RECONCILIATION)]
    if described.schedule.state.paused:
        do = f"Somebody paused it; temporal schedule toggle --unpause --schedule-id {RECONCILIATION_SCHEDULE}."
        return [Finding(Section.REACHABLE, _NAME, Verdict.NOTE, "its schedule is paused", do, Page.RECONCILIATION)]
    return [Finding(Section.REACHABLE, _NAME, Verdict.OK, f"scheduled every {every}")]


async def last_run(pool: Pool, every: timedelta | None, clock: Clock) -> Sequence[Finding]:
    """How long ago it last came to its end, and what is found."""
    run = await findings.last_run(pool)
    rows = await pool.fetch("SELECT id FROM findings WHERE resolved_at IS NULL ORDER BY first_seen_at LIMIT 6")
    count = await pool.fetchval("SELECT count(*) FROM findings WHERE resolved_at IS NULL")
    age = clock.now() - run.finished_at if run else None
    return [_run(run, age, every), _open(count, tuple(row["id"] for row in rows[:5]))]


def _run(run: LastRun | None, age: timedelta | None, every: timedelta | None) -> Finding:
    if run is None or age is None:
        return Finding(Section.STUCK, _NAME, Verdict.OK if every is None else Verdict.NOTE, "has not run yet")
    told = f"{run.accounts} accounts compared {_hours(age)} ago"
    if every and age > _MISSED * every:
        do = "See in Temporal why its workflow does not come to an end, or is not started."
        return Finding(Section.STUCK, _NAME, Verdict.WRONG, told, do, Page.RECONCILIATION, since=run.finished_at)
    if run.failed:
        do = "The worker's log says why: they are looked at again by the next run."
        told = f"{told}, {run.failed} of them in vain"
        return Finding(Section.STUCK, _NAME, Verdict.NOTE, told, do, Page.RECONCILIATION)
    return Finding(Section.STUCK, _NAME, Verdict.OK, told)


def _open(count: int, which: tuple[str, ...]) -> Finding:
    if not count:
        return Finding(Section.STUCK, "findings", Verdict.OK, "Stripe and the books agree")
    told = (
        f"{count} differences between Stripe and the books"
        if count > 1
        else "1 difference between Stripe and the books"
    )
    do = "Each agency was told of its own: GET /v1/agency/findings shows both sides."
    return Finding(Section.STUCK, "findings", Verdict.NOTE, told, do, Page.RECONCILIATION, count, which)


def _hours(age: timedelta) -> str:
    minutes = max(0, round(age.total_seconds() / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
