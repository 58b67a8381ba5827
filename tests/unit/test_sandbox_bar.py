"""What the sandbox's bar lets in and leads back to, and what it says when something did not come about."""

from types import SimpleNamespace

import httpx
import pytest
from starlette.requests import Request

from api.problems import Forbidden
from api.tokens import Caller, Role
from sandbox.caller import ApiRefused
from sandbox.web.asking import Whom, in_words, whom
from sandbox.web.door import check_host, check_origin
from sandbox.web.links import own_path

HERE = "127.0.0.1:8000"
ENTRY = {"client_id": "clt_1", "agency_id": "agc_1"}


@pytest.mark.parametrize("path", ["/portal/billing", "/portal", "/agency/clients?cursor=a%20b", "/sandbox/mail/dlv_1"])
def test_it_leads_back_to_pages_that_it_lies_under(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//evil.example/portal",
        "https://evil.example/portal",
        "/portal\\@evil.example",
        "/portal\r\nSet-Cookie: a=b",
        "portal",
        "/portals",
        "/v1/agency",
        "/login?token=x",
        "javascript:alert(1)",
        "/sandbox/errands/1",
    ],
)
def test_it_leads_nowhere_else(path: str) -> None:
    assert own_path(path) is None


def sent(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": named})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": HERE, "origin": f"http://{HERE}", "sec_fetch_site": "same-origin"},
        {"host": HERE, "origin": f"http://{HERE}"},
        {"host": HERE, "origin": "null", "sec_fetch_site": "same-origin"},
        {"host": "localhost:8000", "origin": "http://localhost:8000", "sec_fetch_site": "same-origin"},
    ],
)
def test_a_form_of_our_own_pages_is_taken(headers: dict[str, str]) -> None:
    check_origin(sent(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": HERE},
        {"host": HERE, "origin": "null"},
        {"host": HERE, "origin": "http://evil.example", "sec_fetch_site": "cross-site"},
        {"host": HERE, "origin": "http://127.0.0.1:9999", "sec_fetch_site": "same-site"},
        {"host": HERE, "origin": f"http://{HERE}", "sec_fetch_site": "cross-site"},
    ],
)
def test_no_other_form_is_taken(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        check_origin(sent(**headers))


@pytest.mark.parametrize("host", [HERE, "127.0.0.1", "localhost:8000", "[::1]:8000"])
def test_the_sandbox_answers_to_this_machines_names(host: str) -> None:
    check_host(sent(host=host))


@pytest.mark.parametrize(
    "headers", [{}, {"host": ""}, {"host": "evil.example:8000"}, {"host": "127.0.0.1.evil.example"}]
)
def test_the_sandbox_answers_to_no_other_name(headers: dict[str, str]) -> None:
    """One of somebody else's that leads to this machine."""
    with pytest.raises(Forbidden):
        check_host(sent(**headers))


@pytest.mark.parametrize(
    ("path", "client"),
    [
        ("/agency/clients/clt_1", "clt_1"),
        ("/agency/clients/clt_1/invoices", "clt_1"),
        ("/agency/clients", None),
        ("/agency/invoices/inv_1", None),
    ],
)
def test_on_the_dashboard_the_address_says_whose_page_it_is(path: str, client: str | None) -> None:
    request = Request({"type": "http", "method": "GET", "path": path, "headers": []})
    assert whom(request) == Whom()
    request.state.visit = SimpleNamespace(signed=SimpleNamespace(caller=Caller(Role.AGENCY, "somebody", "agc_1")))
    assert whom(request) == Whom("agc_1", client)


def test_facts_are_told_to_whom_they_are_about() -> None:
    assert [Whom(*of).is_about(ENTRY) for of in ((), ("agc_1",), ("agc_1", "clt_1"))] == [True] * 3
    assert [Whom(*of).is_about(ENTRY) for of in (("agc_2",), ("agc_1", "clt_2"))] == [False] * 2


def test_what_did_not_come_about_is_said_in_words() -> None:
    waiting = {"code": "not_at_rest", "detail": "Still waiting for: sub_1 runs charge (try 2)"}
    assert in_words(refused(504, waiting)) == (
        "The time machine is still at work, still waiting for: sub_1 runs charge (try 2). "
        "Nothing is lost: look again in a moment."
    )
    named = {"code": "refused", "detail": "…", "errors": [{"field": "body", "detail": "Customer cus_1 has no card"}]}
    assert in_words(refused(422, named)) == "Customer cus_1 has no card."
    assert in_words(refused(409, {"code": "no_payment_method", "detail": "No customer yet."})) == "No customer yet."


def refused(status: int, problem: dict[str, object]) -> ApiRefused:
    return ApiRefused("POST", "/", httpx.Response(status, json=problem))
