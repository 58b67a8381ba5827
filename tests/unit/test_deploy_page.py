"""docs/deploy.md against the code: what it says of names and lists is true of this version."""

import re

import pytest
import stripe
from stripe.params import WebhookEndpointCreateParams
from support.deployment import CHECKOUT, compose, example, interpolated, read, script

from adapters.settings import Settings
from adapters.stripe import calls
from adapters.stripe.platform import NEEDED_EVENTS
from api.usage import BODY_LIMIT
from api.webhooks import BODY_LIMIT as EVENT_LIMIT
from billing.ledger import ABOUT_CARDS
from sandbox.temporal import SEARCH_ATTRIBUTES
from worker import events, queues

PAGE = read("docs/deploy.md")
ACTED_ON = (
    *events._ABOUT_ACCOUNTS,
    *events._ABOUT_INVOICES,
    events._ABOUT_REFUNDS,
    events._ABOUT_DISPUTES,
    *ABOUT_CARDS,
)
EVENTS = re.findall(r"^([a-z_]+(?:\.[a-z_]+)+)$", PAGE, flags=re.M)


@pytest.mark.parametrize("name", ["roles", "grants"])
def test_its_statements_are_those_that_compose_runs(name: str) -> None:
    assert f"```sql\n{script(compose()['configs'][name]['content'])}```\n" in PAGE


def test_each_event_that_it_lists_is_acted_on_and_none_of_a_kind_is_left_out() -> None:
    assert len(EVENTS) == len(set(EVENTS)) > 20
    assert [event for event in EVENTS if not event.startswith(ACTED_ON)] == []
    assert [kind for kind in ACTED_ON if not any(event.startswith(kind) for event in EVENTS)] == []
    assert {*events._FAILURES, events._DISCONNECTED} <= set(EVENTS)


def test_its_events_are_those_that_the_doctor_misses() -> None:
    assert set(EVENTS) == NEEDED_EVENTS


@pytest.mark.parametrize("command", ["doctor", "check"])
def test_it_says_how_to_ask_whether_all_is_well(command: str) -> None:
    _, well = PAGE.split("## Is it well?")
    assert f"| `python -m worker {command}`" in well


def test_a_restricted_key_may_read_what_the_doctor_looks_at() -> None:
    (rights,) = re.findall(r"or a restricted one with,(.+?)\n3\.", PAGE, flags=re.S)
    said = " ".join(rights.split())
    resources = {name.split(".")[0] for name in calls._NAMES.values()} - {"checkout"}
    missing = {name for name in resources if name.replace("_", " ").title() not in said}
    assert missing == set()


def test_each_event_that_it_lists_is_one_of_stripes() -> None:
    known = re.findall(r"[a-z_.]+", str(WebhookEndpointCreateParams.__annotations__["enabled_events"]))
    assert set(EVENTS) <= set(known)


def test_it_names_the_api_version_that_we_speak() -> None:
    assert re.findall(r"`(\d{4}-\d{2}-\d{2}\.[a-z]+)`", PAGE) == [stripe.api_version]


def test_each_variable_that_it_names_is_one() -> None:
    given, offered = example()
    known = {name.upper() for name in Settings.model_fields} | given.keys() | offered.keys() | interpolated().keys()
    known |= {"NUM_HISTORY_SHARDS", "TEMPORAL_TLS_CLIENT_CERT_PATH"}
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", PAGE))
    assert len(named) > 15
    assert {name for name in named if name not in known and not name.endswith("_")} == set()


def test_its_figures_are_those_of_the_code() -> None:
    default = Settings.model_fields
    assert f"`WORKER_GRACEFUL_SHUTDOWN_SECONDS`, {default['worker_graceful_shutdown_seconds'].default:g} by" in PAGE
    assert f"`DATABASE_POOL_SIZE` ({default['database_pool_size'].default})" in PAGE
    total, each = queues.STRIPE_STEPS_PER_SECOND, queues.STRIPE_STEPS_PER_SECOND_AND_ACCOUNT
    assert f"{total:g} steps a second, {each:g} for each connected account" in PAGE
    assert f"calls {BODY_LIMIT >> 20} MiB, webhooks {EVENT_LIMIT >> 20} MiB" in PAGE
    for name, kind in SEARCH_ATTRIBUTES.items():
        assert f"| `{name}` | {kind} |" in PAGE
        assert f"--name {name} --type {kind}" in PAGE


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE):
        assert (CHECKOUT / "docs" / target).exists(), target
