"""The API's messages to the agency as a page shows them."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from api.pages.formats import Formats
from api.pages.inside import Json

_IN_UTC: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_YOURS: Final = re.compile(r"\bYour (card|bank)\b")
_GOOD: Final = frozenset({"recovered", "account_restored", "tier_raised"})
_BAD: Final = frozenset(
    {"payment_failed", "past_due", "paused", "cancelled", "disputed", "refund_failed", "account_frozen", "tier_lowered"}
)


def told(formats: Formats, found: Sequence[Json]) -> list[dict[str, Any]]:
    """Each with its `tone`, in the agency's words."""
    return [one | {"tone": _tone(one), "detail": to_agency(formats, one["detail"])} for one in found]


def to_agency(formats: Formats, text: str) -> str:
    """A text that speaks to the client, in UTC, as the agency reads it: instants are in the viewer's zone."""
    local = _IN_UTC.sub(lambda at: formats.moment(datetime.fromisoformat(at[1]).replace(tzinfo=UTC)), text)
    return _YOURS.sub(r"The \1", _DAY.sub(lambda day: formats.day(day[0]), local))


def _tone(one: Mapping[str, Any]) -> str:
    return "good" if one["kind"] in _GOOD else "bad" if one["kind"] in _BAD else ""
