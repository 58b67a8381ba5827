"""`python -m sandbox.stripe`: start the emulator as a process of its own."""

import argparse
from pathlib import Path

from sandbox.stripe.app import Config
from sandbox.stripe.server import serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback by default)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--db", type=Path, required=True, help="SQLite file that holds everything")
    parser.add_argument("--clock-file", type=Path, required=True, help="file with the seconds to add to the wall clock")
    parser.add_argument("--api-key", required=True, help="the secret key that callers must present")
    parser.add_argument("--base-url", help="address under which browsers reach the hosted pages")
    arguments = parser.parse_args()
    base_url = arguments.base_url or f"http://{arguments.host}:{arguments.port}"
    config = Config(arguments.db, arguments.clock_file, arguments.api_key, base_url.rstrip("/"))
    serve(config, arguments.host, arguments.port)


if __name__ == "__main__":
    main()
