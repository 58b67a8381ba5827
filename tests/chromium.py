"""Gets a browser for tests/browser where there is none: Playwright's download, or the system's package if we are root.

Without one the tests that need it are left out, and say so; in CI they may not be.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from support.chromium import installed

SECONDS = 600


def main() -> None:
    if installed():
        return
    print("Getting a Chromium for the tests of the web pages, once …", flush=True)
    for command in _ways():
        got = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if got.returncode == 0 and installed():
            return
    print("There is no Chromium, and none could be got: the tests in tests/browser are left out.", flush=True)


def _ways() -> list[list[str]]:
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        package = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"
        # The system's own first: it brings the libraries that Playwright's download takes for granted.
        ways.insert(0, ["sh", "-c", f"{package} chromium fonts-dejavu-core"])
    return ways


if __name__ == "__main__":
    main()
