"""The emulator put together: one ASGI application that answers the API, the hosted pages and the control calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from sandbox.stripe.api import Api, Request
from sandbox.stripe.clock import Clock
from sandbox.stripe.control import control_routes
from sandbox.stripe.faults import Faults
from sandbox.stripe.ids import new_id, random_text
from sandbox.stripe.oauth import client_id_of
from sandbox.stripe.pages import page_routes
from sandbox.stripe.store import Store
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site


@dataclass(frozen=True)
class Config:
    """What the command line says."""

    db: Path
    clock_file: Path
    api_key: str
    base_url: str


class Emulator:
    """The ASGI application. `stop` ends every request that is held back."""

    def __init__(self, config: Config) -> None:
        store = Store(config.db)
        with store.transaction():
            self.site = Site(
                store,
                Clock(config.clock_file),
                config.base_url,
                platform=store.setting("platform", new_id("account")),
                salt=store.setting("salt", random_text(32)),
                application=client_id_of(config.api_key),
            )
        self._stopping = asyncio.Event()
        self.faults = Faults(store)
        self.webhooks = Webhooks(self.site)
        self.api = Api(self.site, config.api_key, self.faults, self._stopping)
        self._web = Starlette(
            routes=[
                *page_routes(self.site, self.webhooks, config.api_key),
                *control_routes(self.site, self.api, self.webhooks),
            ],
            lifespan=self._lifespan,
        )

    def stop(self) -> None:
        """Let nothing wait any longer."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            await self._answer_api(scope, receive, send)
        else:
            await self._web(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        deliveries = asyncio.create_task(self.webhooks.run())
        try:
            yield
        finally:
            deliveries.cancel()
            with suppress(asyncio.CancelledError):
                await deliveries
            self.site.store.close()

    async def _answer_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = await self.api.answer(await _read_request(scope, receive))
        self.webhooks.wake()
        if reply.cut:
            await _cut(scope, receive)
            return
        body = reply.body.encode()
        named = {**reply.headers, "content-length": str(len(body))}
        headers = [(name.encode(), value.encode()) for name, value in named.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _read_request(scope: Scope, receive: Receive) -> Request:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(
        scope["method"], scope["path"], scope["query_string"].decode(), headers, body.decode(errors="replace")
    )


async def _cut(scope: Scope, receive: Receive) -> None:
    """End the connection without a word, as a network does."""
    scope["extensions"]["emulator.transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
