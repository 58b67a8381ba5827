"""The supervisor: what dies comes back, what an earlier run left behind is stopped, and the folder stays one's own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from support.servers import Eventually

from sandbox import processes
from sandbox.child import NotStarted, Program
from sandbox.home import Home
from sandbox.ports import free_port
from sandbox.processes import Supervisor, sole_owner


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "sandbox")
    home.folder.mkdir()
    home.open()
    return home


@pytest.fixture
async def supervisor(home: Home) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(home)
    yield supervisor
    await supervisor.stop()


def program(home: Home, name: str, code: str = "import time; time.sleep(600)") -> Program:
    async def ready() -> bool:
        return True

    return Program(name, (sys.executable, "-c", code), home.logs / f"{name}.log", ready)


async def test_a_killed_process_is_back_at_once_and_pids_json_follows(
    home: Home, supervisor: Supervisor, eventually: Eventually
) -> None:
    await supervisor.start(lambda: program(home, "worker"))
    killed = supervisor.kill("worker")

    async def back() -> bool:
        return supervisor.pids()["worker"] != killed

    await eventually(back)
    assert home.read_pids() == supervisor.pids()
    assert psutil.pid_exists(supervisor.pids()["worker"])


async def test_who_is_killed_again_and_again_is_back_without_a_pause_and_who_ends_by_itself_waits(
    home: Home, supervisor: Supervisor, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS"):
        monkeypatch.setattr(processes, pause, 600.0)
    for name in ("api", "worker"):
        await supervisor.start(lambda name=name: program(home, name))

    ended = supervisor.pids()["api"]
    psutil.Process(ended).terminate()
    await eventually(lambda: _is_gone(ended))
    for _ in range(3):
        killed = supervisor.kill("worker")
        await eventually(lambda pid=killed: _another(supervisor, "worker", pid))

    assert supervisor.pids()["api"] == ended


async def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


async def test_a_process_that_is_away_stays_so_until_it_may_come_back(
    home: Home, supervisor: Supervisor, eventually: Eventually
) -> None:
    await supervisor.start(lambda: program(home, "temporal"))
    first = supervisor.pids()["temporal"]

    async with supervisor.away("temporal"):
        assert not psutil.pid_exists(first)
        # What dies is back after a moment: whoever is kept alive beside it is.
        await supervisor.start(lambda: program(home, "worker"))
        killed = supervisor.kill("worker")
        await eventually(lambda: _another(supervisor, "worker", killed))
        assert supervisor.pids()["temporal"] == first
    second = supervisor.pids()["temporal"]
    assert second != first

    supervisor.kill("temporal")
    await eventually(lambda: _another(supervisor, "temporal", second))


async def _another(supervisor: Supervisor, name: str, pid: int) -> bool:
    return supervisor.pids()[name] != pid


async def test_what_never_starts_is_told_with_its_last_words(home: Home, supervisor: Supervisor) -> None:
    with pytest.raises(NotStarted, match=r"(?s)api .*no such port"):
        await supervisor.start(lambda: never_ready(home, "raise SystemExit('no such port')"))


def never_ready(home: Home, code: str) -> Program:
    async def ready() -> bool:
        return False

    return Program("api", (sys.executable, "-c", code), home.logs / "api.log", ready)


async def test_an_orderly_stop_leaves_nothing_behind(home: Home) -> None:
    supervisor = Supervisor(home)
    await supervisor.start(lambda: program(home, "worker"))
    pid = supervisor.pids()["worker"]
    await supervisor.stop()
    assert not psutil.pid_exists(pid)
    with sole_owner(home) as left_behind:
        assert left_behind == []


async def test_what_a_killed_run_left_behind_is_stopped(home: Home, eventually: Eventually) -> None:
    code = f"""
import asyncio, os, sys
from pathlib import Path
from sandbox.child import Program
from sandbox.home import Home
from sandbox.processes import Supervisor, sole_owner

async def yes(): return True

async def main():
    home = Home(Path({str(home.folder)!r}))
    program = Program("worker", (sys.executable, "-c", "import time; time.sleep(600)"), home.logs / "w.log", yes)
    with sole_owner(home):
        await Supervisor(home).start(lambda: program)
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""
    earlier = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await earlier.wait() == -signal.SIGKILL
    left = home.read_pids()["worker"]
    assert psutil.pid_exists(left)

    with sole_owner(home) as left_behind:
        assert left_behind == ["worker"]

    async def gone() -> bool:
        return not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE

    await eventually(gone)


async def test_a_number_in_pids_json_that_is_another_process_by_now_is_left_alone(home: Home) -> None:
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    try:
        home.write_pids({"worker": stranger.pid})
        with sole_owner(home) as left_behind:
            assert left_behind == []
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_second_run_in_the_same_folder_takes_over(home: Home) -> None:
    code = f"""
import asyncio, signal
from pathlib import Path
from sandbox.home import Home
from sandbox.processes import sole_owner

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with sole_owner(Home(Path({str(home.folder)!r}))):
        print("mine", flush=True)
        await stop.wait()

asyncio.run(main())
"""
    first = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert first.stdout is not None
    assert await first.stdout.readline() == b"mine\n"

    with sole_owner(home) as stopped:
        assert stopped == ["supervisor"]

    assert await first.wait() == 0


def test_ports_stay_between_runs_unless_taken(home: Home) -> None:
    kept = home.open()
    home.assign_ports(kept, api=0)
    again = home.open()
    home.assign_ports(again, api=0)
    assert again.ports == kept.ports
    asked = free_port()
    home.assign_ports(again, api=asked)
    assert again.ports == kept.ports | {"api": asked}
    assert len(set(again.ports.values())) == len(again.ports)


def test_a_fresh_start_removes_the_sandboxs_things_only(home: Home) -> None:
    (home.folder / "my-notes.txt").write_text("mine")
    home.postgres.mkdir()
    before = home.open().secrets
    home.clear()
    assert sorted(path.name for path in home.folder.iterdir()) == ["my-notes.txt"]
    assert home.open().secrets != before


def test_the_clock_file_is_never_half_written(home: Home) -> None:
    home.write_offset(86400.5)
    assert home.offset() == 86400.5
    assert not (home.folder / "clock.new").exists()
