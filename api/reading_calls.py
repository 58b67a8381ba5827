"""Reading calls as they are sent: an invalid one is named by its field, and the others are taken.

The hot path of the API: msgspec decodes and validates a whole batch; only when a call in it is wrong is each call
read by itself, by the same types (docs/adr/0030).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from adapters.postgres.calls import Call
from api.problems import InvalidFields, Unreadable

MOST_CALLS: Final = 5_000
"""In a batch."""
LONGEST_SECONDS: Final = 30 * 24 * 3600
"""No call lasts a month: a longer one is the sender's mistake."""
_LONGEST_NUMBER: Final = 20
_PLACE: Final = re.compile(r" - at `(?:\$|key in )\.?(?P<path>[^`]*)`$")
_NAMED: Final = re.compile(r"field `(?P<name>[^`]*)`")
_PATTERN: Final = "Expected `str` matching regex"


class CallIn(Call, forbid_unknown_fields=True, frozen=True, gc=False, rename={"client": "client_id"}):
    """One call. The same `call_id` with the same content is counted once; with other content it is refused."""

    call_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            pattern=r"^[\x21-\x7e]+\Z",
            extra_json_schema={"pattern": r"^[\x21-\x7e]+$"},
            description="Up to 128 printable ASCII characters without spaces.",
        ),
    ]
    client: Annotated[
        str,
        Meta(max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z", extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$"}),
    ]
    started_at: Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
    duration_seconds: Annotated[int, Meta(ge=0, le=LONGEST_SECONDS)]


COLUMNS: Final = CallIn.__struct_encode_fields__
"""The fields of a call, in the order in which `Call` has them."""


class CallsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Each call is judged by itself: one that can't be read is rejected, the others are taken."""

    calls: Annotated[list[CallIn], Meta(min_length=1, max_length=MOST_CALLS)]


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    calls: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST_CALLS)]


@dataclass(frozen=True)
class InvalidCall:
    """What can't be read as a call, with its id if that can be read; `detail` begins with the field."""

    call_id: str | None
    detail: str


Read: TypeAlias = Call | InvalidCall

_CALLS: Final = msgspec.json.Decoder(CallsIn)
_BATCH: Final = msgspec.json.Decoder(_Batch)
_CALL: Final = msgspec.json.Decoder(CallIn)
_WHOLE: Final = msgspec.json.Decoder(msgspec.Raw)
"""Reads to the end of any JSON, and makes nothing of it."""
_ANYTHING: Final = msgspec.json.Decoder(float_hook=str)
"""Takes floats of any size."""


def batch(body: bytes) -> Sequence[Read]:
    """The calls of a JSON body, in its order. Raises Unreadable when it is no JSON, InvalidFields for another shape."""
    if not body.strip():
        raise InvalidFields(("body", "Field required"))
    try:
        try:
            return _CALLS.decode(body).calls
        except msgspec.ValidationError:
            _WHOLE.decode(body)  # no JSON at all is told before what is wrong in it
            body.decode()  # of texts it looks for the end alone
            return [_one_of(raw) for raw in _BATCH.decode(body).calls]
    except msgspec.ValidationError as error:
        raise InvalidFields(_field_and_complaint(error, "body")) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("The body is not JSON.") from error


def rows(given: Sequence[Sequence[str]], header: Sequence[str]) -> Sequence[Read]:
    """The calls of rows of text, whose columns the header names."""
    whole = len(header)
    named = [_named(header, row) if len(row) == whole else None for row in given]
    try:
        return msgspec.convert(named, list[CallIn])
    except msgspec.ValidationError:
        return [_one_of_row(row, one, whole) for row, one in zip(given, named, strict=True)]


def _one_of(raw: msgspec.Raw) -> Read:
    try:
        return _CALL.decode(raw)
    except msgspec.ValidationError as error:
        return InvalidCall(_id_in(raw), ": ".join(_field_and_complaint(error, "call")))


def _id_in(raw: msgspec.Raw) -> str | None:
    try:
        return _id_of(_ANYTHING.decode(raw))
    except msgspec.ValidationError:  # a whole number of thousands of digits
        return None


def _named(header: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    named: dict[str, Any] = dict(zip(header, row, strict=True))
    seconds = named["duration_seconds"]
    if seconds.isascii() and seconds.isdecimal() and len(seconds) < _LONGEST_NUMBER:
        named["duration_seconds"] = int(seconds)
    return named


def _one_of_row(row: Sequence[str], named: dict[str, Any] | None, columns: int) -> Read:
    if named is None:
        return InvalidCall(None, f"call: has {len(row)} columns, not {columns}")
    try:
        return msgspec.convert(named, CallIn)
    except msgspec.ValidationError as error:
        return InvalidCall(_id_of(named), ": ".join(_field_and_complaint(error, "call")))


def _id_of(given: Any) -> str | None:
    id = given.get("call_id") if isinstance(given, dict) else None
    return id if isinstance(id, str) else None


def _field_and_complaint(error: msgspec.ValidationError, whole: str) -> tuple[str, str]:
    """The field that the complaint is about; `whole` when it is about all of what was read."""
    said = str(error)
    place = _PLACE.search(said)
    complaint = said[: place.start()] if place else said
    if complaint.startswith(_PATTERN):
        complaint = "has characters that it can't have"
    named = _NAMED.search(complaint)
    path = ".".join(part for part in (place["path"] if place else "", named["name"] if named else "") if part)
    return (whole if path.startswith("[") else path or whole), complaint
