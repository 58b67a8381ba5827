"""The document of the API: valid OpenAPI 3.1, complete, with an example of every body that fits."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi.openapi.models import OpenAPI
from pydantic import TypeAdapter
from support.http import Site
from support.routes import Operation, document, operations

PROBLEM: Final = "application/problem+json"
MENTIONED: Final = re.compile(r"{(\w+)}")
PROMISED: Final[dict[str, dict[int, set[str]]]] = {
    "PUT /v1/agency/clients/{client_id}/subscription": {
        409: {"already_subscribed", "stripe_not_ready", "plan_archived", "agency_frozen"},
        422: {"currency_not_supported"},
    },
    "POST /v1/agency/clients/{client_id}/subscription/plan-changes": {409: {"no_change", "payment_overdue"}},
    "POST /v1/agency/invoices/{invoice_id}/void": {409: {"invoice_paid", "payment_in_progress"}},
    **{
        f"POST /v1/agency/invoices/{{invoice_id}}/{order}": {409: {"invoice_paid", "payment_in_progress"}}
        for order in ("mark-uncollectible", "mark-paid", "reissue")
    },
    "POST /v1/agency/invoices/{invoice_id}/refunds": {409: {"not_paid_on_stripe", "refund_too_large"}},
    "POST /v1/agency/plans/{plan_id}/versions": {409: {"plan_archived"}},
    "POST /v1/agency/plans/import": {409: {"stripe_not_ready"}, 422: {"invalid_fields"}},
    "POST /v1/agency/stripe/onboarding-links": {422: {"country_not_supported"}},
    "POST /v1/portal/billing/invoices/{invoice_id}/payments": {
        409: {"new_card_required", "card_limit", "invoice_not_open", "no_payment_method", "agency_frozen"},
    },
    "POST /v1/agency/clients/{client_id}/subscription/review": {409: {"nothing_to_review"}},
    "PATCH /v1/agency/clients/{client_id}/subscription": {
        409: {"already_cancelled", "stripe_not_ready", "agency_frozen"},
        422: {"currency_not_supported"},
    },
    "PATCH /v1/agency/settings": {409: {"stripe_not_ready"}},
}
"""What http-api.md says of single calls."""
each = pytest.mark.parametrize("operation", operations(), ids=str)


async def test_it_is_served_without_a_token_as_it_is_made(site: Site) -> None:
    answer = await (await site.caller(None)).send("GET", "/openapi.json")
    assert (answer.status_code, answer.json()) == (200, document())


def test_it_is_valid_openapi_3_1() -> None:
    made = OpenAPI.model_validate(document())
    assert made.openapi.startswith("3.1.")
    assert made.info.title == "Retainer"
    assert made.info.version


def test_every_route_of_the_app_is_in_it_and_nothing_else() -> None:
    listed = {(method.upper(), path) for path, item in document()["paths"].items() for method in item}
    assert listed == {(one.method, one.path) for one in operations()}


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    schemas = document()["components"]["schemas"]
    used = {reference.rpartition("/")[2] for reference in _references(document())}
    assert used == set(schemas)


def test_no_two_schemas_have_one_name() -> None:
    """Where two had, each would be named by the module that it stands in."""
    assert [name for name in document()["components"]["schemas"] if "__" in name] == []


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [one.documented["operationId"] for one in operations()]
    assert len(names) == len(set(names))


@each
def test_it_says_who_may_call_it_and_with_what(operation: Operation) -> None:
    said = operation.documented
    assert said["summary"]
    assert said["tags"]
    assert bool(said.get("security")) is (operation.role is not None)
    parameters = {one["name"]: one for one in said.get("parameters", ())}
    assert {name for name, one in parameters.items() if one["in"] == "path"} == set(MENTIONED.findall(operation.path))
    assert all("schema" in one for one in parameters.values())
    keyed = operation.role is not None and operation.method in ("POST", "PUT", "DELETE")
    assert ("Idempotency-Key" in parameters) is keyed


@each
def test_it_says_every_refusal_with_an_example(operation: Operation) -> None:
    expected = {500: {"internal_error"}}
    if operation.role:
        expected |= {401: {"unauthenticated"}, 403: {"forbidden"}}
        expected |= {429: {"too_many_requests"}, 503: {"temporarily_unavailable"}}
    if operation.parameters:
        expected[404] = {"not_found"}
    if operation.body is not None and operation.role:
        expected |= {400: {"unreadable"}, 413: {"body_too_large"}, 415: {"unsupported_media_type"}}
        expected[422] = {"invalid_fields"}
    for status, codes in expected.items():
        assert codes <= _codes(operation, status), (status, codes)
    for status, codes in PROMISED.get(str(operation), {}).items():
        assert codes <= _codes(operation, status), (status, codes)


@pytest.mark.parametrize("operation", [one for one in operations() if one.path.startswith("/webhooks")], ids=str)
def test_a_webhook_is_refused_in_these_ways_only(operation: Operation) -> None:
    assert {status: _codes(operation, int(status)) for status in operation.documented["responses"]} == {
        "200": set(),
        "400": {"bad_signature", "stale_timestamp", "unreadable"},
        "413": {"body_too_large"},
        "500": {"internal_error"},
        "503": {"temporarily_unavailable"},
    }


@each
def test_every_answer_has_an_example_and_its_request_id(operation: Operation) -> None:
    for status, answer in operation.documented["responses"].items():
        assert answer["description"], status
        assert "X-Request-Id" in answer["headers"], status
        for media_type, content in answer.get("content", {}).items():
            if media_type == PROBLEM:
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert all(one["value"]["status"] == int(status) for one in content["examples"].values())
            elif media_type == "application/json":
                assert content["example"] is not None, status


@each
def test_the_example_of_its_answer_is_one(operation: Operation) -> None:
    answers, route = operation.documented["responses"], operation.route
    examples = {
        status: answers[status]["content"]["application/json"]["example"]
        for status in ("200", "201")
        if "application/json" in answers.get(status, {}).get("content", {})
    }
    shows_none = ("/pdf", ".csv", "/metrics", "{signed}", "/callback")
    assert examples or operation.path.endswith(shows_none)
    for status, example in examples.items():
        model = route.responses.get(int(status), {}).get("model", route.response_model)
        if model:
            TypeAdapter(model).validate_python(example)


@each
def test_the_example_of_its_body_is_one(operation: Operation) -> None:
    field = operation.route.body_field
    if field is None:
        return
    assert operation.body
    TypeAdapter(field.field_info.annotation).validate_python(operation.body)


def _codes(operation: Operation, status: int) -> set[str]:
    answer = operation.documented["responses"].get(str(status), {})
    return set(answer.get("content", {}).get(PROBLEM, {}).get("examples", {}))


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
