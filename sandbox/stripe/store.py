"""Where the emulator's state lives: one SQLite file that survives being killed at any instant.

One long-lived connection and one writer, always inside `transaction()`. Objects are JSON beside the few columns that
are looked up; `body` is what the API shows, `hidden` what only the emulator knows (page tokens, a card's behaviour).
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.stripe.types import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    customer TEXT,
    parent TEXT,
    status TEXT,
    label TEXT,
    deadline INTEGER,
    body TEXT NOT NULL,
    hidden TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (account, kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (customer, kind, seq) WHERE customer IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (parent, kind, seq) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_label ON objects (label, kind, seq) WHERE label IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_deadline ON objects (deadline) WHERE deadline IS NOT NULL;
CREATE TABLE IF NOT EXISTS idempotency_keys (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    created INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    request_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    due_at REAL NOT NULL,
    first_due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_by_time ON deliveries (held, due_at);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    call TEXT NOT NULL,
    fault TEXT NOT NULL,
    times INTEGER,
    seconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_COLUMNS = ("account", "kind", "customer", "parent", "status", "label")


@dataclass
class Record:
    """One object as stored, together with how it was when it was read."""

    account: str
    kind: str
    body: Json
    hidden: Json
    loaded: str = ""
    saved: str = ""
    seq: int = 0

    @property
    def id(self) -> str:
        return str(self.body["id"])

    def text(self) -> str:
        """Everything that is saved, as one text: equal texts need no write."""
        return json.dumps([self.body, self.hidden], separators=(",", ":"))

    def before(self) -> "Record":
        """The object as it was when this unit of work read it; a new one as it is."""
        body, hidden = json.loads(self.loaded or self.text())
        return Record(self.account, self.kind, body, hidden)


@dataclass(frozen=True)
class Window:
    """Which part of a list: newest first unless walking back from `ending_before`."""

    limit: int = -1
    starting_after: str | None = None
    ending_before: str | None = None
    created: Mapping[str, int] = field(default_factory=dict)


_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Store:
    """The SQLite file."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; there is no await inside, so requests never interleave."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement on one of the tables that are not objects."""
        return self.connection.execute(sql, values)

    def setting(self, name: str, default: str) -> str:
        """A setting's value; the first to ask decides what it is."""
        row = self.execute("SELECT value FROM settings WHERE name = ?", name).fetchone()
        if row is None:
            self.set_setting(name, default)
            return default
        return str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        """Replace a setting's value."""
        self.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value)

    def load(self, object_id: str) -> Record | None:
        """The object with this id, whoever owns it."""
        found = self._records("id = ?", [object_id], "LIMIT 1")
        return found[0] if found else None

    def select(self, kind: str, window: Window | None = None, **equal: Any) -> list[Record]:
        """Objects of a kind whose columns or fields have these values (or one of a list), newest first."""
        window = window or Window()
        conditions: list[str] = ["kind = ?"]
        values: list[Any] = [kind]
        for name, value in equal.items():
            accepted = value if isinstance(value, list) else [value]
            column = name if name in _COLUMNS else f"json_extract(body, '$.{name}')"
            conditions.append(f"{column} IN ({', '.join('?' * len(accepted))})")
            values.extend(accepted)
        for bound, instant in window.created.items():
            conditions.append(f"created {_OPERATORS[bound]} ?")
            values.append(instant)
        for cursor, operator in ((window.starting_after, "<"), (window.ending_before, ">")):
            if cursor is not None:
                conditions.append(f"seq {operator} (SELECT seq FROM objects WHERE id = ?)")
                values.append(cursor)
        order = "ASC" if window.ending_before is not None else "DESC"
        found = self._records(" AND ".join(conditions), values, f"ORDER BY seq {order} LIMIT {window.limit}")
        return found[::-1] if order == "ASC" else found

    def due(self, now: int) -> list[Record]:
        """Objects whose deadline has come."""
        return self._records("deadline <= ?", [now], "ORDER BY deadline")

    def _records(self, where: str, values: list[Any], rest: str) -> list[Record]:
        sql = f"SELECT seq, account, kind, body, hidden FROM objects WHERE {where} {rest}"
        return [_read(row) for row in self.connection.execute(sql, values)]

    def save(self, record: Record) -> None:
        """Write an object that is new or has changed."""
        text = record.text()
        if text == record.saved:
            return
        columns = {
            "id": record.id,
            "account": record.account,
            "kind": record.kind,
            **_lookups(record),
            "body": json.dumps(record.body, separators=(",", ":")),
            "hidden": json.dumps(record.hidden, separators=(",", ":")),
        }
        if record.seq:
            assignments = ", ".join(f"{name} = :{name}" for name in columns)
            self.connection.execute(
                f"UPDATE objects SET {assignments} WHERE seq = :seq", {**columns, "seq": record.seq}
            )
        else:
            places = ", ".join(f":{name}" for name in columns)
            sql = f"INSERT INTO objects ({', '.join(columns)}) VALUES ({places})"
            record.seq = int(self.connection.execute(sql, columns).lastrowid or 0)
        record.saved = text

    def delete(self, record: Record) -> None:
        """Remove an object's row."""
        self.execute("DELETE FROM objects WHERE seq = ?", record.seq)


def _read(row: tuple[int, str, str, str, str]) -> Record:
    seq, account, kind, body, hidden = row
    text = f"[{body},{hidden}]"
    return Record(account, kind, json.loads(body), json.loads(hidden), text, text, seq)


def _lookups(record: Record) -> Json:
    body, hidden = record.body, record.hidden
    return {
        "created": hidden.get("created", body.get("created", 0)),
        "customer": body.get("customer"),
        "parent": hidden.get("parent"),
        "status": body.get("status"),
        "label": hidden.get("label"),
        "deadline": hidden.get("deadline"),
    }
