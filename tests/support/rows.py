"""Rows written past the store, to see what the books themselves refuse or show."""

import json
from typing import Any


def copy(table: str, where: str, **changes: Any) -> str:
    """The statement that inserts a row once more, with changes."""
    return (
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(r, '{json.dumps(changes)}')).* "
        f"FROM {table} r WHERE {where} LIMIT 1;"
    )
