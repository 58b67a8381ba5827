"""CSV read piece by piece: whole rows out of a stream of bytes, of which no more than a piece is ever held."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from api.reading_calls import COLUMNS, Read, rows

BOM: Final = b"\xef\xbb\xbf"
LONGEST_ROW: Final = 64 * 1024
"""In bytes: a longer one has a quote that was never closed."""
PIECE: Final = 192 * 1024
"""Of a stream, in bytes: some 2,500 calls."""
_REPORT: Final = 2_500
"""In calls: a piece of very short rows makes several reports, so that none takes long."""

Row: TypeAlias = Sequence[str]


class NotCsv(Exception):
    """The file can't be read any further. `row` is the data row that is wrong, counted from 0; none when it is the
    header. `line` is the line on which that begins, counted from 1."""

    def __init__(self, row: int | None, line: int, why: str) -> None:
        self.row, self.line, self.why = row, line, why
        super().__init__(f"{'the header' if row is None else f'row {row}'}: {why}")


class WrongHeader(NotCsv):
    """The first line does not name the columns of a call, each once."""

    def __init__(self, why: str) -> None:
        super().__init__(None, 1, why)


class CallRows:
    """Reads rows out of bytes that are fed to it: RFC 4180, UTF-8. The header names the columns of a call, in any
    order. Empty lines are no rows.

    To go on from the middle of a file: its `header`, and how many rows and lines come before.
    """

    def __init__(self, header: Row | None = None, row: int = 0, lines: int = 0) -> None:
        self.header: Row = header or ()
        self.row = row
        """How many rows have been read."""
        self.lines = lines
        """How many lines they had."""
        self.taken = 0
        """How many of the bytes that were fed have been read."""
        self._held = b""

    def feed(self, piece: bytes) -> Sequence[Row]:
        """The rows that the piece completes. Raises NotCsv."""
        self._held += piece
        cut = _last_row_end(self._held)
        if cut == 0 and len(self._held) > LONGEST_ROW:
            raise self._broken(0, 0, f"is longer than {LONGEST_ROW} bytes: is a quote not closed?")
        return self._read(cut)

    def end(self) -> Sequence[Row]:
        """The rows that are left. Raises NotCsv when they break off inside quotes, or there was no header."""
        if self._held.count(b'"') % 2:
            raise self._broken(0, 0, "breaks off inside quotes")
        read = self._read(len(self._held))
        if not self.header:
            raise WrongHeader("is missing")
        return read

    def _read(self, size: int) -> Sequence[Row]:
        whole, self._held = self._held[:size], self._held[size:]
        if not self.header and not self.taken:
            whole = whole.removeprefix(BOM)
        self.taken += size
        try:
            given = self._split(whole.decode())
        except UnicodeDecodeError as error:
            before = f"{whole[: error.start].decode()}x"
            begun = len(self._split(before, strict=False))
            raise self._broken(begun - 1, before.count("\n"), "is not UTF-8") from error
        if given and not self.header:
            self.header = _checked(given.pop(0))
        self.row += len(given)
        self.lines += whole.count(b"\n")
        return given

    def _split(self, text: str, *, strict: bool = True) -> list[Row]:
        given: list[Row] = []
        reader = csv.reader(io.StringIO(text, newline=""), strict=strict)
        try:
            for row in reader:
                if row:
                    given.append(row)
        except csv.Error as error:
            raise self._broken(len(given), reader.line_num - 1, f"is not CSV ({error})") from error
        return given

    def _broken(self, rows: int, lines: int, why: str) -> NotCsv:
        """What is wrong in the piece, after so many of its rows and lines."""
        row = self.row + rows - (0 if self.header else 1)
        return NotCsv(row if row >= 0 else None, self.lines + lines + 1, why)


def reports(given: Sequence[Row], header: Row, first: int) -> Iterator[tuple[int, Sequence[Read]]]:
    """The calls of the rows, as many at a time as a report should have, each time with the number of the first of them.
    `first` is the number of the first row."""
    for start in range(0, len(given), _REPORT):
        yield first + start, rows(given[start : start + _REPORT], header)


def _last_row_end(held: bytes) -> int:
    """The position behind the last line end that is not inside quotes; 0 if there is none. A doubled quote closes and
    opens again."""
    end = len(held)
    parts = held.split(b'"')
    for number in range(len(parts) - 1, -1, -1):
        end -= len(parts[number])
        outside = number % 2 == 0
        if outside and (line_end := parts[number].rfind(b"\n")) >= 0:
            return end + line_end + 1
        end -= 1
    return 0


def _checked(header: Row) -> Row:
    if unknown := [name for name in header if name not in COLUMNS]:
        raise WrongHeader(f"{unknown[0]!r} is no column of a call: they are {', '.join(COLUMNS)}")
    if missing := [name for name in COLUMNS if name not in header]:
        raise WrongHeader(f"{missing[0]} is missing")
    if len(header) > len(COLUMNS):
        raise WrongHeader("a column is there twice")
    return header
