"""Bad input to every operation: the right refusal, in one form, and nothing in the books has changed.

The walk takes its operations from the running app. Nothing else moves these books: no worker stands behind this site.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from support.databases import copied
from support.house import DAY, START, House
from support.http import Site, running_site
from support.routes import Operation, operations, secured
from support.servers import StripeServer

from adapters.postgres.ledger import PostgresStore
from api.tokens import MANAGE_BILLING, Role
from api.webhooks import BODY_LIMIT as WEBHOOK_LIMIT
from billing.facts import InvoiceParked

Case = tuple[dict[str, Any], int, str]
"""A request, and the status and code that it is answered with."""
JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Quiet:
    """Two agencies with a client, an invoice and a message each, over which nothing happens by itself."""

    site: Site
    http: httpx.AsyncClient
    tokens: dict[Role, str] = field(default_factory=dict)
    ours: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)

    async def ask(self, operation: Operation, ids: dict[str, str], **how: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[operation.role]}"} if operation.role else {}
        headers |= how.pop("headers", {})
        return await self.http.request(operation.method, operation.address(ids), headers=headers, **how)

    async def books(self) -> dict[str, str]:
        """What stands in each table, as a digest; keys of requests are not business."""
        tables = await self.site.pool.fetch(
            "SELECT relname FROM pg_stat_user_tables WHERE relname <> 'idempotency_keys'"
        )
        digest = "SELECT '{0}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {0} t"
        query = " UNION ALL ".join(digest.format(table["relname"]) for table in tables)
        return dict(await self.site.pool.fetch(query))


@pytest.fixture(scope="session")
async def quiet(postgres_server: str, template: str, stripe_server: StripeServer) -> AsyncIterator[Quiet]:
    async with (
        copied(postgres_server, template) as database,
        running_site(database, stripe_server, "127.0.0.1:1") as site,
        httpx.AsyncClient(base_url=site.base, verify=False) as http,
    ):
        made = Quiet(site, http, ours=await _furnish(site, "one"), theirs=await _furnish(site, "two"))
        agency, client = "agc_one", made.ours["client_id"]
        made.tokens[Role.PLATFORM] = site.token(Role.PLATFORM)
        made.tokens[Role.AGENCY] = site.token(Role.AGENCY, agency)
        made.tokens[Role.SERVICE] = site.token(Role.SERVICE, agency)
        made.tokens[Role.CLIENT] = site.token(Role.CLIENT, agency, client, MANAGE_BILLING)
        yield made


async def _furnish(site: Site, name: str) -> dict[str, str]:
    """An agency with one of everything; the ids by the names of the paths' parameters."""
    house = House(site.pool, PostgresStore(site.pool))
    own = {"agency": f"agc_{name}", "account": f"acct_{name}", "plan": f"pln_{name}"}
    await house.agency(**own)
    client = await house.client(name, own["agency"], own["account"])
    state = await house.issue(await house.subscribe(name, **own), START)
    await house.record(state, InvoiceParked(START + DAY, state.debt[0].id, "impossible"))
    told = await house.value("SELECT id FROM notifications WHERE agency_id = $1 AND audience = 'agency'", own["agency"])
    return {
        "agency_id": own["agency"],
        "client_id": client,
        "plan_id": own["plan"],
        "invoice_id": state.debt[0].id,
        "notification_id": told,
        "endpoint_id": "whe_1",
        "delivery_id": "dlv_1",
        "signed": "nobodys",
    }


def check(answer: httpx.Response, status: int, code: str, case: object) -> None:
    assert answer.status_code == status, (case, answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", case
    assert len(answer.headers["X-Request-Id"]) >= 8, case
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code), (case, problem)
    assert problem["title"], case
    assert problem["detail"], case
    assert problem["type"] == "about:blank", case
    assert all(error.keys() == {"field", "detail"} for error in problem.get("errors", ())), case


def _each(chosen: tuple[Operation, ...]) -> Any:
    return pytest.mark.parametrize("operation", chosen, ids=str)


TAKING_BODIES: Final = tuple(one for one in secured() if one.body is not None)
BODILESS: Final = tuple(one for one in secured() if one.body is None and one.method in ("POST", "PUT", "PATCH"))
WITH_IDS: Final = tuple(one for one in secured() if one.parameters)


@_each(secured())
async def test_who_has_no_token_or_another_role_is_refused(quiet: Quiet, operation: Operation) -> None:
    before = await quiet.books()
    for bad in ("", "Bearer", "Bearer nonsense", f"Basic {quiet.tokens[Role.AGENCY]}", quiet.tokens[Role.AGENCY]):
        answer = await quiet.ask(operation, quiet.ours, headers={"Authorization": bad}, content=b"{")
        check(answer, 401, "unauthenticated", bad)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for role in set(Role) - {operation.role}:
        token = {"Authorization": f"Bearer {quiet.tokens[role]}"}
        check(await quiet.ask(operation, quiet.ours, headers=token, content=b"{"), 403, "forbidden", role)
    assert await quiet.books() == before


@_each(TAKING_BODIES)
async def test_a_body_that_is_wrong_in_form_is_refused(quiet: Quiet, operation: Operation) -> None:
    before = await quiet.books()
    for how, status, code in _wrong_forms(operation):
        check(await quiet.ask(operation, quiet.ours, **how), status, code, str(how)[:80])
    large = b'{"name": "' + b"x" * operation.body_limit + b'"}'
    check(await quiet.ask(operation, quiet.ours, content=large, headers=JSON), 413, "body_too_large", "declared")
    check(await quiet.ask(operation, quiet.ours, content=_in_parts(large), headers=JSON), 413, "body_too_large", "sent")
    assert await quiet.books() == before


def _wrong_forms(operation: Operation) -> Iterator[Case]:
    whole = json.dumps(operation.body).encode()
    for broken in (b"{", whole[:-1], whole + b"}", b"\xff\xfe", b"{'name': 1}", b'{"name": NaN'):
        yield {"content": broken, "headers": JSON}, 400, "unreadable"
    for another in ([], [operation.body], "text", 1, True):
        yield {"content": json.dumps(another).encode(), "headers": JSON}, 422, "invalid_fields"
    if operation.documented["requestBody"].get("required"):
        yield {"content": b"null", "headers": JSON}, 422, "invalid_fields"
        yield {"content": b"", "headers": JSON}, 422, "invalid_fields"
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"):
        yield {"content": whole, "headers": {"Content-Type": media_type}}, 415, "unsupported_media_type"
    yield {"content": whole}, 415, "unsupported_media_type"


async def _in_parts(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65536):
        yield body[start : start + 65536]


@_each(TAKING_BODIES)
async def test_every_field_of_a_wrong_type_or_unknown_is_refused_by_its_name(
    quiet: Quiet, operation: Operation
) -> None:
    before = await quiet.books()
    for name, value in operation.body.items():
        wrong = 7 if isinstance(value, dict) else {"wrong": True}
        answer = await quiet.ask(operation, quiet.ours, json={**operation.body, name: wrong})
        check(answer, 422, "invalid_fields", name)
        assert {error["field"].partition(".")[0] for error in answer.json()["errors"]} == {name}
    answer = await quiet.ask(operation, quiet.ours, json={**operation.body, "surprise": 1})
    check(answer, 422, "invalid_fields", "surprise")
    assert [error["field"] for error in answer.json()["errors"]] == ["surprise"]
    for key in ("", "two words", "x" * 256):
        if operation.method != "PATCH":
            answer = await quiet.ask(operation, quiet.ours, json=operation.body, headers={"Idempotency-Key": key})
            check(answer, 422, "invalid_fields", key)
    assert await quiet.books() == before


@_each(BODILESS)
async def test_a_body_where_none_is_taken_is_refused(quiet: Quiet, operation: Operation) -> None:
    before = await quiet.books()
    surprise = {"json": {"surprise": 1}}
    check(await quiet.ask(operation, quiet.ours, **surprise), 422, "invalid_fields", surprise)
    text = {"content": b"text", "headers": {"Content-Type": "text/plain"}}
    check(await quiet.ask(operation, quiet.ours, **text), 415, "unsupported_media_type", text)
    large = {"content": b"x" * (operation.body_limit + 1), "headers": JSON}
    check(await quiet.ask(operation, quiet.ours, **large), 413, "body_too_large", "large")
    assert await quiet.books() == before


@_each(WITH_IDS)
async def test_another_tenants_ids_and_ids_of_nothing_are_not_found(quiet: Quiet, operation: Operation) -> None:
    before = await quiet.books()
    nothing = {name: f"{id[:4]}nothing" for name, id in quiet.ours.items()}
    impossible = dict.fromkeys(quiet.ours, "%27%20OR%201=1")
    strangers = (nothing, impossible) if operation.role is Role.PLATFORM else (quiet.theirs, nothing, impossible)
    for ids in strangers:
        check(await quiet.ask(operation, ids, json=operation.body), 404, "not_found", ids)
    assert await quiet.books() == before


@_each(tuple(one for one in secured() if one.role is Role.CLIENT))
async def test_a_token_with_a_client_of_another_agency_opens_nothing(quiet: Quiet, operation: Operation) -> None:
    before = await quiet.books()
    token = quiet.site.token(Role.CLIENT, "agc_one", quiet.theirs["client_id"], MANAGE_BILLING)
    for ids in (quiet.ours, quiet.theirs):
        answer = await quiet.ask(operation, ids, json=operation.body, headers={"Authorization": f"Bearer {token}"})
        check(answer, 404, "not_found", ids)
    assert await quiet.books() == before


@_each(tuple(one for one in secured() if one.method == "GET"))
async def test_no_list_takes_a_question_that_it_does_not_know(quiet: Quiet, operation: Operation) -> None:
    queries = {
        parameter["name"] for parameter in operation.documented.get("parameters", ()) if parameter["in"] == "query"
    }
    for name in queries:
        answer = await quiet.ask(operation, quiet.ours, params={name: "\x00"})
        check(answer, 422, "invalid_fields", name)
        assert [error["field"] for error in answer.json()["errors"]] == [name]
    if queries:
        check(await quiet.ask(operation, quiet.ours, params={"surprise": 1}), 422, "invalid_fields", "surprise")


@pytest.mark.parametrize("path", sorted({one.path for one in operations()}))
async def test_a_method_that_a_path_does_not_take_is_405_and_says_which_it_takes(quiet: Quiet, path: str) -> None:
    address = next(one.address(quiet.ours) for one in operations() if one.path == path)
    here = [one for one in operations() if one.answers(address)]
    headers = {"Authorization": f"Bearer {quiet.tokens[here[0].role or Role.AGENCY]}"}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {one.method for one in here}:
        answer = await quiet.http.request(method, address, headers=headers)
        check(answer, 405, "method_not_allowed", method)
        assert set(answer.headers["Allow"].split(", ")) == {one.method for one in here}


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/agency", "/v1/agency/clients/", "/v1/portal/billing/plan", "/docs", "//"]
)
async def test_an_address_of_nothing_is_not_found(quiet: Quiet, path: str) -> None:
    token = {"Authorization": f"Bearer {quiet.tokens[Role.CLIENT]}"}
    for method in ("GET", "POST"):
        check(await quiet.http.request(method, path, headers=token), 404, "not_found", method)


@_each(tuple(one for one in operations() if one.path.startswith("/webhooks")))
async def test_what_is_no_signed_event_is_refused(quiet: Quiet, operation: Operation) -> None:
    before = await quiet.books()
    for body in (b"", b"{", b"[]", b'{"id": "evt_1"}', b"\xff"):
        for signature in (
            {},
            {"Stripe-Signature": ""},
            {"Stripe-Signature": "t=1,v1=00"},
            {"Stripe-Signature": b"\xe9"},
        ):
            answer = await quiet.ask(operation, {}, content=body, headers=signature)
            assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
            assert answer.json()["code"] in ("bad_signature", "stale_timestamp"), answer.text
    check(await quiet.ask(operation, {}, content=b"{}"), 400, "bad_signature", "unsigned")
    large = b"x" * (WEBHOOK_LIMIT + 1)
    check(await quiet.ask(operation, {}, content=large), 413, "body_too_large", "large")
    assert await quiet.books() == before


async def test_a_request_id_of_the_callers_own_comes_back_when_it_has_a_usable_form(quiet: Quiet) -> None:
    for given, kept in (("request-0001", True), ("x", False), ("a" * 65, False), ("with space!", False)):
        answer = await quiet.http.get("/livez", headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is kept
