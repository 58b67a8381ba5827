"""What the terminal shows: a line for each fact in its agency's zone, and a forecast as bars."""

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.outlook import bills_of, chart
from sandbox.story import WIDTH, Story

NEW_YORK, TOKYO = "America/New_York", "Asia/Tokyo"


def entry(at: str, **changes: Any) -> dict[str, Any]:
    known = {
        "at": at,
        "zone": NEW_YORK,
        "client": "Cedar Dental",
        "what": "payment_succeeded",
        "detail": "visa 4242 attempt 1 paid",
        "amount": {"amount": 4900, "currency": "usd"},
        "stripe_id": "ch_3mI2YTSu8qMIPbZgUQ6kDOrM",
    }
    return known | changes


def told(*entries: dict[str, Any]) -> list[str]:
    out = io.StringIO()
    story = Story(out)
    for one in entries:
        story.entry(one)
    return out.getvalue().splitlines()


def test_a_line_is_in_its_agencys_zone_and_money() -> None:
    yen = {"amount": 7200, "currency": "jpy"}
    lines = told(
        entry("2027-03-31T14:30:00Z"), entry("2027-03-31T15:30:00Z", zone=TOKYO, client="Hana Clinic", amount=yen)
    )
    assert lines[2].startswith("Mar 31 10:30 EDT Cedar Dental  visa 4242 attempt 1 paid ")
    assert lines[2].endswith(" 49.00 USD  ch_3mI2YTSu8qMIPbZgUQ6kDOrM")
    assert lines[5].startswith("Apr 01 00:30 JST Hana Clinic ")
    assert lines[5].endswith(" 7200 JPY  ch_3mI2YTSu8qMIPbZgUQ6kDOrM")


def test_a_month_has_one_heading_although_one_zone_is_in_it_before_the_other() -> None:
    lines = told(
        entry("2027-03-31T14:30:00Z"),
        entry("2027-03-31T15:30:00Z", zone=TOKYO),
        entry("2027-03-31T15:40:00Z"),
        entry("2027-04-30T14:30:00Z"),
    )
    assert [line.strip("─ ") for line in lines if "──" in line] == ["March 2027", "April 2027"]


def test_long_words_are_broken_and_no_line_is_wider_than_the_columns() -> None:
    lines = told(entry("2027-03-31T14:30:00Z", detail="visa 5556 attempt 1 declined: " + "insufficient funds " * 3))
    assert len(lines) > 3
    assert max(map(len, lines)) <= WIDTH


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """One of 80 columns."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def test_colour_is_for_terminals(terminal: Terminal) -> None:
    Story(terminal).entry(entry("2027-03-31T14:30:00Z"))

    assert "\x1b[32m" in terminal.getvalue(), "what is paid is green"
    assert "\x1b" not in "".join(told(entry("2027-03-31T14:30:00Z")))


def test_a_narrow_terminal_gets_lines_that_fit(terminal: Terminal) -> None:
    story = Story(terminal)
    story.heading()
    story.entry(entry("2027-03-31T14:30:00Z", detail="mastercard 4444 attempt 5 paid: recovered"))
    story.paragraph("      ", "words " * 30)

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in terminal.getvalue().splitlines()]
    assert max(map(len, lines)) == 80
    assert lines[3].endswith(" 49.00 USD"), "Stripe's ids are left out"
    assert lines[4].endswith(" recovered")


# The chart


def forecasted(event: str, day: int, invoice: str, amount: int = 0, result: str | None = None) -> dict[str, Any]:
    return {
        "at": f"{datetime(2028, 1, day, 1, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}",
        "event": event,
        "invoice_id": invoice,
        "amount": {"amount": amount, "currency": "jpy"},
        "result": result,
    }


def test_a_forecast_is_a_bar_for_each_invoice_with_what_comes_of_it() -> None:
    entries = [
        forecasted("attempt", 1, "inv_old", 500, "paid"),  # of a debt from before: no bar
        forecasted("invoice", 2, "inv_1", 4200),
        forecasted("attempt", 2, "inv_1", 4200, "paid"),
        forecasted("invoice", 3, "inv_2", 8400),
        forecasted("attempt", 3, "inv_2", 8400, "declined"),
        forecasted("attempt", 6, "inv_2", 8400, "paid"),
        forecasted("invoice", 9, "inv_3", 10),
        forecasted("attempt", 9, "inv_3", 10, "declined"),
    ]
    lines = chart(bills_of(entries), TOKYO, WIDTH)

    assert [text.count("█") for text, _ in lines] == [20, 40, 1, 0]
    assert [paid for _, paid in lines] == [True, True, False, False]
    assert lines[0][0].startswith("Jan 02 2028  ███")
    assert lines[0][0].endswith(" 4200 JPY  paid")
    assert lines[1][0].endswith(" 8400 JPY  declined 1 time, paid Jan 06 2028")
    assert lines[2][0].endswith(" 10 JPY  open, declined 1 time")
    assert lines[3][0].endswith(" 12600 JPY of 12610 JPY paid")


def test_a_chart_fits_a_narrow_terminal_whatever_comes_of_its_bills() -> None:
    tried = [forecasted("attempt", day, "inv_1", result="declined") for day in range(2, 6)]
    bill = forecasted("invoice", 2, "inv_1", 12345678)
    lines = chart(bills_of([bill, *tried, forecasted("attempt", 20, "inv_1", result="paid")]), TOKYO, 80)

    assert lines[0][0].endswith(" declined 4 times, paid Jan 20 2028")
    assert max(len(text) for text, _ in lines) <= 80


def test_no_invoice_is_no_chart() -> None:
    assert chart(bills_of([]), TOKYO, WIDTH) == []
