"""Every invariant of billing-rules 10, each with its figures: within the books, and across the three sides."""

from adapters.postgres.invariants import examine
from sandbox.agreement import compare
from sandbox.stack import Sandbox
from worker.report import Report, summed_up


async def check(sandbox: Sandbox) -> Report:
    """Look at the books, at Stripe and at the workflows. All must be at rest."""
    books = await examine(sandbox.pool)
    return summed_up([*books, *await compare(sandbox.pool, sandbox.emulator, sandbox.temporal)])
