"""`python -m sandbox up`: everything runs until Ctrl-C or SIGTERM."""

import asyncio
import contextlib
import json
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from api.tokens import Role
from sandbox.control import create_control
from sandbox.home import Home
from sandbox.seed import make_tokens, seed
from sandbox.stack import LOOPBACK, PROCESSES, Sandbox, running_sandbox
from sandbox.temporal import address
from sandbox.web import links

KEEP_ALIVE_SECONDS = 60
"""Longer than a caller rests between two requests: a connection that is closed just when it is used again is an error
to who uses it."""


async def up(data: Path, port: int, *, fresh: bool, as_json: bool) -> int:
    """Run until told to stop; the exit status."""
    stop = stop_signal()
    async with running_sandbox(Home(data), port=port, fresh=fresh) as sandbox, serving_control(sandbox):
        await seed(sandbox)
        print(json.dumps(description(sandbox)) if as_json else readable(sandbox), flush=True)
        await stop.wait()
    return 0


def stop_signal() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


class _Server(uvicorn.Server):
    """uvicorn within our own process, whose signals are ours."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, port: int, **tls: str) -> AsyncIterator[None]:
    """The app answers on this port of the loopback, and is brought down after the block."""
    config = uvicorn.Config(
        app,
        host=LOOPBACK,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=tls.get("ssl_certfile"),
        ssl_keyfile=tls.get("ssl_keyfile"),
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    answering = asyncio.create_task(server.answers.wait())
    await asyncio.wait({running, answering}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        answering.cancel()
        server.should_exit = True
        # Who is still waiting for an answer is cut off, on purpose: no error to tell.
        logger, level = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.error").level
        logger.setLevel(logging.CRITICAL)
        await running
        logger.setLevel(level)


def serving_control(sandbox: Sandbox) -> AbstractAsyncContextManager[None]:
    """The control API answers inside the block."""
    return serving(create_control(sandbox), sandbox.kept.ports["control"])


def description(sandbox: Sandbox) -> dict[str, object]:
    """What a program needs to use this sandbox."""
    running = sandbox.supervisor.pids()
    return {
        **{name: sandbox.url(name) for name in ("api", "control", "stripe")},
        "mail": mail_address(sandbox),
        "temporal": address(sandbox.kept.ports["temporal"]),
        "temporal_ui": sandbox.url("temporal_ui"),
        "database_url": sandbox.settings.database_url.get_secret_value(),
        "stripe_api_key": sandbox.kept.secrets.stripe_api_key,
        "pids": {name: running[name] for name in PROCESSES},
        "tokens": make_tokens(sandbox),
        "ids": sandbox.kept.ids,
    }


def mail_address(sandbox: Sandbox) -> str:
    """Where the catcher takes mail. What it caught is read at the control's /mail."""
    return f"smtp://{LOOPBACK}:{sandbox.kept.ports['mail']}"


def readable(sandbox: Sandbox) -> str:
    """The same for people."""
    lines = [*addresses(sandbox), ""]
    if ids := sandbox.kept.ids:
        lines += [*log_in_links(sandbox, ids["agency"], ids["client"]), ""]
    lines += [f"{role + ' token':16} {token}" for role, token in make_tokens(sandbox).items()]
    lines += [f"{name:16} {made}" for name, made in sandbox.kept.ids.items()]
    return "\n".join([*lines, "", "Ctrl-C stops everything."])


def log_in_links(sandbox: Sandbox, agency: str, client: str) -> list[str]:
    """Into the pages of either role, one link a line; each click signs in anew."""
    control = sandbox.url("control")
    roles = {Role.AGENCY: agency, Role.CLIENT: client}
    return [f"{f'log in, {role}':16} {links.log_in(control, role, id)}" for role, id in roles.items()]


def addresses(sandbox: Sandbox) -> list[str]:
    """What can be opened, one address a line."""
    shown = {
        "everybody": f"{sandbox.url('control')}/",
        "API": sandbox.url("api"),
        "OpenAPI": f"{sandbox.url('api')}/openapi.json",
        "control": f"{sandbox.url('control')}/docs",
        "Stripe emulator": sandbox.url("stripe"),
        "mail caught": f"{sandbox.url('control')}/mail",
        "Temporal UI": sandbox.url("temporal_ui"),
        "database": sandbox.settings.database_url.get_secret_value(),
    }
    return [f"{name:16} {where}" for name, where in shown.items()]
