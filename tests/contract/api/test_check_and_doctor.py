"""`python -m worker check` and `doctor` on a running product: what they say, their exit status, and what they keep."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr
from support.databases import copied, empty
from support.http import Site, environment_of, site_settings
from support.servers import StripeServer
from support.tenant import Tenant
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from adapters.clock import clock_of
from adapters.postgres import inbox
from adapters.postgres.pool import Pool, open_pool
from adapters.settings import Settings
from sandbox.stack import LOOPBACK
from worker import check, report
from worker.agreement import compare_running
from worker.doctor import command, stuck
from worker.doctor.findings import STUCK, UNFIT, WELL, Section

NOBODY: Final = f"{LOOPBACK}:1"
SOON: Final = (0.2, 0.2)
BLIND: Final = "the database cannot be looked at:"
Said = dict[str, Any]


def _secrets(settings: Settings) -> list[str]:
    values = [getattr(settings, name) for name in type(settings).model_fields if name != "database_url"]
    flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    return [one.get_secret_value() for one in flat if isinstance(one, SecretStr)]


@pytest.fixture
def temporal(site: Site) -> str:
    """The address of the site's Temporal, on which a worker works."""
    client: Client = site.app.state.services.temporal
    return client.service_client.config.target_host


@pytest.fixture(scope="module")
async def books(postgres_server: str, template: str) -> AsyncIterator[tuple[str, Pool]]:
    async with copied(postgres_server, template) as dsn, open_pool(dsn, 2) as opened:
        yield dsn, opened


@pytest.fixture
async def pool(books: tuple[str, Pool]) -> Pool:
    """A database in which nothing is stuck."""
    await empty(books[1])
    return books[1]


@pytest.fixture
def settings(site: Site, pool: Pool, books: tuple[str, Pool], stripe_server: StripeServer) -> Settings:
    """The site's, over that database."""
    return site_settings(books[0], stripe_server, site.settings.api_port)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, settings: Settings, temporal: str) -> pytest.MonkeyPatch:
    """The environment of a process of the site's, to be changed."""
    for name, value in {**environment_of(settings), "TEMPORAL_ADDRESS": temporal}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


async def _doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, Mapping[str, Said]]:
    """What it says in JSON, by name; what is well is left out."""
    status = await asyncio.to_thread(command.main, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["status"] == status
    return status, {one["name"]: one for one in said["findings"] if one["verdict"] != "ok"}


async def _check(capsys: pytest.CaptureFixture[str], *, books_only: bool = False) -> tuple[int, Said]:
    status = await asyncio.to_thread(check.main, as_json=True, books_only=books_only)
    said = capsys.readouterr()
    return status, json.loads(said.out) if said.out else {"error": said.err}


# The doctor


async def test_where_all_is_well_the_doctor_says_so_and_shows_no_secret(
    env: pytest.MonkeyPatch, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = await _doctor(capsys)
    assert (status, set(said)) == (WELL, {"RETAINER_ENVIRONMENT", "SMTP_HOST"}), said
    assert await asyncio.to_thread(command.main, as_json=False) == WELL
    told = capsys.readouterr().out
    for section in Section:
        assert f"\n{section.value}\n" in f"\n{told}"
    assert "STRIPE_API_KEY" in told
    assert "set: test mode" in told
    assert [secret for secret in _secrets(settings) if secret in told] == []


async def test_what_is_stuck_is_told_with_its_page_and_status_1(
    env: pytest.MonkeyPatch, settings: Settings, pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    await _event(pool, clock_of(settings).now() - timedelta(hours=2))
    status, said = await _doctor(capsys)
    assert (status, set(said)) == (STUCK, {"RETAINER_ENVIRONMENT", "SMTP_HOST", "undelivered"})
    assert said["undelivered"]["which"] == ["evt_1 (invoice.paid) of acct_gone, tried 0 times"]
    assert said["undelivered"]["see"] == "docs/operations.md#events-are-not-delivered"
    assert await asyncio.to_thread(command.main, as_json=False) == STUCK
    told = capsys.readouterr().out
    assert "WRONG   undelivered" in told
    assert "→ See that a worker runs" in told


async def test_what_is_away_is_told_each_for_itself_and_nothing_hangs(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("TEMPORAL_ADDRESS", NOBODY)
    env.setenv("DATABASE_URL", f"postgresql://retainer:a-real-password@{NOBODY}/retainer")
    env.setenv("STRIPE_API_BASE", f"http://{NOBODY}")
    status, said = await asyncio.wait_for(_doctor(capsys), 30)
    assert status == UNFIT
    unseen = {name: one["see"] for name, one in said.items() if one["verdict"] == "unseen"}
    assert unseen == {
        "PostgreSQL": "docs/operations.md#postgresql-is-down",
        "Temporal": "docs/operations.md#temporal-is-down",
        "Stripe": "docs/operations.md#stripe-is-down",
        "the books": "docs/operations.md#postgresql-is-down",
        "workflows": "docs/operations.md#a-workflow-is-not-running",
    }
    assert "a-real-password" not in json.dumps(said)


async def test_a_key_that_stripe_refuses_and_an_address_that_it_does_not_know_are_told(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("PUBLIC_BASE_URL", "http://elsewhere.example")
    status, said = await _doctor(capsys)
    assert status == UNFIT
    assert said["webhooks"]["told"] == "none is registered for http://elsewhere.example/webhooks/stripe"
    env.setenv("STRIPE_API_KEY", "sk_test_of_nobody")
    status, said = await _doctor(capsys)
    assert (status, said["Stripe"]["told"]) == (UNFIT, "refuses our key")
    assert "sk_test_of_nobody" not in json.dumps(said)


async def test_a_namespace_that_is_not_ours_yet_is_told(
    env: pytest.MonkeyPatch, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    a_day = Duration(seconds=86_400)
    await site.app.state.services.temporal.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace="bare", workflow_execution_retention_period=a_day)
    )
    env.setenv("TEMPORAL_NAMESPACE", "bare")
    status, said = await _doctor(capsys)
    assert status == UNFIT
    assert said["search attributes"]["told"].startswith("not registered, or of another type: RetainerAgency (Keyword)")
    assert said["queue billing"]["told"] == "activities: nobody works on it"
    assert said["queue stripe"]["told"] == "activities: nobody works on it"
    assert said["Stripe limits"]["told"] == "0 steps a second, 0 for one account: 80 and 8 are ours"
    env.setenv("TEMPORAL_NAMESPACE", "nowhere")
    status, said = await _doctor(capsys)
    assert status == UNFIT
    assert "Namespace nowhere is not found" in said["Temporal"]["told"]
    status, said = await _check(capsys)
    assert (status, said["not_compared"][0]) == (check.BLIND, "I9: Temporal refuses (Namespace nowhere is not found.)")


async def test_a_schema_that_is_behind_is_told(
    env: pytest.MonkeyPatch, empty_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("DATABASE_URL", empty_database)
    status, said = await _doctor(capsys)
    assert (status, said["schema"]["told"]) == (UNFIT, "there is none")
    assert said["the books"]["verdict"] == "unseen"
    status, said = await _check(capsys)
    assert (status, said["error"].partition(" relation")[0]) == (check.BLIND, f"{BLIND} UndefinedTableError:")


async def test_a_workflow_that_somebody_ended_is_found(
    own: Tenant, site: Site, env: pytest.MonkeyPatch, temporal: str
) -> None:
    client = await own.subscribed()
    (subscription,) = await site.pool.fetch("SELECT id FROM subscriptions WHERE client_id = $1", client)
    workflows: Client = site.app.state.services.temporal
    later = _Ahead(clock_of(site.settings).now() + timedelta(minutes=10))

    async def missing() -> list[str]:
        (found,) = await stuck.not_running(site.pool, workflows, later)
        return [which for which in found.which if which == f"{subscription['id']} of {own.id}"]

    async def wrong() -> list[str]:
        said = (await compare_running(site.pool, workflows, SOON)).compared.wrong
        return [sentence for sentence in said if subscription["id"] in sentence]

    assert (await missing(), await wrong()) == ([], [])
    await workflows.get_workflow_handle(f"subscription-{subscription['id']}").terminate("by a test")
    assert len(await missing()) == 1
    assert await wrong() == [f"{subscription['id']}: its workflow has ended (terminated), and in the books it runs"]
    await site.pool.execute("UPDATE subscriptions SET finished = true WHERE id = $1", subscription["id"])


# The check


async def test_where_everything_holds_the_check_says_so(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = await _check(capsys)
    assert (status, said["ok"]) == (check.HOLDS, True)
    assert [found["id"] for found in said["invariants"]] == [f"I{number}" for number in range(1, 11)]
    assert [left_out.partition(" (")[0] for left_out in said["not_compared"]] == ["what only Stripe can contradict"]
    assert await asyncio.to_thread(check.main, as_json=False, books_only=False) == check.HOLDS
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told if line.startswith("I")] == [[f"I{n}", "holds"] for n in range(1, 11)]


async def test_an_event_that_took_no_effect_within_the_hour_breaks_one(
    env: pytest.MonkeyPatch, settings: Settings, pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    now = clock_of(settings).now()
    await _event(pool, now - timedelta(minutes=50))
    assert (await _check(capsys, books_only=True))[0] == check.HOLDS
    await pool.execute("UPDATE inbox SET received_at = $1", now - timedelta(minutes=70))
    status, said = await _check(capsys, books_only=True)
    broken = [found for found in said["invariants"] if not found["ok"]]
    assert (status, [found["id"] for found in broken]) == (check.BROKEN, ["I10"])
    assert broken[0]["detail"] == ("1 event accepted, each taken in once – but invoice.paid evt_1 has not taken effect")
    assert await asyncio.to_thread(check.main, as_json=False, books_only=True) == check.BROKEN
    assert "I10  FAILS  1 event accepted" in capsys.readouterr().out


async def test_an_event_that_was_brought_and_never_read_breaks_one(
    own: Tenant, site: Site, env: pytest.MonkeyPatch
) -> None:
    env.setattr(report, "SHOWN", 10_000)  # events of other tests, which no worker takes here, come first
    client = await own.subscribed()
    subscription = await site.pool.fetchval("SELECT id FROM subscriptions WHERE client_id = $1", client)
    now = clock_of(site.settings).now()
    await _event(site.pool, now)
    row = await site.pool.fetchval("SELECT id FROM inbox WHERE event_id = 'evt_1'")
    await site.pool.execute("INSERT INTO inbox_readers VALUES ($1, $2, $3, $4)", row, subscription, own.id, now)

    async def wrong(later: timedelta) -> str:
        checked = await check.check(site.pool, _Ahead(now + later), books_only=True)
        return checked.report.findings[-1].detail

    unread = f"invoice.paid evt_1 was brought to {subscription} and never read"
    assert unread not in await wrong(timedelta(minutes=59))
    assert unread in await wrong(timedelta(minutes=61))
    await inbox.done(site.pool, row, now)
    assert unread not in await wrong(timedelta(minutes=61))


async def test_without_temporal_the_books_are_checked_and_the_rest_is_not_vouched_for(
    env: pytest.MonkeyPatch, pool: Pool, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("TEMPORAL_ADDRESS", NOBODY)
    status, said = await _check(capsys)
    assert (status, said["ok"]) == (check.BLIND, False)
    assert [found["ok"] for found in said["invariants"]] == [True] * 9
    assert said["not_compared"][0].startswith("I9: Temporal does not answer")
    await _event(pool, clock_of(settings).now() - timedelta(hours=2))
    assert (await _check(capsys))[0] == check.BROKEN


async def test_where_temporals_variables_cannot_be_used_the_books_are_checked_all_the_same(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("TEMPORAL_ADDRESS", "no address")
    status, said = await _check(capsys)
    assert (status, [found["ok"] for found in said["invariants"]]) == (check.BLIND, [True] * 9)
    assert said["not_compared"][0] == "I9: Temporal's configuration cannot be used (ValueError)"


async def test_without_its_database_the_check_says_what_it_misses(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("DATABASE_URL", f"postgresql://retainer:a-real-password@{NOBODY}/retainer")
    status, said = await _check(capsys)
    assert (status, said["error"].startswith(BLIND)) == (check.BLIND, True)
    assert "a-real-password" not in said["error"]


async def test_each_command_refuses_settings_that_are_not_fit_with_status_2() -> None:
    bare = {"PATH": os.environ["PATH"], "TEMPORAL_ADDRESS": NOBODY, "STRIPE_API_KEY": "sk_test_too_short"}

    async def told(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker", *arguments),
            env=bare,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()

    works, checks, examines = await asyncio.gather(told(), told("check"), told("doctor"))
    for status, printed in (works, checks, examines):
        assert status == 2
        assert "DATABASE_URL" in printed
        assert "is missing" in printed
        assert "sk_test_too_short" not in printed
    assert works == checks, "the worker itself"
    assert "docs/operations.md#settings-are-refused" in examines[1]


async def _event(pool: Pool, received_at: datetime) -> None:
    """An event of an account that nobody knows, which delivery has not got to."""
    await inbox.receive(
        pool,
        account="acct_gone",
        event_id="evt_1",
        type="invoice.paid",
        object_id="in_1",
        customer_id=None,
        created_at=received_at,
        payload={},
        received_at=received_at,
        deliver_after=received_at + timedelta(days=1),
    )


class _Ahead:
    """A clock that stands somewhere else."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        return self._instant
