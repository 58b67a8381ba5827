"""An agency's own program that takes webhooks, on this machine: it keeps what comes, and answers as it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from sandbox.ports import free_port
from sandbox.stack import LOOPBACK
from sandbox.up import serving


class Receiver:
    """An ASGI application at `url`. `heard` holds headers and body of each request, the first that came first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = int(HTTPStatus.OK)
        self.heard: list[tuple[dict[str, str], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        self.heard.append(({name.decode(): value.decode() for name, value in scope["headers"]}, body))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """It answers inside the block."""
    port = free_port()
    receiver = Receiver(f"http://{LOOPBACK}:{port}/hook")
    async with serving(receiver, port):
        yield receiver
