"""The product over HTTP for contract tests: the real app on a port, the real worker beside it, and who calls it."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from adapters.postgres.pool import Pool, open_pool
from adapters.settings import Settings
from adapters.temporal import connect
from api.app import create_app
from api.tokens import MANAGE_BILLING, Role, issue
from api.tokens import Caller as Identity
from sandbox.caller import ApiRefused, Caller
from sandbox.emulator import Emulator
from sandbox.ports import free_port
from sandbox.stack import LOOPBACK
from sandbox.stripe.oauth import client_id_of
from sandbox.up import serving
from support.servers import StripeServer
from worker.compose import real_parts
from worker.process import work

Json = dict[str, Any]
_SECRETS: Final = ("whsec_" + "platform" * 4, "whsec_" + "connected" * 4)
_TOKENS_LAST: Final = timedelta(hours=1)
_numbers = itertools.count(1)


class Client(Caller):
    """A caller who can also be shown the whole answer."""

    async def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        return await self._http.request(method, path, **how)


@dataclass
class Site:
    """One running API, and the outside that it stands in."""

    app: FastAPI
    base: str
    settings: Settings
    pool: Pool
    stripe: Emulator
    open: contextlib.AsyncExitStack = field(repr=False)

    def token(self, role: Role, agency: str = "", client: str = "", *permissions: str, name: str = "somebody") -> str:
        return issue(self.settings, Identity(role, name, agency, client, frozenset(permissions)), _TOKENS_LAST)

    async def caller(self, token: str | None) -> Client:
        return await self.open.enter_async_context(Client(self.base, token))  # type: ignore[return-value]

    @contextlib.asynccontextmanager
    async def trouble(self, call: str, fault: str, *, seconds: float = 0.0) -> AsyncIterator[None]:
        """Stripe makes this trouble with each of these calls until the block ends."""
        await self.stripe.tell("faults", {"call": call, "fault": fault, "times": None, "seconds": seconds})
        yield
        await self.stripe.clear_faults()

    def away(self, call: str = "*") -> contextlib.AbstractAsyncContextManager[None]:
        """Stripe does not answer these calls inside the block."""
        return self.trouble(call, "error_500")

    async def ask_stripe(self, path: str, account: str, form: Mapping[str, str] | None = None) -> Json:
        """An object of this connected account, as Stripe has it; with a `form` what its people make or change there."""
        key = self.settings.stripe_api_key.get_secret_value()
        headers = {"Authorization": f"Bearer {key}", "Stripe-Account": account}
        async with httpx.AsyncClient(
            base_url=str(self.settings.stripe_api_base), headers=headers, verify=False
        ) as http:
            sent = await (http.get(path) if form is None else http.post(path, data=dict(form)))
            answer: Json = sent.raise_for_status().json()
            return answer

    async def platform(self) -> Client:
        return await self.caller(self.token(Role.PLATFORM))

    async def agency(self, role: Role, agency: str) -> Client:
        return await self.caller(self.token(role, agency))

    async def portal(self, agency: str, client: str, *permissions: str) -> Client:
        return await self.caller(self.token(Role.CLIENT, agency, client, *(permissions or (MANAGE_BILLING,))))


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as a process is given them."""
    given = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            given[name.upper()] = value.get_secret_value()
        elif isinstance(value, tuple):
            given[name.upper()] = ",".join(v.get_secret_value() if isinstance(v, SecretStr) else v for v in value)
        elif value is not None:
            given[name.upper()] = str(value)
    return given


def site_settings(database: str, stripe: StripeServer, port: int, **changes: object) -> Settings:
    """Settings of a site on this port. Its clock is the emulator's."""
    platform, connected = _SECRETS
    return Settings.model_validate(
        {
            "retainer_environment": "sandbox",
            "sandbox_clock_file": stripe.clock_file,
            "database_url": database,
            "stripe_api_key": stripe.api_key,
            "stripe_api_base": stripe.base,
            "stripe_webhook_secret": platform,
            "stripe_connect_webhook_secret": connected,
            "stripe_client_id": client_id_of(stripe.api_key),
            "link_secret": "links-of-tests-only-" * 2,
            "secrets_key": "seals-of-tests-only-" * 2,
            "jwt_issuer": "tests",
            "jwt_secret": "for-tests-only-" * 3,
            "public_base_url": f"http://{LOOPBACK}:{port}",
            "api_port": port,
            "worker_graceful_shutdown_seconds": 1.0,
            **changes,
        }
    )


@contextlib.asynccontextmanager
async def running_site(database: str, stripe: StripeServer, temporal: str, **changes: object) -> AsyncIterator[Site]:
    """The API on a port of its own inside the block. It does not ask for Temporal before it needs it."""
    port = free_port()
    settings = site_settings(database, stripe, port, **changes)
    async with contextlib.AsyncExitStack() as stack:
        app = create_app(settings)
        with _temporal_at(temporal):
            await stack.enter_async_context(serving(app, port))
        pool = await stack.enter_async_context(open_pool(database, 4))
        emulator = Emulator(stripe.base, stripe.api_key)
        stack.push_async_callback(emulator.close)
        yield Site(app, f"http://{LOOPBACK}:{port}", settings, pool, emulator, stack)


@contextlib.asynccontextmanager
async def running_worker(settings: Settings, temporal: str) -> AsyncIterator[None]:
    """The worker's both queues and its delivery, in this process, inside the block."""
    with _temporal_at(temporal):
        client = await connect()
    stop = asyncio.Event()
    async with real_parts(settings) as parts:
        impatient = replace(parts, pauses_seconds=(0.2, 0.4, 0.8))
        working = asyncio.create_task(work(settings, impatient, client, stop))
        yield
        stop.set()
        await working


async def receive_events(site: Site) -> None:
    """Have the emulator send its webhooks to this site."""
    platform, connected = _SECRETS
    await site.stripe.send_events_to(site.base, platform_secret=platform, connect_secret=connected)


@contextlib.contextmanager
def _temporal_at(address: str) -> Iterator[None]:
    """Temporal's own variables are read when a client is made, and only then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "TEMPORAL_ADDRESS", address)
        yield


@contextlib.contextmanager
def refused(status: int, code: str) -> Iterator[None]:
    """The call inside the block is answered with this refusal."""
    with pytest.raises(ApiRefused) as caught:
        yield
    assert (caught.value.status, caught.value.code) == (status, code), str(caught.value)


def fresh(word: str) -> str:
    """A word that no other test uses."""
    return f"{word}-{next(_numbers)}"
