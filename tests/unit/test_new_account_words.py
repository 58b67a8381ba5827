"""What an agency reads before another Stripe account takes the place of its own."""

from zoneinfo import ZoneInfo

import pytest

from api.pages.agency.settings.new_account import Lost, told
from api.pages.formats import Formats, locale_of

FORMATS = Formats(locale_of("en-US"), ZoneInfo("UTC"))
USD, EUR = {"amount": 4900, "currency": "usd"}, {"amount": 500, "currency": "eur"}


@pytest.mark.parametrize(
    ("lost", "begins"),
    [
        (Lost(0, 0, ()), ["No subscription runs"]),
        (Lost(1, 1, (USD,)), ["1 subscription ends", "$49.00 still owed is not", "1 card on file is forgotten"]),
        (Lost(3, 2, (USD, EUR)), ["3 subscriptions end", "$49.00 and €5.00 still", "2 cards on file are forgotten"]),
    ],
)
def test_what_would_be_lost_is_counted(lost: Lost, begins: list[str]) -> None:
    said = list(told(FORMATS, lost))
    assert len(said) == len(begins)
    assert all(sentence.startswith(begin) for sentence, begin in zip(said, begins, strict=True)), said
