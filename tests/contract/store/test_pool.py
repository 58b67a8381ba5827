"""What a connection costs when it is given back, and what it does not carry over to whoever takes it next."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from adapters.postgres.pool import Pool

CHECKOUT = Path(__file__).parents[3]
OVER_THE_POOL = ("activities", "adapters/postgres", "api", "worker")
OUTLIVES_ITS_TRANSACTION = re.compile(
    r"(^|;)\s*(SET\s+(?!LOCAL)|PREPARE\s|LISTEN\s)|set_config\s*\(|advisory_(lock|unlock)"
    r"|CREATE\s+(GLOBAL\s+|LOCAL\s+)?TEMP|WITH\s+HOLD"
)
LAST_STATEMENT = "SELECT query FROM pg_stat_activity WHERE pid = $1"


async def test_a_connection_is_given_back_without_a_word_to_the_server(pool: Pool) -> None:
    async with pool.acquire() as other:
        async with pool.acquire() as mine:
            pid = mine.get_server_pid()
            await mine.execute("SELECT 'the last word'")
        assert await other.fetchval(LAST_STATEMENT, pid) == "SELECT 'the last word'"


async def test_a_transaction_that_nobody_ended_is_rolled_back_when_the_connection_is_given_back(pool: Pool) -> None:
    async with pool.acquire() as other:
        async with pool.acquire() as mine:
            pid = mine.get_server_pid()
            await mine.execute("BEGIN; CREATE TABLE unfinished ()")
        async with pool.acquire() as again:
            assert again.get_server_pid() == pid, "the pool keeps it"
            assert not again.is_in_transaction()
        assert await other.fetchval("SELECT to_regclass('unfinished')") is None


def texts(source: Path) -> Iterator[str]:
    """Every string of a module, the parts of a formatted one as one."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "?" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_nothing_that_we_ask_of_the_server_outlives_its_transaction() -> None:
    # It would reach whoever takes the connection next: another tenant's request.
    sources = [source for folder in OVER_THE_POOL for source in (CHECKOUT / folder).rglob("*.py")]
    assert any("SET LOCAL" in text for source in sources for text in texts(source)), "statements are seen"
    kept = [
        (source.name, text) for source in sources for text in texts(source) if OUTLIVES_ITS_TRANSACTION.search(text)
    ]
    assert kept == []
