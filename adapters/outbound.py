"""Webhooks to agencies' programs, signed as Standard Webhooks has it, and to nobody inside our own network.

An address is somebody else's word. It is looked up here, every address that it has must be a public one, and the
connection goes to the very one that was looked at: a name that means something else a moment later changes nothing.
Redirects are not followed, and of the answer no more than its status is read.
"""

import asyncio
import base64
import ipaddress
import json
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook

from adapters.handover import NotTaken
from adapters.process import version

_SECONDS: Final = 10.0
_ALL_SECONDS: Final = 20.0
"""With the look-up, and however slowly the answer comes: within the lease of a delivery."""
_SECRET_BYTES: Final = 24
_GONE: Final = 410
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def payload(type: str, at: datetime, data: dict[str, Any]) -> bytes:
    """The body: the same bytes for the same message, whenever it is sent."""
    said = {"type": type, "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(said, separators=(",", ":")).encode()


def signed(message: str, body: bytes, signing: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers; one signature for each secret, so that either proves it while they are rotated."""
    signatures = [Webhook(secret).sign(message, now, body.decode()) for secret in signing]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def complaint(url: str, *, anywhere: bool) -> str | None:
    """Why nothing is sent to this address; none: it may be tried. `anywhere` is the sandbox's freedom."""
    try:
        parts = urlsplit(url)
        port = parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        return "is not a web address"
    if not url.isprintable() or " " in url:
        return "is not a web address"
    if parts.scheme not in (("https", "http") if anywhere else ("https",)) or not parts.hostname or port == 0:
        return "is not an absolute https address"
    if parts.username is not None or parts.password is not None or parts.fragment or "\\" in url:
        return "must hold neither a login nor a fragment"
    if not anywhere and _is_address(parts.hostname) and not is_public(parts.hostname):
        return "is not a public address"
    return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether it lies in the public internet, in whichever form it is written."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour or ip.teredo or ip in _NAT64:
            return False  # an IPv4 address in disguise
    return ip.is_global and not ip.is_multicast


class WebhookSender:
    """Sends signed bodies. `anywhere`: also without TLS, and to this machine: in the sandbox only."""

    def __init__(self, http: httpx.AsyncClient, *, anywhere: bool) -> None:
        self._http = http
        self._anywhere = anywhere

    async def send(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status, when it is a success. Raises NotTaken."""
        if wrong := complaint(url, anywhere=self._anywhere):
            raise NotTaken(f"the address {wrong}", for_good=True)
        try:
            async with asyncio.timeout(_ALL_SECONDS):
                status = await self._status(url, body, headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise NotTaken(f"no answer ({type(error).__name__})") from error
        if 200 <= status < 300:
            return status
        raise NotTaken(f"answered {status}", status, for_good=status == _GONE)

    async def _status(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        asked = httpx.URL(url)
        host = asked.raw_host.decode()
        address = await self._address(host, asked.port or {"https": 443, "http": 80}[asked.scheme])
        request = self._http.build_request(
            "POST",
            asked.copy_with(host=address),
            content=body,
            headers={**headers, "host": asked.netloc.decode(), "content-type": "application/json"},
            # The certificate has to be that of the name, though the connection goes to an address.
            extensions={"sni_hostname": host},
        )
        answer = await self._http.send(request, stream=True, follow_redirects=False)
        await answer.aclose()
        return answer.status_code

    async def _address(self, host: str, port: int) -> str:
        """Where the name leads now. Raises NotTaken when any of its addresses is not public, OSError for no name."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        if not self._anywhere and not all(map(is_public, addresses)):
            raise NotTaken("the name leads to an address that is not public")
        return addresses[0]


@asynccontextmanager
async def webhook_sender(*, anywhere: bool) -> AsyncIterator[WebhookSender]:
    """No connection is kept: names that share an address must never share one."""
    limits = httpx.Limits(max_keepalive_connections=0)
    agent = {"user-agent": f"Retainer/{version()}"}
    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False, limits=limits, headers=agent) as http:
        yield WebhookSender(http, anywhere=anywhere)
