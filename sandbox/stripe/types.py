"""The one type that objects have on the wire and in the store."""

from typing import Any

Json = dict[str, Any]
