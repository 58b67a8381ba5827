"""Rows of calls out of bytes: the same whatever the pieces in which they come."""

import contextlib
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.calls import Call
from api.reading_calls import COLUMNS, NoCall, Read
from api.reading_csv import LONGEST_ROW, CallRows, NotCsv

HEADER = ",".join(COLUMNS) + "\n"
TEXTS = st.text(st.sampled_from('ab,"\r\n\té😀'), max_size=6).map(lambda text: '"' + text.replace('"', '""') + '"')
ROWS = st.lists(st.tuples(TEXTS, st.just("cli_1"), st.just("2026-11-23T14:02:11Z"), st.just("61"), TEXTS), max_size=6)


def read(body: bytes, cuts: Sequence[int] = ()) -> list[Read]:
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
    found: Sequence[Read] = ()
    with contextlib.suppress(NotCsv):
        found = read(HEADER.encode() + tail, cuts)
    assert all(isinstance(one, Call | NoCall) for one in found)


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
    second = CallRows(first.header, first.row)
    assert second.feed(body[first.taken :]) == read((HEADER + row).encode())
    assert second.row == 2
