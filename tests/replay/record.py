"""Records what tests/replay compares with: `python tests/replay/record.py traces|histories|fingerprint [--again]`.

Deliberate, and from nowhere else: read docs/changing-workflows.md first. What is recorded already stays as it is;
with --again it is recorded anew, which only a change that no running workflow can meet may ask for.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

from support import histories  # noqa: E402
from support.fingerprints import fingerprint, interpreter  # noqa: E402
from support.paths import PATHS  # noqa: E402
from support.recording import a_life  # noqa: E402
from support.scenarios import KNOWN_RULES, SCENARIOS  # noqa: E402
from support.traces import golden  # noqa: E402

from sandbox.temporal import running_temporal  # noqa: E402


def record_traces(again: bool) -> None:
    for name in SCENARIOS:
        for rules in KNOWN_RULES:
            path = HERE / "traces" / f"{name}.rules{rules}.txt"
            if again or not path.exists():
                path.write_text(golden(name, rules))
                print(f"recorded {path.name}")


async def record_histories(again: bool) -> None:
    folder = HERE / "histories"
    missing = [name for name in PATHS if again or not [*folder.glob(f"{name}.*.json")]]
    with tempfile.TemporaryDirectory() as scratch:
        async with running_temporal(Path(scratch) / "temporal") as address:
            for name in missing:
                for old in folder.glob(f"{name}.*.json"):
                    old.unlink()
                async with a_life(address, Path(scratch) / name) as life:
                    await PATHS[name](life)
                    for run, history in enumerate(await life.histories(), start=1):
                        histories.write(history, folder / f"{name}.{run}.json")
                print(f"recorded {name}")


def record_fingerprint(again: bool) -> None:
    path = HERE / "interpreter.fingerprint.txt"
    if again or not path.exists():
        path.write_text(fingerprint(interpreter()))
        print(f"recorded {path.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("traces", "histories", "fingerprint"))
    parser.add_argument("--again", action="store_true", help="also what is recorded already")
    logging.getLogger("temporalio.activity").setLevel(logging.CRITICAL)  # steps fail on purpose
    chosen = parser.parse_args()
    match chosen.what:
        case "traces":
            record_traces(chosen.again)
        case "histories":
            asyncio.run(record_histories(chosen.again))
        case "fingerprint":
            record_fingerprint(chosen.again)


if __name__ == "__main__":
    main()
