"""The API's messages as the agency reads them: of its client, in its locale and its zone."""

from zoneinfo import ZoneInfo

import pytest

from api.pages.agency.messages import to_agency, tried
from api.pages.formats import Formats, locale_of
from billing.declines import Decline, reason_text

NBSP = "\N{NO-BREAK SPACE}"


def read(text: str, language: str = "de-DE") -> str:
    return to_agency(Formats(locale_of(language), ZoneInfo("Europe/Berlin")), text)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("authentication_required", "The bank asks the client to confirm this payment."),
        ("insufficient_funds", "The card has insufficient funds."),
        ("incorrect_zip", "The billing address does not match the card."),
        ("stop_payment_order", "Payments to you have been stopped at the bank."),
    ],
)
def test_what_is_said_to_the_client_is_said_of_it(code: str, said: str) -> None:
    assert read(reason_text(Decline(decline_code=code))) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("61.50 USD", f"61,50{NBSP}$"),
        ("1234.50 EUR open on 2 invoices", f"1.234,50{NBSP}€ open on 2 invoices"),
        ("4900 JPY", f"4.900{NBSP}¥"),
        ("at 0.125 USD a minute", f"at 0,125{NBSP}$ a minute"),
        ("-5.00 USD", f"-5,00{NBSP}$"),
        (
            "100 % reached: 150.0 of 1000 included minutes are used in the period that ends on 2026-12-01.",
            "100 % reached: 150 of 1.000 included minutes are used in the period that ends on 1 Dec 2026.",
        ),
        ("begins on 2026-12-01 10:00 UTC with 49.00 USD.", f"begins on 1 Dec 2026, 11:00 CET with 49,00{NBSP}$."),
    ],
)
def test_figures_are_the_viewers(text: str, said: str) -> None:
    assert read(text) == said


def test_an_attempt_says_of_the_card_why_it_failed() -> None:
    formats = Formats(locale_of("en-US"), ZoneInfo("UTC"))
    attempts = [{"reason": "Your card does not support this currency."}, {"reason": None}]
    shown = tried(formats, {"id": "inv_1", "attempts": attempts})
    assert [one["reason"] for one in shown["attempts"]] == ["The card does not support this currency.", None]
    assert shown["id"] == "inv_1"


def test_the_language_of_the_viewer_decides() -> None:
    assert read("61.50 USD on 2026-12-01", "en-US") == "$61.50 on Dec 1, 2026"
