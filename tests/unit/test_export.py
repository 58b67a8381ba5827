"""The table of all invoices: one that a spreadsheet reads as it was meant."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.agency.export import COLUMNS, inert, table

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
ROW: dict[str, Any] = {
    "id": "inv_1",
    "number": None,
    "client_id": "cli_1",
    "client_name": 'Smith, "Bill" & Söhne',
    "external_id": "+1 207",
    "subscription_id": "sub_1",
    "kind": "period",
    "status": "paid",
    "currency": "usd",
    "total": 6244,
    "tax": 0,
    "balance_applied": -50,
    "amount_due": 6194,
    "amount_paid": 6194,
    "paid_out_of_band": False,
    "created_at": AT,
    "issued_at": AT,
    "settled_at": None,
}


async def batches(*sizes: int) -> AsyncIterator[list[Any]]:
    for size in sizes:
        yield [ROW] * size


async def pieces(*sizes: int) -> list[str]:
    return [piece async for piece in table(batches(*sizes))]


async def test_it_reads_back_as_it_was_written() -> None:
    header, row = csv.reader(io.StringIO("".join(await pieces(1))))
    shown = dict(zip(header, row, strict=True))
    assert tuple(header) == COLUMNS
    assert shown["client_name"] == ROW["client_name"]
    assert shown["external_id"] == "'+1 207"
    assert (shown["total"], shown["balance_applied"], shown["amount_due"]) == ("62.44", "-0.50", "61.94")
    assert (shown["number"], shown["settled_at"], shown["paid_out_of_band"]) == ("", "", "false")
    assert shown["created_at"] == "2026-11-23T15:00:00Z"


async def test_each_batch_is_a_piece_of_its_own() -> None:
    assert [len(piece.splitlines()) for piece in await pieces(2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(("currency", "amount", "shown"), [("jpy", 4900, "4900"), ("kwd", 1230, "1.230")])
async def test_amounts_have_their_currencys_decimals(currency: str, amount: int, shown: str) -> None:
    async def one() -> AsyncIterator[list[Any]]:
        yield [{**ROW, "currency": currency, "total": amount, "external_id": None}]

    text = "".join([piece async for piece in table(one())])
    assert dict(zip(*csv.reader(io.StringIO(text)), strict=True))["total"] == shown


@pytest.mark.parametrize("formula", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "＝1+1"])
def test_a_formula_becomes_text(formula: str) -> None:
    assert inert(formula) == f"'{formula}"


@given(st.text())
def test_no_text_is_left_that_is_worked_out_and_no_other_is_touched(text: str) -> None:
    written = inert(text)
    assert not written.lstrip().startswith(("=", "+", "-", "@"))
    assert written in (text, f"'{text}")
