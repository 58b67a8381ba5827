"""Mail addresses: what a caller may enter is what a mail can go to."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from pydantic import TypeAdapter, ValidationError

from adapters.mail.addresses import address
from api.fields import Email

ENTERED: TypeAdapter[str] = TypeAdapter(Email)


@pytest.mark.parametrize(
    "text",
    [
        "anna@client.io",
        "Anna.O'Hara+billing@mail.client.co.uk",
        "a@b.c",
        "_x-1@xn--bcher-kva.example",
        "!#$%&'*+/=?^_`{|}~-@client.io",
    ],
)
def test_what_is_an_address_is_taken_and_stands_in_the_mail_as_it_was_entered(text: str) -> None:
    assert ENTERED.validate_python(text) == text
    mail = EmailMessage(policy=SMTP)
    mail["To"] = address(text)
    assert mail.as_bytes() == f"To: {text}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "anna@client",
        "<anna@client.io>",
        "Anna <anna@client.io>",
        "anna@client.io>",
        "anna@client.io,eve@client.io",
        "anna@client.io;eve",
        "anna..b@client.io",
        ".anna@client.io",
        "anna@client..io",
        "anna@client.io.",
        "anna@.client.io",
        "an(eve)na@client.io",
        "anna@client.io(eve)",
        "anna@[10.0.0.1]",
        '"anna"@client.io',
        "ü@client.io",
        "anna@bücher.example",
        "=?utf-8?q?anna?=@client.io",
        "anna:eve@client.io",
        "anna@eve@client.io",
    ],
)
def test_what_no_mail_can_go_to_is_refused_when_it_is_entered(text: str) -> None:
    with pytest.raises(ValidationError):
        ENTERED.validate_python(text)


def test_an_address_whose_domain_is_in_another_script_is_told_how_to_write_it() -> None:
    with pytest.raises(ValidationError, match="xn--"):
        ENTERED.validate_python("anna@bücher.example")


@pytest.mark.parametrize(
    "text", ["<anna@client.io>", "anna@client.io, eve@client.io", "anna@client.io(eve)", "anna@", "@", ""]
)
def test_what_was_entered_before_is_no_address_either(text: str) -> None:
    with pytest.raises(ValueError, match="not a mail address"):
        address(text)
