"""Keys of calls, as they come from the rows that are written for COPY."""

from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import UniqueViolationError
from support.house import AGENCY, House

from adapters.postgres.keys import Key, insert_keys, place_of
from adapters.postgres.pool import transaction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BILLED = place_of(AGENCY, "cli_anna", "sub_anna", 3, None, late=False)
COLUMNS = (
    "agency_id, client_id, subscription_id, period, unbilled, late, call_id, started_at, content_hash, billed_seconds"
)


async def _enter(house: House, keys: list[Key]) -> None:
    async with transaction(house.pool) as connection:
        await insert_keys(connection, keys)


async def test_every_column_is_read_as_it_was_meant(house: House) -> None:
    paused = place_of(AGENCY, "cli_bruno", None, None, "paused", late=False)
    trial = place_of(AGENCY, "cli_zoë", "sub_zoë", 0, "trial", late=False)
    late = place_of(AGENCY, "cli_anna", "sub_anna", 2, None, late=True)
    now = 1_769_817_600_000_001
    await _enter(
        house,
        [
            (BILLED, "d \\ 'ü' 電話", now, -(2**63), 2_000_000_040),
            (paused, "c", -1, 2**63 - 1, 0),
            (trial, "b", 0, -1, 1),
            (late, "a" * 300, now, 0, 60),
        ],
    )
    at = EPOCH + timedelta(microseconds=now)
    rows = await house.fetch(f"SELECT {COLUMNS} FROM calls ORDER BY call_id")
    assert [tuple(row.values()) for row in rows] == [
        (AGENCY, "cli_anna", "sub_anna", 2, None, True, "a" * 300, at, 0, 60),
        (AGENCY, "cli_zoë", "sub_zoë", 0, "trial", False, "b", EPOCH, -1, 1),
        (AGENCY, "cli_bruno", None, None, "paused", False, "c", EPOCH - timedelta(microseconds=1), 2**63 - 1, 0),
        (AGENCY, "cli_anna", "sub_anna", 3, None, False, "d \\ 'ü' 電話", at, -(2**63), 2_000_000_040),
    ]


@pytest.mark.parametrize("taken", [0, 2_999])
async def test_a_taken_id_refuses_all_and_leaves_the_connection_of_use(house: House, taken: int) -> None:
    """Also when the server says so while rows are still sent: it enters a thousand at a time."""
    keys: list[Key] = [(BILLED, f"call-{number:04}", 0, number, 60) for number in range(3_000)]
    await _enter(house, [keys[taken]])
    async with house.pool.acquire() as connection:
        with pytest.raises(UniqueViolationError) as refused:
            await insert_keys(connection, keys)
        assert refused.value.constraint_name == "calls_pkey"
        assert await connection.fetchval("SELECT count(*) FROM calls") == 1
        others = [key for key in keys if key is not keys[taken]]
        await insert_keys(connection, reversed(others))
        assert await connection.fetchval("SELECT count(*) FROM calls") == 3_000
