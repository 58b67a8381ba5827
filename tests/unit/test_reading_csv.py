"""Rows of calls out of bytes: the same whatever the pieces in which they come."""

import contextlib
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.calls import Call
from api.reading_calls import COLUMNS, InvalidCall
from api.reading_csv import LONGEST_ROW, CallRows, NotCsv, Row, reports

HEADER = ",".join(COLUMNS) + "\n"
TEXTS = st.text(st.sampled_from('ab,"\r\n\té😀'), max_size=6).map(lambda text: '"' + text.replace('"', '""') + '"')
ROWS = st.lists(st.tuples(TEXTS, st.just("cli_1"), st.just("2026-11-23T14:02:11Z"), st.just("61"), TEXTS), max_size=6)


def read(body: bytes, cuts: Sequence[int] = ()) -> list[Row]:
    rows = CallRows()
    edges = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]
    found = [one for start, end in itertools.pairwise(edges) for one in rows.feed(body[start:end])]
    return [*found, *rows.end()]


@given(ROWS, st.lists(st.integers(0, 1000), max_size=9), st.sampled_from(["\n", "\r\n"]))
def test_pieces_make_no_difference(rows: list[tuple[str, ...]], cuts: list[int], line_end: str) -> None:
    body = (HEADER + "".join(",".join(row) + line_end for row in rows)).encode()
    whole = read(body)
    assert len(whole) == len(rows)
    assert read(body, cuts) == whole


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_are_rows_or_told(tail: bytes, cuts: list[int]) -> None:
    found: Sequence[Row] = ()
    with contextlib.suppress(NotCsv):
        found = read(HEADER.encode() + tail, cuts)
    told = [one for _, calls in reports(found, COLUMNS, 0) for one in calls]
    assert len(told) == len(found)
    assert all(isinstance(one, Call | InvalidCall) for one in told)


LINE = "c1,cli_1,2026-11-23T14:02:11Z,61,completed\r\n"
TWO_LINES = LINE.replace("c1", '"c\r\n1"')


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (b'"a"b,c\n', "is not CSV"),
        (b"caf\xe9,c\n", "is not UTF-8"),
        (b'"caf\xe9,c"\n', "is not UTF-8"),
        (b'"never closed\n', "breaks off inside quotes"),
        (b"x" * 140_000 + b"\n", "is not CSV"),
        (b"x" * 140_000 + b"\xe9\n", "is not CSV"),
    ],
    ids=["text behind a quote", "not UTF-8", "not UTF-8 in quotes", "truncated", "long", "long and not UTF-8"],
)
@pytest.mark.parametrize("cut", [0, len(HEADER) + len(LINE)], ids=["in one piece", "in two"])
def test_what_is_wrong_is_told_with_its_row_and_line(tail: bytes, why: str, cut: int) -> None:
    body = f"{HEADER}{LINE}\r\n{TWO_LINES}".encode() + tail
    with pytest.raises(NotCsv, match=why) as told:
        read(body, [cut])
    assert (told.value.row, told.value.line) == (2, 6)


def test_a_piece_of_short_rows_is_several_reports() -> None:
    parts = list(reports([("a",)] * 6_000, COLUMNS, 10))
    assert [(first, len(calls)) for first, calls in parts] == [(10, 2_500), (2_510, 2_500), (5_010, 1_000)]


def test_only_so_much_is_held_as_a_row_may_have() -> None:
    rows = CallRows()
    rows.feed(HEADER.encode() + b'"' + b"x\n" * (LONGEST_ROW // 2 - 1))
    with pytest.raises(NotCsv, match="row 0: is longer than 65536 bytes: is a quote not closed"):
        rows.feed(b"x\n")


def test_it_can_be_read_on_from_where_a_row_ended() -> None:
    row = "c1,cli_1,2026-11-23T14:02:11Z,61,completed\n"
    body = (HEADER + row + row).encode()
    first = CallRows()
    first.feed(body[: len(HEADER) + len(row) + 3])
    assert (first.row, first.taken) == (1, len(HEADER) + len(row))
    second = CallRows(first.header, first.row, first.lines)
    assert second.feed(body[first.taken :]) == read((HEADER + row).encode())
    assert (second.row, second.lines) == (2, 3)
