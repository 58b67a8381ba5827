"""The types of request fields: strict, bounded, and nothing that a database or a mail could choke on."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from adapters.mail.addresses import address

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_ZONES: Final = frozenset(available_timezones())
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Request(BaseModel):
    """Base of what callers send: a field that we do not know is refused, never ignored."""

    model_config = ConfigDict(extra="forbid")


class Change(Request):
    """Base of PATCH bodies: what is left out stays, null clears what may be empty (`CLEARABLE`) and nothing else."""

    CLEARABLE: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _clears_what_may_be_empty(self) -> Self:
        wrong = sorted(n for n in self.model_fields_set if getattr(self, n) is None and n not in self.CLEARABLE)
        if wrong:
            raise ValueError(f"can't be null: {', '.join(wrong)}")
        return self

    def given(self) -> dict[str, Any]:
        """The fields that the caller sent."""
        return self.model_dump(exclude_unset=True)


class Answer(BaseModel):
    """Base of what we send: every field is always there, null where there is nothing to say."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _printable(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    if not text.isprintable():
        raise ValueError("has characters that can't be printed")
    return text


def _rfc_3339(value: object) -> object:
    if not isinstance(value, datetime) and not (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        raise ValueError("is not a time in RFC 3339 with its offset, such as 2026-11-23T15:00:00Z")
    return value


def _email(text: str) -> str:
    """ASCII: what is more is not taken by every mail server."""
    if not _EMAIL.fullmatch(text):
        raise ValueError("is not a mail address")
    if not text.isascii():
        raise ValueError("is not a mail address in ASCII: a domain in another script is written as xn--…")
    address(text)
    return text


def _zone(text: str) -> str:
    if text not in _ZONES:
        raise ValueError("is not an IANA time zone")
    return text


def web_origin(url: str) -> str | None:
    """The origin (scheme, host, port) of an absolute address; none when it has none or hides a login in it.

    https only; plain http on this machine's own loopback, where agencies develop.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    if not host or parts.username is not None or parts.password is not None or "\\" in url:
        return None
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        return None
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" if port in (None, usual) else f"{parts.scheme}://{host}:{port}"


def _web_address(text: str) -> str:
    if web_origin(text) is None:
        raise ValueError("is not an absolute https address")
    return text


def _origin(text: str) -> str:
    origin = web_origin(text)
    if origin is None or text.rstrip("/") != origin:
        raise ValueError("is not an origin, such as https://app.example.com")
    return origin


def _whole(value: object) -> object:
    if type(value) is not int:
        raise ValueError("is not an integer")
    return value


Name = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
ShortText = Annotated[str, Field(max_length=64), AfterValidator(_printable)]
LongText = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_printable), AfterValidator(_email)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
WebAddress = Annotated[str, Field(max_length=2000), AfterValidator(_printable), AfterValidator(_web_address)]
Origin = Annotated[str, Field(max_length=300), AfterValidator(_printable), AfterValidator(_origin)]
Instant = Annotated[AwareDatetime, BeforeValidator(_rfc_3339)]
"""RFC 3339 with an offset; a number or a time without one is refused."""
Whole = Annotated[int, Field(strict=True)]
"""A JSON integer: "5", 5.0 and true are none."""
Increment = Annotated[Literal[1, 6, 60], BeforeValidator(_whole)]
"""The seconds to which a call is rounded up: a JSON integer, too."""
MOST_TRIAL_DAYS: Final = 730
TrialDays = Annotated[Whole, Field(ge=0, le=MOST_TRIAL_DAYS)]
"""How long a trial is; 0 is none."""
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1, two letters."""
Id = Annotated[str, Field(max_length=64, pattern=r"^[a-z]{3}_[a-z0-9_]+$")]
