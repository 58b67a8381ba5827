"""The API's messages to the agency as a page shows them."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from api.pages.formats import Formats
from api.pages.inside import Json

_WRITTEN: Final = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d) UTC|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<amount>-?\d+(?:\.\d+)?) (?P<currency>[A-Z]{3})\b"
    r"|(?P<used>\d+\.\d+) of (?P<included>\d+) included minutes"
)
"""How the API's messages write instants, days, money and minutes."""
_TO_THE_CLIENT: Final = re.compile(r"\b(Your|your) (?=(?:card|bank|billing address)\b)|\basks (you) to\b|\bto (us)\b")
_TO_THE_AGENCY: Final = {"Your": "The ", "your": "the ", "you": "asks the client to", "us": "to you"}
_GOOD: Final = frozenset({"recovered", "account_restored", "tier_raised"})
_BAD: Final = frozenset(
    {"payment_failed", "past_due", "paused", "cancelled", "disputed", "refund_failed", "account_frozen", "tier_lowered"}
)


def told(formats: Formats, found: Sequence[Json]) -> list[dict[str, Any]]:
    """Each with its `tone`, in the agency's words."""
    return [one | {"tone": _tone(one), "detail": to_agency(formats, one["detail"])} for one in found]


def tried(formats: Formats, invoice: Json) -> Json:
    """The invoice, with why each attempt failed in the agency's words."""
    attempts = [one | {"reason": one["reason"] and to_agency(formats, one["reason"])} for one in invoice["attempts"]]
    return invoice | {"attempts": attempts}


def to_agency(formats: Formats, text: str) -> str:
    """A text that speaks to the client, as the agency reads it: figures and instants are the viewer's."""
    turned = _TO_THE_CLIENT.sub(lambda said: _TO_THE_AGENCY[said[said.lastindex or 0]], text)
    return _WRITTEN.sub(lambda found: _read(formats, found), turned)


def _read(formats: Formats, found: re.Match[str]) -> str:
    if at := found["at"]:
        return formats.moment(datetime.fromisoformat(at).replace(tzinfo=UTC))
    if day := found["day"]:
        return formats.day(day)
    if amount := found["amount"]:
        return formats.written(amount, found["currency"])
    return f"{formats.number(found['used'])} of {formats.number(found['included'])} included minutes"


def _tone(one: Mapping[str, Any]) -> str:
    return "good" if one["kind"] in _GOOD else "bad" if one["kind"] in _BAD else ""
