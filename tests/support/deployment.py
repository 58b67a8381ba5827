"""What is deployed, as its files say it: docker-compose.yml, Dockerfile, .env.example and docs/deploy.md."""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from sandbox.postgres import BINARIES

CHECKOUT: Final = Path(__file__).parents[2]
PASSWORDS: Final = {
    "DATABASE_OWNER_PASSWORD": "owner-of-a-test",
    "DATABASE_APP_PASSWORD": "app-of-a-test",
    "TEMPORAL_DATABASE_PASSWORD": "temporal-of-a-test",
}

_ASSIGNED: Final = re.compile(r"^#?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$")
_INTERPOLATED: Final = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z0-9_]+)(?P<how>:[-?])?")

Json = dict[str, Any]


def compose() -> Json:
    """docker-compose.yml with its anchors resolved, and nothing interpolated."""
    parsed: Json = yaml.safe_load(read("docker-compose.yml"))
    return parsed


def read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def interpolated() -> dict[str, bool]:
    """The names that docker-compose.yml takes from .env, and whether Compose refuses to go on without."""
    names: dict[str, bool] = {}
    for found in _INTERPOLATED.finditer(read("docker-compose.yml")):
        names[found["name"]] = names.get(found["name"], False) or found["how"] == ":?"
    return names


def script(text: str) -> str:
    """A script or statement in docker-compose.yml as the container gets it."""
    return text.replace("$$", "$")


def example() -> tuple[dict[str, str], dict[str, str]]:
    """What .env.example sets as it stands, and what it offers in a commented line."""
    given: dict[str, str] = {}
    offered: dict[str, str] = {}
    for line in read(".env.example").splitlines():
        if found := _ASSIGNED.match(line):
            (offered if line.startswith("#") else given)[found["name"]] = found["value"]
    return given, offered


async def psql(dsn: str, statements: str, environment: Mapping[str, str] = PASSWORDS) -> str:
    """Run them as the one-shots of docker-compose.yml do; what psql complained of."""
    process = await asyncio.create_subprocess_exec(
        str(BINARIES / "psql"),
        *("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", "-", dsn),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate(statements.encode())
    return said.decode()


def as_role(dsn: str, role: str, database: str | None = None) -> str:
    """The same server, as this role; in another database where one is named."""
    parts = urlsplit(dsn)
    address = parts._replace(netloc=f"{role}@{parts.hostname}:{parts.port}")
    return (address._replace(path=f"/{database}") if database else address).geturl()
