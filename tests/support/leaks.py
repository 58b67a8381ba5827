"""What the processes of a sandbox have logged, and what of it nobody may read in a log."""

import json
import re
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, Final

from sandbox.home import Home, Kept
from sandbox.seed import AGENCY, CLIENT

Json = dict[str, Any]
_LOOKS_SECRET: Final = re.compile(
    r"\b[3-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{3,4}\b"  # a card's number, as tests type them
    r"|[\w.+-]+(?:@|%40)[\w-]+\.example"  # a mail address, as tests make them
    r"|\beyJ[\w-]+\.[\w-]+"  # a token
    r"|_secret_\w+"
)


def leaks(home: Home, kept: Kept, *names: str) -> list[str]:
    """Every line that shows a secret of this sandbox, a card, an address, or one of the names that people have."""
    known = (*astuple(kept.secrets), AGENCY["name"], CLIENT["name"], *names)
    return [
        f"{log.name}: {line[:200]}"
        for log in sorted(home.logs.iterdir())
        for line in log.read_text(errors="replace").splitlines()
        if _LOOKS_SECRET.search(line) or any(secret in line for secret in known)
    ]


def lines(home: Home, process: str) -> Iterator[Json]:
    """What worker or API has logged, in its order."""
    for line in (home.logs / f"{process}.log").read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)
