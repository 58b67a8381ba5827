"""`python -m sandbox demo`: a year of two agencies, then two acts of a third, told as they happen, and checked."""

import asyncio
import shlex
import sys
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

from sandbox.demo import second, third, year
from sandbox.demo.calls import read_calls
from sandbox.demo.cast import CEDAR, HANA, HARBOR, KUMO
from sandbox.demo.closing import tell_totals, tell_what_it_took, tell_what_was_in_vain, told_that_all_holds
from sandbox.demo.progress import Progress
from sandbox.demo.stage import set_up
from sandbox.home import Home
from sandbox.stack import Sandbox, running_sandbox
from sandbox.story import Colour, Story
from sandbox.up import addresses, log_in_links, serving_control, stop_signal

_TO_TRY: Final = (
    f"timeline --client {HARBOR.external_id}",
    f"schedule --client {CEDAR.external_id}",
    f"forecast --client {KUMO.external_id} --months 12 --minutes 300",
    f"forecast --client {HANA.external_id} --months 6 --minutes 560 --card fails_on:{{day:%Y-%m-%d}}",
)


_IN_THE_BROWSER: Final = f"""\
In the browser, in a minute: log in as the client, {CEDAR.name}. In the bar at the foot choose “Card”, “has insufficient
funds”, “Set”. Press “To next event” again and again: the renewal fails, is tried again after 3, 5 and 7 days, and is
past due. Then “Card”, “Mastercard 4444, which pays”, “Enter”: it has recovered. The agency's log-in shows its side."""


async def demo(data: Path, port: int, *, stay: bool) -> int:
    """Play it on a fresh sandbox; 1 when an invariant does not hold, or something did not happen as told."""
    stop = stop_signal()
    story = Story()
    story.line("Starting PostgreSQL, Temporal, the Stripe emulator, worker and API …", Colour.FAINT)
    async with running_sandbox(Home(data), port=port, fresh=True) as sandbox, serving_control(sandbox):
        playing = asyncio.create_task(_play(sandbox, story))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})
            return 1
        ok = playing.result()
        if stay:
            story.line("\nEverything stays up. Ctrl-C stops it.\n")
            story.line("\n".join([*addresses(sandbox), *await _log_in_links(sandbox)]))
            story.line()
            story.paragraph("", _IN_THE_BROWSER)
            story.line("\nFrom another terminal:\n")
            story.line("\n".join(_to_try(sandbox.machine.now(), data)))
            await stop.wait()
    return 0 if ok else 1


async def _play(sandbox: Sandbox, story: Story) -> bool:
    began_at = monotonic()
    progress = Progress(story.console)
    async with set_up(sandbox, story, progress, read_calls()) as stage:
        with progress.shown():
            await year.play(stage)
        await tell_totals(stage)
        with progress.shown():
            await second.play(stage)
            await third.play(stage)
        ok = await told_that_all_holds(stage.control, story)
        await tell_what_it_took(stage, monotonic() - began_at)
        tell_what_was_in_vain(stage)
        return ok and not stage.in_vain


async def _log_in_links(sandbox: Sandbox) -> list[str]:
    """As the client of whom it is told what to try, and as its agency."""
    named = "SELECT agency_id, id FROM clients WHERE external_id = $1"
    return [line for row in await sandbox.pool.fetch(named, CEDAR.external_id) for line in log_in_links(sandbox, *row)]


def _to_try(now: datetime, data: Path) -> list[str]:
    """Commands that show what is in the sandbox now, as they can be typed."""
    python = Path(sys.executable)
    here = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python
    given = "" if data == Path(".sandbox") else f" --data {shlex.quote(str(data))}"
    day = now + timedelta(days=60)
    return [f"  {here} -m sandbox {command.format(day=day)}{given}" for command in _TO_TRY]
