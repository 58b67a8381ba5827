"""Every key is ours, says what it is for, and belongs to one endpoint."""

import inspect
from datetime import UTC, datetime, timedelta

import pytest

from adapters.stripe import keys

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def test_no_two_writes_share_a_key() -> None:
    """The transport knows our keys by their colon."""
    makers = [
        maker
        for name, maker in inspect.getmembers(keys, inspect.isfunction)
        if maker.__module__ == keys.__name__ and name not in ("era", "in_series")
    ]
    made = [maker(*("1" for _ in inspect.signature(maker).parameters)) for maker in makers]
    assert len(set(made)) == len(made) > 10
    assert all(":" in key for key in made)


@pytest.mark.parametrize(("hours", "era"), [(-1, 0), (0, 0), (19.9, 0), (20, 1), (39, 1), (40, 2)])
def test_a_key_is_trusted_for_twenty_hours(hours: float, era: int) -> None:
    assert keys.era(NOW - timedelta(hours=hours), NOW) == era
