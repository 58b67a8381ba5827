"""The worker shows its figures from its first moment, on the port that it is given."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
from support.servers import Eventually

from sandbox.ports import free_port

SETTINGS = {
    "RETAINER_ENVIRONMENT": "sandbox",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "STRIPE_API_KEY": "sk_test_nobody",
    "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
    "STRIPE_CONNECT_WEBHOOK_SECRET": "whsec_nobody",
    "LINK_SECRET": "links-of-nobody",
    "JWT_ISSUER": "tests",
    "JWT_SECRET": "for-tests-only-" * 3,
    "PUBLIC_BASE_URL": "http://127.0.0.1:1",
    "WORKER_BUILD_ID": "4711abc",
}


async def test_a_worker_that_waits_for_its_database_can_be_seen_to(eventually: Eventually, tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "worker.log").open("wb") as said:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker"),
            env={**os.environ, **SETTINGS, "METRICS_PORT": str(port)},
            stderr=said,
        )
    try:
        async with httpx.AsyncClient(verify=False) as http:

            async def figures() -> str:
                try:
                    return (await http.get(f"http://127.0.0.1:{port}/metrics")).text
                except httpx.TransportError:
                    assert worker.returncode is None, (tmp_path / "worker.log").read_text()
                    return ""

            shown = await eventually(figures)
    finally:
        worker.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(worker.wait(), 20)
    assert status == 0
    assert "\nretainer_database_up 0.0\n" in shown
    assert 'build="4711abc"' in shown
    assert "retainer_inbox_undelivered" not in shown
