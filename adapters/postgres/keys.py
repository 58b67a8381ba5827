"""Keys on their way into `calls`: rows as COPY reads them, in PostgreSQL's binary format.

They are written here, and not by the driver, for two reasons. Most of a row is the same for all calls of a span, and is
encoded once; and the server reads the first rows while the next are made.
"""

from collections.abc import AsyncIterator, Iterable
from itertools import chain, islice
from struct import Struct
from typing import Final, TypeAlias

from adapters.postgres.pool import Connection

Key: TypeAlias = tuple[bytes, str, int, int, int]
"""A row: its place, the call's id, start (microseconds since 1970), hash of the content, billed seconds."""
_PLACE: Final = ("agency_id", "client_id", "subscription_id", "period", "unbilled", "late")
_COLUMNS: Final = (*_PLACE, "call_id", "started_at", "content_hash", "billed_seconds")
_AT_A_TIME: Final = 128

_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_NUMBER_OF_COLUMNS: Final = Struct(">h").pack(len(_COLUMNS))
_LENGTH: Final = Struct(">i").pack
_INTEGER: Final = Struct(">ii").pack
_BOOLEAN: Final = Struct(">i?").pack
_BIGINTS: Final = Struct(">iqiqiq").pack
_EPOCH: Final = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000 on."""


def place_of(
    agency: str, client: str, subscription: str | None, period: int | None, unbilled: str | None, *, late: bool
) -> bytes:
    """What rows begin with whose calls count alike: whose calls they are, and where they count.

    There is a subscription and a period, or a reason why it is not billed; in a trial, which is number 0, both. Late:
    the period was frozen before they came.
    """
    return b"".join(
        (
            _NUMBER_OF_COLUMNS,
            _text(agency),
            _text(client),
            _text(subscription),
            _NULL if period is None else _INTEGER(4, period),
            _text(unbilled),
            _BOOLEAN(1, late),
        )
    )


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


async def insert_keys(connection: Connection, keys: Iterable[Key]) -> None:
    """Enter the keys, in the order in which they are given.

    Raises asyncpg.UniqueViolationError when an id was taken meanwhile.
    """
    await connection.copy_to_table("calls", source=_rows(keys), columns=_COLUMNS, format="binary")


async def _rows(keys: Iterable[Key]) -> AsyncIterator[bytes]:
    """Some at a time: asyncpg hands on what it has, and asks for more."""
    parts = chain([_BEGIN], (_row(*key) for key in keys), [_END])
    while piece := b"".join(islice(parts, _AT_A_TIME)):
        yield piece


def _row(place: bytes, call_id: str, start: int, hash: int, seconds: int) -> bytes:
    id = call_id.encode()
    return place + _LENGTH(len(id)) + id + _BIGINTS(8, start - _EPOCH, 8, hash, 8, seconds)
