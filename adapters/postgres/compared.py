"""What looking for a broken invariant comes to, and how the books are asked: in sentences."""

from dataclasses import dataclass
from typing import Any

from adapters.postgres.pool import Connection


@dataclass(frozen=True)
class Compared:
    """One comparison of invariant `id`: what was compared, in figures, and what did not agree."""

    id: str
    figures: str
    wrong: tuple[str, ...]


async def sentences(connection: Connection, *queries: str) -> tuple[str, ...]:
    """What the queries find wrong: one sentence a row, in the order of the queries."""
    return tuple([row[0] for query in queries for row in await connection.fetch(query)])


async def figures(connection: Connection, query: str) -> Any:
    """The one row of an aggregate."""
    return await connection.fetchrow(query)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
