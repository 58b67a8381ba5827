"""The connection to Temporal: one way to make it, and one way to wait for its answers.

Address, namespace, API key and TLS come from Temporal's own environment variables and configuration file
(`temporalio.envconfig`), so that Temporal Cloud works as any other server does.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
)
from temporalio.client import Client, Interceptor, RPCTimeoutOrCancelledError
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from adapters.telemetry.temporal import ObserveCalls

_LOCAL: Final = "localhost:7233"
_CONNECT_SECONDS: Final = 10.0
# A server that is not there, is starting, or is overloaded: all of them pass.
_AWAY: Final = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
    }
)

# Every workflow run makes a payload converter of its own. What one learns of a type takes it 10 ms: all share that.
_CONVERTERS: Final = tuple(PydanticPayloadConverter().converters.values())

T = TypeVar("T")


class _PayloadConverter(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


DATA_CONVERTER: Final = DataConverter(payload_converter_class=_PayloadConverter)
"""Our wire format: JSON, written and read by pydantic."""


class TemporalAway(Exception):
    """Temporal did not answer in time. Whether the call took effect is unknown."""


async def connect(
    address: str | None = None, *, lazy: bool = False, interceptors: Sequence[Interceptor] = ()
) -> Client:
    """A client that speaks our wire format; a lazy one connects with its first call, so it starts without Temporal.

    Without an `address` it is the configured server's.

    Raises TemporalAway when it is not lazy and no server answers within 10 s.
    """
    config = ClientConfig.load_client_connect_config()
    config["target_host"] = address or config.get("target_host", _LOCAL)
    connecting = Client.connect(
        **config, data_converter=DATA_CONVERTER, lazy=lazy, interceptors=[ObserveCalls(), *interceptors]
    )
    return await within(_CONNECT_SECONDS, connecting)


async def answering(interceptors: Sequence[Interceptor] = ()) -> Client:
    """A client of the configured server, which has answered for our namespace.

    Raises TemporalAway, and RPCError where the server refuses: it has no such namespace, or does not take our key.
    """
    client = await connect(interceptors=interceptors)
    await within(_CONNECT_SECONDS, describe_namespace(client))
    return client


async def describe_namespace(client: Client) -> DescribeNamespaceResponse:
    """What Temporal says of our namespace."""
    return await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))


async def describe_queue(
    client: Client, queue: str, kind: TaskQueueType.ValueType, *, config: bool = False
) -> DescribeTaskQueueResponse:
    """Who polls the task queue, and with `config` the limits that are set on it."""
    return await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind, report_config=config
        )
    )


async def within(seconds: float, call: Awaitable[T]) -> T:
    """The answer of a call to Temporal. Raises TemporalAway when the server is not there or takes longer.

    The SDK's own time-outs do not hold while it looks for the server, a lazy client says that it found none with a
    RuntimeError, and an update whose caller goes away makes an error of its own of that.
    """
    try:
        return await asyncio.wait_for(call, seconds)
    except (TimeoutError, RPCTimeoutOrCancelledError) as error:
        raise TemporalAway(f"no answer within {seconds:g} s") from error
    except RPCError as error:
        if error.status in _AWAY:
            raise TemporalAway(error.message) from error
        raise
    except RuntimeError as error:
        raise TemporalAway(str(error)) from error
