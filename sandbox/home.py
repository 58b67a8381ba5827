"""The sandbox's folder: what is kept there between runs, and nowhere else."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.ports import free_port, port_is_free

SERVERS = ("api", "control", "stripe", "temporal", "temporal_ui", "postgres", "mail")


@dataclass(frozen=True)
class Secrets:
    """Random per folder, so that a token of one sandbox opens no other."""

    jwt: str
    stripe_api_key: str
    webhook: str
    connect_webhook: str
    links: str
    sealing: str

    @classmethod
    def generate(cls) -> "Secrets":
        return cls(
            jwt=secrets.token_urlsafe(48),
            stripe_api_key="sk_test_" + secrets.token_hex(24),
            webhook="whsec_" + secrets.token_hex(24),
            connect_webhook="whsec_" + secrets.token_hex(24),
            links=secrets.token_hex(24),
            sealing=secrets.token_hex(32),
        )


@dataclass
class Kept:
    """What survives a restart: addresses stay the same, and the seeded agency is made once."""

    secrets: Secrets
    ports: dict[str, int] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)


class Home:
    """One sandbox's folder, created when missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self.postgres = self.folder / "postgres"
        self.temporal = self.folder / "temporal"
        self.stripe = self.folder / "stripe"
        self.mail = self.folder / "mail"
        self.clock_file = self.folder / "clock"
        self.pids_file = self.folder / "pids.json"
        self._kept_file = self.folder / "sandbox.json"

    def exists(self) -> bool:
        """Whether a sandbox was ever started here."""
        return self._kept_file.exists()

    def open(self) -> Kept:
        """The folder ready for use, and what was kept in it."""
        self.logs.mkdir(parents=True, exist_ok=True)
        if not self.clock_file.exists():
            self.write_offset(0.0)
        if not self._kept_file.exists():
            kept = Kept(Secrets.generate())
            self.keep(kept)
            return kept
        found = json.loads(self._kept_file.read_text())
        # A secret that came with a later version is made now, and kept.
        kept = Kept(Secrets(**{**asdict(Secrets.generate()), **found["secrets"]}), found["ports"], found["ids"])
        self.keep(kept)
        return kept

    def keep(self, kept: Kept) -> None:
        _replace(self._kept_file, json.dumps(asdict(kept), indent=2), mode=0o600)

    def clear(self) -> None:
        """Remove what a sandbox made here, and nothing else: the folder may be anyone's."""
        for made in (self.logs, self.postgres, self.temporal, self.stripe, self.mail):
            shutil.rmtree(made, ignore_errors=True)
        for made in (self.clock_file, self.pids_file, self._kept_file):
            made.unlink(missing_ok=True)

    def assign_ports(self, kept: Kept, api: int) -> None:
        """The API's port as asked for (0: any); the others as they were, unless somebody else took them meanwhile."""
        wanted = dict(kept.ports)
        if api:
            wanted["api"] = api
        for name in SERVERS:
            port = wanted.get(name, 0)
            asked_for = name == "api" and api
            if not port or not (asked_for or port_is_free(port)):
                port = free_port()
            kept.ports[name] = port
        self.keep(kept)

    def offset(self) -> float:
        """Seconds by which the sandbox's clock is ahead of the wall's."""
        return read_offset(self.clock_file)

    def write_offset(self, seconds: float) -> None:
        _replace(self.clock_file, f"{seconds:.6f}\n")

    def now(self) -> datetime:
        """The sandbox's time."""
        return datetime.now(UTC) + timedelta(seconds=self.offset())

    def write_pids(self, pids: Mapping[str, int]) -> None:
        _replace(self.pids_file, json.dumps(pids))

    def read_pids(self) -> dict[str, int]:
        """The processes of the last run, by name; none when it ended in order."""
        try:
            found: dict[str, Any] = json.loads(self.pids_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {name: int(pid) for name, pid in found.items()}


def read_offset(clock_file: Path) -> float:
    return float(clock_file.read_text(encoding="ascii"))


def _replace(path: Path, text: str, mode: int = 0o644) -> None:
    """Atomically: a reader sees the old text or the new one, never half of it."""
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
