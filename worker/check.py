"""`python -m worker check`: does everything hold that must always be true (billing-rules 10), right now, in production?

Reads only, beside whatever goes on. I1 to I8 and I10 are looked at in the books, all of one instant; I9 by asking each
workflow (worker/agreement.py). It reads every call and every invoice once: on a large database minutes of a
sequential read, for which a read replica's address may be given.
"""

import asyncio
import json
import shutil
import sys
import textwrap
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import asyncpg
from temporalio.service import RPCError

from activities.ports import Clock
from adapters.clock import clock_of
from adapters.postgres.compared import Compared
from adapters.postgres.findings import agrees_with_stripe
from adapters.postgres.inbox_checks import taken_in
from adapters.postgres.invariants import examined
from adapters.postgres.pool import CONNECTION_LOST, Pool, open_pool, snapshot
from adapters.settings import Settings, SettingsRefused, load_settings
from adapters.temporal import TemporalAway, answering
from worker.agreement import compare_running
from worker.report import Report, summed_up

HOLDS, BROKEN, BLIND = 0, 1, 2
"""The exit status: every invariant holds; one does not; it could not be looked."""
TAKES_EFFECT_WITHIN: Final = timedelta(hours=1)
"""The longest pause after a failed reading is 30 minutes: an event that is older and unread is forgotten."""
_STATEMENT_SECONDS: Final = 1800.0
_NOT_HERE: Final = (
    "what only Stripe can contradict (amounts, charges and refunds made there) is not asked for: reconciliation does"
)


@dataclass(frozen=True)
class Checked:
    """The report, what was left out of it, and whether that was because it could not be looked at."""

    report: Report
    left_out: tuple[str, ...]
    blind: bool

    @property
    def status(self) -> int:
        return BROKEN if not self.report.ok else BLIND if self.blind else HOLDS

    def as_json(self) -> dict[str, object]:
        return {**self.report.as_json(), "ok": self.status == HOLDS, "not_compared": list(self.left_out)}


def main(*, as_json: bool, books_only: bool) -> int:
    """Print what was found; the exit status."""
    try:
        checked = asyncio.run(_check(load_settings(), books_only=books_only))
    except SettingsRefused as refused:
        print(refused, file=sys.stderr)
        return BLIND
    except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
        why = str(error) or "no answer in time"
        print(f"the database cannot be looked at: {type(error).__name__}: {why}", file=sys.stderr)
        return BLIND
    print(json.dumps(checked.as_json(), ensure_ascii=False) if as_json else as_text(checked))
    return checked.status


async def _check(settings: Settings, *, books_only: bool) -> Checked:
    dsn = settings.database_url.get_secret_value()
    async with open_pool(dsn, 2, command_seconds=_STATEMENT_SECONDS) as pool:
        return await check(pool, clock_of(settings), books_only=books_only)


async def check(pool: Pool, clock: Clock, *, books_only: bool = False) -> Checked:
    """Look at everything. Raises what a lost database raises; with Temporal away the books are still looked at."""
    async with snapshot(pool) as books:
        comparisons = [
            *await examined(books),
            await taken_in(books, clock.now() - TAKES_EFFECT_WITHIN),
        ]
        with_stripe = await agrees_with_stripe(books)
    if with_stripe.wrong:  # without its other half it may break I9, and never vouch for it
        comparisons.append(with_stripe)
    if books_only:
        return Checked(summed_up(comparisons), ("I9: the workflows were not to be asked", _NOT_HERE), blind=False)
    workflows, why_not = await _workflows(pool)
    agreement = [workflows, *([] if with_stripe.wrong else [with_stripe])] if workflows else []
    report = summed_up([*comparisons, *agreement])
    return Checked(report, (*([f"I9: {why_not}"] if why_not else ()), _NOT_HERE), blind=workflows is None)


async def _workflows(pool: Pool) -> tuple[Compared | None, str | None]:
    """I9, or why it could not be looked at. A namespace that is not there would look as if every workflow were gone."""
    try:
        client = await answering()
    except TemporalAway as away:
        return None, f"Temporal does not answer ({away})"
    except RPCError as refused:
        return None, f"Temporal refuses ({refused.message})"
    except Exception as error:  # whatever its variables and its file can hold
        return None, f"Temporal's configuration cannot be used ({type(error).__name__})"
    agreement = await compare_running(pool, client)
    if agreement.unasked and not agreement.asked:
        return None, f"none of {agreement.unasked} workflows could be asked: is a worker running?"
    return agreement.compared, None


def as_text(checked: Checked) -> str:
    """The report for people: a line for each invariant, wrapped to the terminal."""
    lines = [
        _wrapped(f"{found.id:4} {'holds' if found.ok else 'FAILS'}  ", found.detail)
        for found in checked.report.findings
    ]
    lines += [_wrapped(f"{'':4} {'-':5}  ", left_out) for left_out in checked.left_out]
    return "\n".join(lines)


def _wrapped(head: str, text: str) -> str:
    width = max(shutil.get_terminal_size((120, 24)).columns, 60)
    return textwrap.fill(text, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
