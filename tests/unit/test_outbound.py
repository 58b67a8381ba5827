"""Webhooks to agencies' programs: signed per Standard Webhooks, and never to anybody inside our own network."""

import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.handover import NotTaken
from adapters.outbound import WebhookSender, complaint, is_public, new_secret, payload, signed, webhook_sender
from sandbox.ports import free_port
from sandbox.up import serving

BODY = payload("payment_failed", datetime(2026, 3, 1, tzinfo=UTC), {"id": "ntf_one"})


def test_a_message_proves_itself_to_the_library_with_either_secret_while_they_are_rotated() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = signed("dlv_one", BODY, [new, old], datetime.now(UTC))
    for secret in (old, new):
        said = Webhook(secret).verify(BODY, headers)
        assert said == {"type": "payment_failed", "timestamp": "2026-03-01T00:00:00Z", "data": {"id": "ntf_one"}}
    for body, secret in ((BODY, other), (BODY + b" ", new)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)
    assert len({old, new, other}) == 3
    assert all(secret.startswith("whsec_") for secret in (old, new))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "2002:7f00:1::"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
async def test_nothing_is_sent_into_our_own_network(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_public(address)
    literal = f"[{address}]" if ":" in address else address
    if "%" not in address:
        assert complaint(f"https://{literal}/hook", anywhere=False) == "is not a public address"
    _resolve(monkeypatch, "93.184.216.34", address)
    async with webhook_sender(anywhere=False) as sender:
        with pytest.raises(NotTaken, match="not public"):
            await sender.send("https://hooks.brightvoice.io/", BODY, {})


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8"])
def test_the_public_internet_is_reached(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://hooks.brightvoice.io",
            "ftp://hooks.brightvoice.io",
            "https://",
            "hooks.brightvoice.io",
            "https:///x",
        ),
        *("https://user:pass@hooks.brightvoice.io", "https://user@hooks.brightvoice.io", "https://h.io/#part"),
        *("https://hooks.brightvoice.io:0", "https://hooks.brightvoice.io:99999", "https://a b.io", "https://h.io\n/x"),
        *("https://[::1", "https://h.io\\@evil.io", ""),
    ],
)
def test_what_is_no_address_of_the_public_internet_is_refused(url: str) -> None:
    assert complaint(url, anywhere=False)


def test_in_the_sandbox_this_machine_is_reached_and_outside_it_is_not() -> None:
    assert complaint("http://127.0.0.1:8000/hook", anywhere=True) is None
    assert complaint("http://127.0.0.1:8000/hook", anywhere=False)
    assert complaint("https://hooks.brightvoice.io/hook?agency=1", anywhere=False) is None


def _resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name leads to these addresses; the names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(str(host))
        bare = [address.partition("%")[0] for address in addresses]
        return [
            (
                socket.AF_INET6 if ip_address(one).version == 6 else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port),
            )
            for one in bare
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


class Receiver:
    """An agency's program: answers with `status`, and endlessly when it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.endless = False
        self.location = ""
        self.heard: list[tuple[dict[str, str], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        self.heard.append(({name.decode(): value.decode() for name, value in scope["headers"]}, body))
        headers = [(b"location", self.location.encode())] if self.location else []
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        while self.endless:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, int]]:
    made, port = Receiver(), free_port()
    async with serving(made, port):
        yield made, port


async def test_the_connection_goes_to_the_address_that_was_looked_at_under_the_endpoints_name(
    receiver: tuple[Receiver, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, port = receiver
    asked = _resolve(monkeypatch, "127.0.0.1")
    async with webhook_sender(anywhere=True) as sender:
        assert await sender.send(f"http://hooks.test:{port}/in?a=1", BODY, {"webhook-id": "dlv_one"}) == 200
    assert asked == ["hooks.test"], "looked up once: a second answer could be another"
    headers, body = heard.heard[0]
    assert (headers["host"], headers["webhook-id"], body) == (f"hooks.test:{port}", "dlv_one", BODY)


async def test_a_redirect_is_no_success_and_is_not_followed(receiver: tuple[Receiver, int]) -> None:
    heard, port = receiver
    heard.status, heard.location = 307, f"http://127.0.0.1:{port}/inside"
    async with webhook_sender(anywhere=True) as sender:
        with pytest.raises(NotTaken) as refused:
            await sender.send(f"http://127.0.0.1:{port}/", BODY, {})
    assert (refused.value.answer, refused.value.for_good, len(heard.heard)) == (307, False, 1)


async def test_of_an_endless_answer_no_more_is_read_than_its_status(receiver: tuple[Receiver, int]) -> None:
    heard, port = receiver
    heard.endless = True
    async with webhook_sender(anywhere=True) as sender:
        assert await sender.send(f"http://127.0.0.1:{port}/", BODY, {}) == 200
    heard.endless = False


@pytest.mark.parametrize(("status", "for_good"), [(500, False), (404, False), (410, True), (301, False)])
async def test_only_gone_is_for_good(receiver: tuple[Receiver, int], status: int, for_good: bool) -> None:
    heard, port = receiver
    heard.status = status
    async with webhook_sender(anywhere=True) as sender:
        with pytest.raises(NotTaken) as refused:
            await sender.send(f"http://127.0.0.1:{port}/", BODY, {})
    assert (refused.value.answer, refused.value.for_good) == (status, for_good)


async def test_who_does_not_answer_in_time_has_not_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with httpx.AsyncClient(timeout=0.2, trust_env=False) as http:
            with pytest.raises(NotTaken, match=r"no answer \(ReadTimeout\)"):
                await WebhookSender(http, anywhere=True).send(f"http://127.0.0.1:{silent.getsockname()[1]}/", BODY, {})


async def test_the_certificate_has_to_be_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = _certificate(tmp_path, "hooks.test")
    heard, port = Receiver(), free_port()
    trusted = ssl.create_default_context(cafile=certificate)
    _resolve(monkeypatch, "127.0.0.1")
    serving_tls = serving(heard, port, ssl_certfile=certificate, ssl_keyfile=key)
    async with serving_tls, httpx.AsyncClient(timeout=5, trust_env=False, verify=trusted) as http:
        sender = WebhookSender(http, anywhere=True)
        assert await sender.send(f"https://hooks.test:{port}/", BODY, {}) == 200
        with pytest.raises(NotTaken, match="no answer"):
            await sender.send(f"https://other.test:{port}/", BODY, {})
    assert len(heard.heard) == 1


def _certificate(folder: Path, name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(certificate), str(private)
