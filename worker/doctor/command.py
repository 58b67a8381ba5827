"""`python -m worker doctor`: what is configured, what is reachable, what is stuck, and what to do about it.

Reads only. Each look goes on when another cannot be done, and none takes longer than its seconds.
"""

import asyncio
import json
import shutil
import textwrap
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import chain
from typing import Final

from adapters.clock import clock_of
from adapters.postgres.pool import Pool, open_pool
from adapters.settings import Settings, SettingsRefused, load_settings
from adapters.stripe.connection import connect as connect_stripe
from adapters.stripe.platform import StripePlatform
from adapters.temporal import connect
from worker.doctor import configured, reconciliation, servers, stuck
from worker.doctor import stripe as stripe_looks
from worker.doctor.findings import Finding, Page, Section, Verdict, status_of
from worker.doctor.looking import Place, look_at

_DATABASE_SECONDS: Final = 10.0
_TEMPORAL_SECONDS: Final = 12.0
_STRIPE_SECONDS: Final = 10.0
_LISTING_SECONDS: Final = 60.0
_CONNECTIONS: Final = 3

_POSTGRES_AWAY: Final = (
    "See that PostgreSQL runs and DATABASE_URL names it. Nothing is lost: all that writes waits for it."
)
_TEMPORAL_AWAY: Final = (
    "See that Temporal runs, and that TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE name it. "
    "What comes in is stored, and carried later."
)
_STRIPE_AWAY: Final = "See that api.stripe.com can be reached from here. Nothing is lost: steps are repeated."
_BOOKS: Final = Place(Section.REACHABLE, "PostgreSQL", _POSTGRES_AWAY, Page.POSTGRESQL_IS_DOWN, _DATABASE_SECONDS)
_TEMPORAL: Final = Place(Section.REACHABLE, "Temporal", _TEMPORAL_AWAY, Page.TEMPORAL_IS_DOWN, _TEMPORAL_SECONDS)
_STRIPE: Final = Place(Section.REACHABLE, "Stripe", _STRIPE_AWAY, Page.STRIPE_IS_DOWN, _STRIPE_SECONDS)
_STUCK: Final = Place(Section.STUCK, "the books", _POSTGRES_AWAY, Page.POSTGRESQL_IS_DOWN, _DATABASE_SECONDS)
_NEEDS_BOTH: Final = "It takes PostgreSQL and Temporal to compare them: see above which of them does not answer."
_WORKFLOWS: Final = Place(Section.STUCK, "workflows", _NEEDS_BOTH, Page.A_WORKFLOW_IS_NOT_RUNNING, _LISTING_SECONDS)
_WITHOUT_SETTINGS: Final = Finding(
    Section.STUCK,
    "the rest",
    Verdict.UNSEEN,
    "PostgreSQL, Stripe and what is stuck cannot be looked at while the settings are refused",
)


def main(*, as_json: bool) -> int:
    """Print what was found; the exit status."""
    findings = asyncio.run(examine())
    status = status_of(findings)
    if as_json:
        print(json.dumps({"status": status, "findings": [f.as_json() for f in findings]}, ensure_ascii=False))
    else:
        print(as_text(findings))
    return status


async def examine() -> Sequence[Finding]:
    """Look at everything that the environment names."""
    try:
        settings = load_settings()
    except SettingsRefused as refused:
        # Temporal has variables of its own; the rest is not known.
        there = await look_at(_TEMPORAL, _of_temporal)
        return [*configured.refused(refused), *configured.temporal(), *there, _WITHOUT_SETTINGS]
    async with AsyncExitStack() as stack:
        dsn = settings.database_url.get_secret_value()
        pool = await stack.enter_async_context(open_pool(dsn, _CONNECTIONS, command_seconds=_DATABASE_SECONDS))
        connection = connect_stripe(
            settings.stripe_api_key.get_secret_value(), settings.stripe_api_base, timeout=_STRIPE_SECONDS
        )
        stack.push_async_callback(connection.close)
        found = await _look(settings, pool, StripePlatform(connection))
        pool.terminate()  # a connection that hangs would not be closed in any other way
    return [*configured.shown(settings), *configured.temporal(), *found]


async def _look(settings: Settings, pool: Pool, stripe: StripePlatform) -> Sequence[Finding]:
    """Everything at once, told in its order."""
    clock = clock_of(settings)

    async def of_workflows() -> Sequence[Finding]:
        return await stuck.not_running(pool, await connect(), clock)

    found = await asyncio.gather(
        look_at(_BOOKS, lambda: servers.postgres(pool)),
        look_at(_TEMPORAL, lambda: _of_scheduled(settings)),
        look_at(_STRIPE, lambda: _of_stripe(stripe, settings)),
        look_at(_STUCK, lambda: stuck.in_the_books(pool, clock)),
        look_at(_STUCK, lambda: reconciliation.last_run(pool, settings.reconcile_every, clock)),
        look_at(_WORKFLOWS, of_workflows),
    )
    return list(chain.from_iterable(found))


async def _of_temporal() -> Sequence[Finding]:
    client = await connect()
    return [
        *await servers.namespace(client),
        *await servers.search_attributes(client),
        *await servers.queues(client),
    ]


async def _of_scheduled(settings: Settings) -> Sequence[Finding]:
    return [*await _of_temporal(), *await reconciliation.schedule(await connect(), settings)]


async def _of_stripe(stripe: StripePlatform, settings: Settings) -> Sequence[Finding]:
    found = await stripe_looks.key(stripe, settings)
    if any(one.verdict is not Verdict.OK for one in found):
        return found
    return [*found, *await stripe_looks.endpoints(stripe, settings.public_base_url)]


_WORDS: Final = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.WRONG: "WRONG", Verdict.UNSEEN: "UNSEEN"}


def as_text(findings: Sequence[Finding]) -> str:
    """For people: the three questions one after the other, and under what is wrong which it is and what to do."""
    wide = max(len(found.name) for found in findings)
    lines: list[str] = []
    for section in Section:
        lines += ["", section.value, ""]
        lines += [line for found in findings if found.section is section for line in _lines(found, wide)]
    return "\n".join(lines[1:])


def _lines(found: Finding, wide: int) -> Sequence[str]:
    head = f"  {_WORDS[found.verdict]:6}  {found.name:{wide}}  "
    since = f", since {found.since:%Y-%m-%d %H:%M} UTC" if found.since else ""
    told = [_wrapped(head, found.told + since)]
    if found.verdict is Verdict.OK:
        return told
    indent = " " * 10
    told += [f"{indent}{which}" for which in found.which]
    told += [f"{indent}and {found.count - len(found.which)} more"] if found.count > len(found.which) > 0 else []
    return [
        *told,
        *([_wrapped(f"{indent}→ ", found.do)] if found.do else []),
        *([f"{indent}  {found.page}"] if found.see else []),
    ]


def _wrapped(head: str, text: str) -> str:
    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    return textwrap.fill(text, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
