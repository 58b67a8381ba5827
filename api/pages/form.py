"""A form that a browser has sent: its fields, once it is known to be from a page of this session."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from api import problems
from api.guard import limited_body, media_type_of
from api.problems import UnsupportedMediaType

_FORM: Final = "application/x-www-form-urlencoded"
_LIMIT: Final = 64 * 1024
MOST_FIELDS: Final = 500


class Form(Mapping[str, str]):
    """The fields of a form, trimmed; of a name that comes more than once the last."""

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = {name: value.strip() for name, value in fields}

    def __getitem__(self, name: str) -> str:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def is_sent(request: Request) -> bool:
    """Whether this is a form that was sent, and not only a page that is asked for."""
    return request.method not in ("GET", "HEAD")


async def read_form(request: Request) -> Form:
    """What was sent, empty for a page that is only read; whose form it is, is the caller's to check."""
    if not is_sent(request):
        return Form()
    if media_type_of(request) != _FORM:
        raise UnsupportedMediaType("A form is expected.")
    text = (await limited_body(request, _LIMIT)).decode("utf-8", "replace")
    try:
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise problems.Unreadable("The form has too many fields.") from error
