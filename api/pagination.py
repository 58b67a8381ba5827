"""Lists: `?limit=` and an opaque `?cursor=` that remembers the last row, so that pages neither skip nor repeat."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar

from pydantic import Field

from api.fields import Answer, Request
from api.problems import InvalidFields

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
_CHECK_BYTES: Final = 6

T = TypeVar("T")
Row = TypeVar("Row")
NO_CURSOR: Final = ("cursor", "is not a cursor of this list")


class Page(Answer, Generic[T]):
    """One page of a list; no `next_cursor`: the last one."""

    data: list[T]
    next_cursor: str | None


class PageQuery(Request):
    """What every list takes."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=500)] | None = None

    def after_time(self, scope: str) -> tuple[datetime, str] | None:
        """The instant and id behind which the page begins. `scope` names the list with its filters.

        Raises InvalidFields for a cursor that is not one of this very list.
        """
        position = self.after(scope)
        try:
            return (datetime.fromisoformat(position[0]), position[1]) if position else None
        except ValueError as error:
            raise InvalidFields(NO_CURSOR) from error

    def after_number(self, scope: str) -> int | None:
        """In a list by number, the one behind which the page begins; raises like `after_time`."""
        position = self.after(scope)
        if position is None:
            return None
        if not position[1].isdecimal():
            raise InvalidFields(NO_CURSOR)
        return int(position[1])

    def after(self, scope: str) -> tuple[str, str] | None:
        """The sort key, as text, and the id behind which the page begins; raises like `after_time`."""
        if self.cursor is None:
            return None
        position = _decode(self.cursor, scope)
        if position is None:
            raise InvalidFields(NO_CURSOR)
        return position


def page(
    rows: Sequence[Row],
    limit: int,
    scope: str,
    position: Callable[[Row], tuple[datetime | str, str]],
    show: Callable[[Row], T],
) -> Page[T]:
    """The page of `rows`, of which one more than `limit` was asked for: that one says that there are more."""
    shown = rows[:limit]
    more = len(rows) > limit
    return cut([show(row) for row in shown], position(shown[-1]) if more else None, scope)


def cut(data: list[T], behind: tuple[datetime | str, str] | None, scope: str) -> Page[T]:
    """A page that was cut elsewhere; the next one begins `behind` this position, none: it is the last."""
    return Page(data=data, next_cursor=_encode(behind, scope) if behind else None)


def _encode(position: tuple[datetime | str, str], scope: str) -> str:
    key, id = position
    text = key.isoformat() if isinstance(key, datetime) else key
    body = json.dumps([text, id], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(body, scope) + body).decode().rstrip("=")


def _decode(cursor: str, scope: str) -> tuple[str, str] | None:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        body = raw[_CHECK_BYTES:]
        if raw[:_CHECK_BYTES] != _check(body, scope):
            return None
        key, id = json.loads(body)
    except (binascii.Error, ValueError, TypeError):
        return None
    return str(key), str(id)


def _check(body: bytes, scope: str) -> bytes:
    """Not a secret: a cursor gives no right to anything. It keeps out another list's cursor, and typing errors."""
    return hashlib.blake2s(body, key=hashlib.blake2s(scope.encode()).digest(), digest_size=_CHECK_BYTES).digest()
