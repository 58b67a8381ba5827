"""`make demo EXIT=1`, as a visitor runs it: each beat of the year with its amounts, each invariant, the status."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from sandbox.demo import closing
from sandbox.story import WIDTH, Story

SECONDS = 350
"""More than the year ever takes beside another worker of the suite; a year that hangs is ended."""


@pytest.mark.timeout(SECONDS + 30)
async def test_the_year_is_played_as_told_and_everything_holds(servers_folder: Path) -> None:
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
    assert "\x1b" not in told, "colours and a moving line are for terminals"
    assert max(map(len, told.splitlines())) <= WIDTH
    assert not _running_in(folder), "processes of the demo outlived it"


# What the README promises of each client, in its order, with amounts and Stripe's ids. What falls due for several at
# one instant comes in any order among them.
BEATS = {
    "Cedar Dental": (
        r"31 09:30 E.T .* invoice \S+ issued +49\.00 USD +in_",  # a renewal on the 31st
        r"period 2 closed: 612 of 500 min +14\.00 USD",
        r"paid +63\.00 USD +ch_",
        r"cancelled, at period end",
        r"the cancellation is taken back",
        r"period 10 closed: 555 of 500 min +6\.88 USD",
        r"paid +55\.88 USD +ch_",
        r"13 +706\.14 USD +69\.14 USD +706\.14 USD +0\.00 USD +0\.00 USD",
    ),
    "Harbor Realty": (
        r"· the card on file runs dry",
        r"visa 5556 attempt 1 declined: +49\.00 USD +ch_\S+ insufficient funds",
        r"visa 5556 attempt 2 declined",
        r"visa 5556 attempt 3 declined",
        r"visa 5556 attempt 4 declined",
        r"all retries failed: past due",
        r"card saved: mastercard 4444 +pm_",
        r"mastercard 4444 attempt 5 paid: +49\.00 USD +ch_\S+ recovered",
        r"card saved: visa 4242 +pm_",  # typed while Temporal was away
        r"visa 4242 attempt 1 paid +49\.38 USD +ch_",
        r"13 +658\.01 USD +21\.01 USD +658\.01 USD +0\.00 USD +0\.00 USD",
    ),
    "Summit Legal": (
        r"· worker \(pid \d+\) killed",
        r"· renewed all the same, by 1 charge",
        r"amex 0005 attempt 1 declined: do not +29\.00 USD",
        r"amex 0005 attempt 2 declined: do not +29\.00 USD",
        r"invoice \S+ paid elsewhere: +29\.00 USD +in_\S+ recovered",
        r"13 +415\.25 USD +38\.25 USD +386\.25 USD +29\.00 USD +0\.00 USD",
    ),
    "Hana Clinic": (
        r"01 09:00 JST .* an invoice of zero issued +0 JPY",  # the first month is free
        r"invoice \S+-0001 issued +7200 JPY",
        r"period 4 closed: 613 of 500 min +2091 JPY",  # 2090.5 yen, rounded
        r"· schedule: invoice period 6, tried in vain \d times, next at 11:\d\d JST",
        r"01 14:3\d JST .* invoice \S+ issued +7237 JPY",  # Stripe is back
        r"jcb 0505 attempt 1 declined: +8625 JPY +ch_\S+ authentication required",
        r"invoice \S+ paid elsewhere: +8625 JPY +in_\S+ recovered",
        r"12 +93506 JPY +7106 JPY +84881 JPY +8625 JPY +0 JPY",
    ),
    "Kumo Hotels": (
        r"01 09:00 JST .* not tried: no card +4200 JPY",
        r"04 09:00 JST .* not tried: no card +4200 JPY",
        r"07 09:00 JST .* visa 4242 attempt 1 paid: recovered +4200 JPY +ch_",
        r"visa 4242 attempt 1 declined: lost +4288 JPY +ch_\S+ card",
        r"not tried: hard decline +4288 JPY",
        r"· presses pay now: new card required",
        r"discover 1117 attempt 2 paid: +4288 JPY +ch_\S+ recovered",
        r"01 14:3\d JST .* invoice \S+ issued +4200 JPY",
        r"13 +61662 JPY +7062 JPY +61662 JPY +0 JPY +0 JPY",
    ),
    "Nami Travel": (
        r"· is moved in a month late",
        r"invoice \S+-0001 issued +7200 JPY",
        r"period 1 closed: 410 of 500 min",
        r"invoice \S+-0002 issued +7200 JPY",
        r"cancelled, at period end",
        r"visa 4242 attempt 1 paid +611 JPY +ch_",
        r"· has left",
        r"6 +40811 JPY +4811 JPY +40811 JPY +0 JPY +0 JPY",
    ),
    "Alpen Hotel": (
        r"· Sprache Pro from today on, 5 days of it a trial",
        r"· mail to Alpen Hotel: The trial ends soon",
        r"the trial is over",
        r"mastercard 4444 attempt 1 paid +39\.00 EUR +ch_",
        r"· would pay \d\d\.\d\d EUR for Sprache Max",
        r"plan change to Sprache Max, now",
        r"mastercard 4444 attempt 1 paid +\d\d\.\d\d EUR +ch_",
        r"attempt 1 declined: +79\.00 EUR +ch_\S+ insufficient funds",
        r"frozen: the account is restricted",
        r"thawed: what waited goes on",
        r"mastercard 4444 attempt 2 paid: +79\.00 EUR +ch_\S+ recovered",
        r"a refund is asked for +20\.00 EUR",
        r"refunded +20\.00 EUR",
        r"· used 850 minutes: go on",
        r"· used 300 minutes: serve no more",
        r"mastercard 4444 attempt 1 declined: +120\.00 EUR +ch_\S+ insufficient funds",
        r"another retry policy for the running ladder: 2, 2 days",
        r"mastercard 4444 attempt 2 paid: +120\.00 EUR +ch_\S+ recovered",
        r"· pays on Stripe's page; the webhook is lost",
        r"paid elsewhere +120\.00 EUR",
        r"a payment is disputed +120\.00 EUR",
        r"paused, at period end",
        r"not tried: disputed +14\.25 EUR",
        r"· is back",
        r"mastercard 4444 attempt 1 paid +79\.00 EUR",
    ),
    "Rhein Voice": (
        r"· Rhein Voice onboards on Stripe's page: its account is active",
        r"· Rhein Voice imports its price",
        r"· Rhein Voice: Stripe restricts",
        r"· mail to Rhein Voice: The Stripe account can't charge: billing is frozen",
        r"· Rhein Voice: the account is restored",
        r"· webhook to Rhein Voice: cap_reached",
        r"· mail to Rhein Voice: A payment is disputed",
        r"· what Rhein Voice and its client were told: \d+ mails, \d+ webhooks, each once",
    ),
    "": (
        r"· Stripe is down",
        r"· Stripe is back",
        r"· Temporal, which runs the renewals, is gone",
        r"· two cards are typed: their webhooks wait",
        r"· Temporal is back",
        r"together +39 +1779\.40 USD +128\.40 USD +1750\.40 USD +29\.00 USD +0\.00 USD",
        r"together +31 +195979 JPY +18979 JPY +187354 JPY +8625 JPY +0 JPY",
        r"2547 calls taken in; \d\d charges, 10",
    ),
}


def _is_the_story(told: str) -> None:
    lines = re.sub(r" *\n {20,}", " ", told).splitlines()
    for client, beats in BEATS.items():
        rest = iter(line for line in lines if client in line)
        for beat in beats:
            assert any(re.search(beat, line) for line in rest), f"{client}: {beat} is not told, or not in its order"


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

    assert not await closing.told_that_all_holds(Control(), Story())  # type: ignore[arg-type]
    said = capsys.readouterr().out
    assert "I1   FAILS  No invoice is charged twice\n            inv_1 was charged twice" in said
