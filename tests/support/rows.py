"""Rows written past the store, to see what the books themselves refuse or show."""

import json
from typing import Any


def copy(table: str, where: str, **changes: Any) -> str:
    """The statement that inserts a row once more, with changes: all of it but what the database makes itself."""
    copied = (
        f"INSERT INTO {table} (%1$s) OVERRIDING SYSTEM VALUE SELECT %1$s FROM ("
        f"SELECT (jsonb_populate_record(r, %2$L)).* FROM {table} r WHERE {where} LIMIT 1) AS copied"
    )
    changed = json.dumps(changes)
    return f"""
        DO $copy$ BEGIN EXECUTE (
            SELECT format($row${copied}$row$, string_agg(quote_ident(column_name), ', '), $json${changed}$json$)
            FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = '{table}' AND is_generated = 'NEVER'
        ); END $copy$;
    """
