"""CSV as it comes, piece by piece: whole rows out of a stream of bytes, of which never more than a piece is held."""

import csv
import io
from collections.abc import Sequence
from typing import Final

from api.reading_calls import COLUMNS, Read, rows

BOM: Final = b"\xef\xbb\xbf"
LONGEST_ROW: Final = 64 * 1024
"""In bytes: what is longer is a quote that was never closed."""


class NotCsv(Exception):
    """The file can't be read on. `row` is the data row from which on, counted from 0; none when it is the header."""

    def __init__(self, row: int | None, why: str) -> None:
        self.row, self.why = row, why
        super().__init__(f"{'the header' if row is None else f'row {row}'}: {why}")


class WrongHeader(NotCsv):
    """The first line does not name the columns of a call, each once."""

    def __init__(self, why: str) -> None:
        super().__init__(None, why)


class CallRows:
    """Reads the rows of calls out of bytes that are fed to it. RFC 4180, UTF-8; the header names the columns, in any
    order; empty lines are no rows.

    `header`: that of a file that is read on from its middle, `row` the number of the row there.
    """

    def __init__(self, header: Sequence[str] | None = None, row: int = 0) -> None:
        self.header: Sequence[str] | None = header
        self.row = row
        """How many rows have been read."""
        self.texts: Sequence[Sequence[str]] = ()
        """The rows of the last piece, as they stood there."""
        self.taken = 0
        """How many of the bytes that were fed have been read."""
        self._held = b""

    def feed(self, piece: bytes) -> Sequence[Read]:
        """The calls of the rows that the piece completes. Raises NotCsv."""
        self._held += piece
        cut = _last_row_end(self._held)
        if cut == 0 and len(self._held) > LONGEST_ROW:
            raise NotCsv(self._place(), f"is longer than {LONGEST_ROW} bytes: is a quote not closed?")
        whole, self._held = self._held[:cut], self._held[cut:]
        return self._read(whole)

    def end(self) -> Sequence[Read]:
        """The calls of what is left. Raises NotCsv when it breaks off inside quotes, or there was no header."""
        whole, self._held = self._held, b""
        if whole.count(b'"') % 2:
            raise NotCsv(self._place(), "breaks off inside quotes")
        read = self._read(whole)
        if self.header is None:
            raise WrongHeader("is missing")
        return read

    def _read(self, whole: bytes) -> Sequence[Read]:
        self.taken += len(whole)
        if self.header is None and self.taken == len(whole):
            whole = whole.removeprefix(BOM)
        try:
            given = [row for row in csv.reader(io.StringIO(whole.decode(), newline=""), strict=True) if row]
        except UnicodeDecodeError as error:
            before = whole.count(b"\n", 0, error.start) - (self.header is None)
            raise NotCsv(None if before < 0 else self.row + before, "is not UTF-8") from error
        except csv.Error as error:
            raise NotCsv(self._place(), f"is not CSV ({error})") from error
        if given and self.header is None:
            self.header = _checked(given.pop(0))
        self.texts = given
        self.row += len(given)
        return rows(given, self.header) if given and self.header else []

    def _place(self) -> int | None:
        return None if self.header is None else self.row


def _last_row_end(held: bytes) -> int:
    """Behind the last line end that is not inside quotes; 0 without one. A doubled quote closes and opens again."""
    end = len(held)
    parts = held.split(b'"')
    for number in range(len(parts) - 1, -1, -1):
        end -= len(parts[number])
        outside = number % 2 == 0
        if outside and (line_end := parts[number].rfind(b"\n")) >= 0:
            return end + line_end + 1
        end -= 1
    return 0


def _checked(header: Sequence[str]) -> Sequence[str]:
    if unknown := [name for name in header if name not in COLUMNS]:
        raise WrongHeader(f"{unknown[0]!r} is no column of a call: they are {', '.join(COLUMNS)}")
    if missing := [name for name in COLUMNS if name not in header]:
        raise WrongHeader(f"{missing[0]} is missing")
    if len(header) > len(COLUMNS):
        raise WrongHeader("a column is there twice")
    return header
