"""Whether an address of PostgreSQL can be read.

Asked before asyncpg is: of an address that it cannot read it shows pieces, and a password may be among them.
"""

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

_UNREADABLE: Final = "cannot be read as an address: in a password, / is written %2F, ? as %3F, # as %23"
_HOST: Final = re.compile(r"(\[[^\]]+\]|[^:\[\]]*)(:\d*)?")


def complaint(address: str) -> str | None:
    """What is wrong with it, without a piece of it; none when it can be read."""
    if not address.startswith(("postgresql://", "postgres://")):
        return "is not a postgresql:// address"
    return None if _readable(address) else _UNREADABLE


def _readable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        if parts.query:
            parse_qs(parts.query, strict_parsing=True)
    except ValueError:
        return False
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return not parts.fragment and "@" not in parts.path and all(_HOST.fullmatch(host) for host in hosts)
