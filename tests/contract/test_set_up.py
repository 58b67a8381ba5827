"""What docker-compose.yml says to Temporal, on a real server: the namespace's set-up, and the worker's health check."""

import asyncio
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from support.deployment import CHECKOUT, compose, script
from support.servers import Eventually
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.messages import BILLING_QUEUE
from sandbox.temporal import SEARCH_ATTRIBUTES
from worker.queues import workflow_runner
from workflows.subscription import SubscriptionWorkflow

NAMESPACE = "set-up"
SERVICES = compose()["services"]


async def ended(*command: str, address: str, namespace: str) -> int:
    """The status with which the command ends, where the `temporal` of this environment is on the path."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=CHECKOUT,
        env={
            **os.environ,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": namespace,
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


@pytest.fixture(scope="module")
async def set_up(temporal_address: str) -> str:
    """The address of the server on which the namespace was set up, twice."""
    service = SERVICES["temporal-namespace"]
    shell = shutil.which("sh")
    assert shell is not None
    words = [shell, *service["entrypoint"][1:], *map(script, service["command"])]
    for _ in range(2):
        assert await ended(*words, address=temporal_address, namespace=NAMESPACE) == 0
    return temporal_address


async def test_the_namespace_is_made_once_with_our_search_attributes(set_up: str) -> None:
    client = await Client.connect(set_up, namespace=NAMESPACE)
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=NAMESPACE))
    kinds = {name: IndexedValueType.Name(kind) for name, kind in known.custom_attributes.items()}
    assert kinds == {name: f"INDEXED_VALUE_TYPE_{kind.upper()}" for name, kind in SEARCH_ATTRIBUTES.items()}
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 30


async def test_a_worker_is_well_once_it_asks_for_work(set_up: str, eventually: Eventually) -> None:
    check = script(SERVICES["worker"]["healthcheck"]["test"][3])

    async def well() -> bool:
        return await ended(sys.executable, "-c", check, address=set_up, namespace=NAMESPACE) == 0

    client = await Client.connect(set_up, namespace=NAMESPACE, identity=f"7@{socket.gethostname()}")
    assert not await well()
    async with Worker(
        client, task_queue=BILLING_QUEUE, workflows=[SubscriptionWorkflow], workflow_runner=workflow_runner()
    ):
        assert await eventually(well)
