"""`python -m api import-calls`: a file of calls, brought in once, however often it is stopped."""

import asyncio
import csv
import io
import os
import signal
import sys
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from support.calls import call, served, used
from support.http import Json, environment_of
from support.tenant import Tenant

from api import import_calls
from api.reading_calls import COLUMNS


def table(calls: list[Json]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *([one[name] for name in COLUMNS] for one in calls)])
    return out.getvalue().encode()


async def started(tenant: Tenant, file: Path, agency: str = "") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api", "import-calls", str(file), "--agency", agency or tenant.id),
        env={**os.environ, **environment_of(tenant.site.settings)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def imported(tenant: Tenant, file: Path, agency: str = "") -> tuple[int | None, str, str]:
    process = await started(tenant, file, agency)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def rejected(file: Path) -> list[list[str]]:
    with file.with_name(f"{file.stem}.rejected.csv").open(newline="") as told:
        return list(csv.reader(told))


def beside(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.iterdir())


async def test_a_file_is_taken_in_and_what_is_wrong_is_told_beside_it(tenant: Tenant, tmp_path: Path) -> None:
    client = await served(tenant)
    file = tmp_path / "calls.csv"
    wrong = {**call(client), "duration_seconds": "a minute"}
    file.write_bytes(table([call(client), wrong, call("cli_none")]) + b"one,two\r\n")
    status, out, err = await imported(tenant, file)
    assert (status, err) == (import_calls.SOME_REJECTED, "calls.csv: 100 %\n")
    assert out.splitlines()[0] == "4 rows of calls.csv: 1 accepted, 0 duplicates, 0 unbilled, 3 rejected"
    header, *rows = rejected(file)
    assert header == ["row", "code", "detail", *COLUMNS]
    assert [row[:2] for row in rows] == [["2", "invalid"], ["3", "unknown_client"], ["4", "invalid"]]
    assert rows[0][3:] == [str(wrong[name]) for name in COLUMNS]
    assert rows[2][2:] == ["call: has 2 columns, not 5", "one", "two"]
    file.write_bytes(table([call(client)]))
    assert (await imported(tenant, file))[0] == import_calls.ALL_TAKEN
    assert beside(file) == ["calls.csv"]
    assert await used(tenant, client) == 240


async def test_killed_in_the_middle_it_goes_on_where_it_stood(tenant: Tenant, tmp_path: Path) -> None:
    client = await served(tenant)
    file = tmp_path / "calls.csv"
    good = [call(client) for _ in range(12_000)]
    every = [
        one for number, one in enumerate(good) for one in ([call("cli_none"), one] if number % 100 == 0 else [one])
    ]
    file.write_bytes(table(every))
    process = await started(tenant, file)
    checkpoint = tmp_path / "calls.import.json"
    while not checkpoint.exists():
        assert process.returncode is None
        await asyncio.sleep(0)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert await used(tenant, client) < 120 * len(good), "it was killed too late to show anything"
    with (tmp_path / "calls.rejected.csv").open("ab") as left_behind:
        left_behind.write(b"99999,invalid,written before the checkpoint was\r\n")
    status, out, told = await imported(tenant, file)
    assert status == import_calls.SOME_REJECTED
    assert out.startswith(f"{len(every):,} rows of calls.csv: ")
    assert told.splitlines()[-1] == "calls.csv: 100 %"
    assert 1 < len(told.splitlines()) < 10, "it went on from the middle"
    assert await used(tenant, client) == 120 * len(good)
    _, *rows = rejected(file)
    assert [int(row[0]) for row in rows] == [1 + 101 * number for number in range(120)]
    assert not checkpoint.exists()


@pytest.mark.parametrize("lost", ["another file under its name", "the rejected rows"])
async def test_what_does_not_belong_to_the_checkpoint_is_begun_anew(tenant: Tenant, tmp_path: Path, lost: str) -> None:
    client = await served(tenant)
    file, checkpoint, refused = (tmp_path / name for name in ("calls.csv", "calls.import.json", "calls.rejected.csv"))
    body = table([call("cli_none"), call(client)])
    file.write_bytes(body)
    content = "another" if lost == "another file under its name" else sha256(body).hexdigest()
    known = import_calls.Checkpoint(content, tenant.id, len(body), 2, 3, COLUMNS, rejected=1, rejected_bytes=1_000)
    checkpoint.write_bytes(msgspec.json.encode(known))
    refused.write_bytes(b"x" * (1_000 if content == "another" else 999))
    status, out, _ = await imported(tenant, file)
    assert (status, out.splitlines()[0]) == (
        import_calls.SOME_REJECTED,
        "2 rows of calls.csv: 1 accepted, 0 duplicates, 0 unbilled, 1 rejected",
    )
    assert [row[0] for row in rejected(file)] == ["row", "1"]


@pytest.mark.parametrize(
    ("body", "agency", "told"),
    [
        (None, "", "No such file"),
        (b"call_id\n", "", "calls.csv, line 1: the header: client_id is missing"),
        (table([]) + b"a\r\n\xff\r\n", "", "calls.csv, line 3: is not UTF-8"),
        (table([]) + b'a\r\n"', "", "calls.csv, line 3: breaks off inside quotes"),
        (table([]), "agc_none", "--agency: there is no agency agc_none"),
    ],
)
async def test_what_cannot_be_imported_is_told(
    tenant: Tenant, tmp_path: Path, body: bytes | None, agency: str, told: str
) -> None:
    file = tmp_path / "calls.csv"
    if body is not None:
        file.write_bytes(body)
    status, out, err = await imported(tenant, file, agency)
    assert (status, out) == (import_calls.NOT_ENDED, "")
    assert told in err
    assert "Traceback" not in err
