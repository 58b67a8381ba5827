"""How a bracketed form (`lines[0][metadata][k]=v`) becomes nested values.

Every level is a dict, arrays included (keys "0", "1", …): only the parameter's description knows which one is an array.
"""

import re
from urllib.parse import parse_qsl

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.types import Json

MAX_FIELDS = 20_000
_SEGMENT = re.compile(r"\[([^\[\]]*)\]")


def decode_form(encoded: str) -> Json:
    """The nested form of a query string or body."""
    form: Json = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS):
        _place(form, _path_of(name), value)
    return form


def _path_of(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    return [head, *_SEGMENT.findall(bracket + rest)]


def _place(form: Json, path: list[str], value: str) -> None:
    level = form
    for segment in path[:-1]:
        level = level.setdefault(segment or str(len(level)), {})
        if not isinstance(level, dict):
            raise InvalidRequest(f"Invalid object at {path[0]}", param=path[0])
    last = path[-1] if path[-1] or len(path) == 1 else str(len(level))
    level[last] = value
