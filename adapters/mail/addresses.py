"""What a mail can go to: the same rule when an address is entered and when a mail is made."""

from email.errors import HeaderParseError
from email.headerregistry import Address


def address(text: str) -> Address:
    """One address at a domain and nothing else: no name, comment, list or address of a machine. Raises ValueError."""
    try:
        read = Address(addr_spec=text)
    except (HeaderParseError, IndexError, ValueError) as error:
        raise ValueError("is not a mail address") from error
    if read.addr_spec != text or read.domain.startswith("["):
        raise ValueError("is not a mail address")
    return read
