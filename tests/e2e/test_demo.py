"""`make demo EXIT=1`, as a visitor runs it: five months, every invariant, and the exit status."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from sandbox import demo
from sandbox.story import Story

SECONDS = 240


async def test_the_first_act_is_played_and_everything_holds(servers_folder: Path) -> None:
    folder = servers_folder / "demo"
    playing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "demo", "--exit", "--port", "0", "--data", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(playing.communicate(), SECONDS)
    told = printed.decode()

    assert playing.returncode == 0, told
    _is_the_story(told)
    assert [line.split()[1] for line in told.splitlines() if re.match(r"I\d+ ", line)] == ["holds"] * 10
    assert not _running_in(folder), "processes of the demo outlived it"


def _is_the_story(told: str) -> None:
    """The beats that the README promises, in their order, each with its amount and Stripe's id."""
    beats = (
        r"31 \d\d:\d\d Cedar Dental +invoice \S+ issued +49\.00 USD +in_",  # a renewal on the 31st
        r"Harbor Realty · the card on file runs dry",
        r"Cedar Dental +period 2 closed: 612 of 500 min +14\.00 USD",
        r"Harbor Realty visa 5556 attempt 1 declined: insufficient +49\.00 USD +ch_",
        r"Harbor Realty visa 5556 attempt 2 declined",
        r"Harbor Realty visa 5556 attempt 3 declined",
        r"Harbor Realty visa 5556 attempt 4 declined",
        r"Harbor Realty all retries failed: past due",
        r"Harbor Realty card saved: mastercard 4444 +pm_",
        r"Harbor Realty mastercard 4444 attempt 5 paid: recovered +49\.00 USD +ch_",
        r"Summit Legal +· worker \(pid \d+\) killed",
        r"Summit Legal +· renewed all the same, by 1 charge",
        r"Cedar Dental +active +6 invoices paid, +337\.13 USD in all",
        r"Harbor Realty +active +6 invoices paid, +299\.00 USD in all",
        r"Summit Legal +active +6 invoices paid, +185\.10 USD in all",
    )
    at = 0
    words = re.sub(r"  +\n|\n {20,}", " ", told)
    for beat in beats:
        found = re.compile(beat).search(words, at)
        assert found, f"{beat} is not told after:\n{words[max(0, at - 400) : at]}"
        at = found.start()


def _running_in(folder: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or ())
    ]


async def test_an_invariant_that_does_not_hold_is_shown_and_fails_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    class Control:
        async def get(self, path: str) -> dict[str, Any]:
            assert path == "/check"
            findings = [{"id": "I1", "ok": False, "detail": "inv_1 was charged twice"}]
            return {"ok": False, "invariants": findings}

    assert not await demo.told_that_all_holds(Control(), Story("UTC"))  # type: ignore[arg-type]
    assert "I1   FAILS  inv_1 was charged twice" in capsys.readouterr().out
