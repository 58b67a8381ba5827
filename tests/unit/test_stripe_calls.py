"""Each request to Stripe is seen by the name of its call and one word for its result, never by its address."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.stripe import calls, keys
from adapters.stripe.calls import OTHER, call_name, key_kind, result_of, seen
from adapters.telemetry.metrics import REGISTRY

BASE = "https://api.stripe.com/v1"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("post", "/invoices/in_1/pay", "invoices.pay"),
        ("post", "/invoices", "invoices.create"),
        ("get", "/invoices?customer=cus_1&limit=100", "invoices.list"),
        ("get", "/invoices/in_1", "invoices.retrieve"),
        ("get", "/invoices/in_1/lines?limit=100", "invoices.line_items.list"),
        ("post", "/checkout/sessions", "checkout.sessions.create"),
        ("get", "/customers?email=anna%40cedar.example", "customers.list"),
        ("get", "/country_specs/US", "country_specs.retrieve"),
        ("delete", "/customers/cus_1", OTHER),
        ("post", "/anna@cedar.example/pay", OTHER),
    ],
)
def test_a_call_has_the_official_clients_name(method: str, path: str, name: str) -> None:
    assert call_name(method, BASE + path) == name


def test_each_call_that_we_make_has_a_name() -> None:
    code = "\n".join(file.read_text() for file in sorted(Path(calls.__file__).parent.glob("*.py")))
    made = re.findall(r"\.v1\.([a-z_.]+)_async\(", code)
    assert len(made) > 15
    assert sorted(set(made) - set(calls._NAMES.values())) == []


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, "ok"),
        (400, "refused"),
        (402, "declined"),
        (404, "refused"),
        (409, "try_later"),
        (429, "try_later"),
        (500, "failed"),
    ],
)
def test_a_result_is_one_of_few_words(status: int, result: str) -> None:
    assert result_of(status) == result


def test_the_kind_of_a_key_says_what_is_written_and_no_id() -> None:
    made = {
        name: make for name, make in inspect.getmembers(keys, inspect.isfunction) if name not in ("era", "in_series")
    }
    kinds = {key_kind(_made(make)) for make in made.values()}
    assert len(kinds) == len(made)
    assert all("ID" not in kind and kind.count(":") <= 1 for kind in kinds), kinds
    assert key_kind(keys.in_series(keys.invoice_create("ID"), "1.2")) == "invoice:create"


def _made(make: Any) -> str:
    given = {name: 7 if one.annotation is int else "ID" for name, one in inspect.signature(make).parameters.items()}
    key: str = make(**given)
    return key


def test_a_request_that_is_never_answered_counts_as_that() -> None:
    labels = {"call": "invoices.pay", "result": "no_answer"}
    before = REGISTRY.get_sample_value("retainer_stripe_calls_total", labels) or 0
    with pytest.raises(ConnectionError), seen("post", f"{BASE}/invoices/in_1/pay", {}):
        raise ConnectionError
    assert REGISTRY.get_sample_value("retainer_stripe_calls_total", labels) == before + 1
