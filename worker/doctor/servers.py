"""What is reachable of PostgreSQL and Temporal, and whether they are set up as this code needs them."""

from collections.abc import Sequence
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueueConfig
from temporalio.client import Client
from temporalio.service import RPCError

from activities.messages import BILLING_QUEUE, STRIPE_QUEUE
from adapters.postgres.migrate import head
from adapters.postgres.pool import Pool
from adapters.temporal import describe_namespace, describe_queue
from worker.doctor.findings import Finding, Page, Section, Verdict
from worker.queues import STRIPE_STEPS_PER_SECOND, STRIPE_STEPS_PER_SECOND_AND_ACCOUNT
from workflows.messages import SEARCH_ATTRIBUTES

_WORKED: Final = (
    (BILLING_QUEUE, "workflows", TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    (BILLING_QUEUE, "activities", TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    (STRIPE_QUEUE, "activities", TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
)
_SECONDS_IN_A_DAY: Final = 86_400


async def postgres(pool: Pool) -> Sequence[Finding]:
    """Whether it answers, and has the schema that this code expects."""
    async with pool.acquire() as connection:
        version = await connection.fetchval("SHOW server_version")
        stands_at = None
        if await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
            stands_at = await connection.fetchval("SELECT version_num FROM alembic_version")
    answers = Finding(Section.REACHABLE, "PostgreSQL", Verdict.OK, f"answers, version {version}")
    return [answers, schema(stands_at, head())]


def schema(stands_at: str | None, expected: str | None) -> Finding:
    """Whether the database's revision is the one that this code needs."""
    if stands_at == expected:
        return Finding(Section.REACHABLE, "schema", Verdict.OK, f"at revision {stands_at}, as this code expects")
    if stands_at and expected and stands_at > expected:
        told = f"at revision {stands_at}, and this code knows {expected}: a newer one has been deployed"
        return Finding(Section.REACHABLE, "schema", Verdict.NOTE, told, "Ask with the newer code.", Page.DEPLOYS)
    told = f"at revision {stands_at}, and this code needs {expected}" if stands_at else "there is none"
    do = "Run the migrations: python -m adapters.postgres.migrate."
    return Finding(Section.REACHABLE, "schema", Verdict.WRONG, told, do, Page.SCHEMA_IS_BEHIND)


async def namespace(client: Client) -> Sequence[Finding]:
    """Whether Temporal answers for our namespace."""
    described = await describe_namespace(client)
    days = described.config.workflow_execution_retention_ttl.seconds // _SECONDS_IN_A_DAY
    told = f"answers for namespace {client.namespace}, closed workflows are kept for {days} days"
    return [Finding(Section.REACHABLE, "Temporal", Verdict.OK, told)]


async def search_attributes(client: Client) -> Sequence[Finding]:
    """Whether ours are registered: without them no workflow can be started."""
    name = "search attributes"
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        told = f"cannot be read ({error.status.name}): Temporal Cloud shows them in its console only"
        return [Finding(Section.REACHABLE, name, Verdict.NOTE, told, see=Page.SEARCH_ATTRIBUTES_ARE_MISSING)]
    missing = [
        f"{attribute} ({kind})"
        for attribute, kind in SEARCH_ATTRIBUTES.items()
        if known.custom_attributes.get(attribute) != IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
    ]
    if missing:
        told = f"not registered, or of another type: {', '.join(missing)}"
        do = "Register them (temporal operator search-attribute create); until then no subscription can be started."
        return [Finding(Section.REACHABLE, name, Verdict.WRONG, told, do, Page.SEARCH_ATTRIBUTES_ARE_MISSING)]
    return [Finding(Section.REACHABLE, name, Verdict.OK, f"all {len(SEARCH_ATTRIBUTES)} are registered")]


async def queues(client: Client) -> Sequence[Finding]:
    """Whether somebody works on both task queues, and which limits Temporal keeps for Stripe's."""
    found = []
    for queue, what, kind in _WORKED:
        described = await describe_queue(client, queue, kind, config=True)
        found.append(_polled(f"queue {queue}", what, len(described.pollers)))
    return [*found, _limits(described.config)]


def _polled(name: str, what: str, pollers: int) -> Finding:
    if pollers:
        return Finding(Section.REACHABLE, name, Verdict.OK, f"{what}: {pollers} polling")
    do = "Start a worker, or look into its log for why it is not there: python -m worker."
    return Finding(Section.REACHABLE, name, Verdict.WRONG, f"{what}: nobody works on it", do, Page.NO_WORKER)


def _limits(config: TaskQueueConfig) -> Finding:
    """The worker sets them at its start. They spare Stripe's limits; nothing is wrong without them."""
    whole = config.queue_rate_limit.rate_limit.requests_per_second
    each = config.fairness_keys_rate_limit_default.rate_limit.requests_per_second
    told = f"{whole:g} steps a second, {each:g} for one account"
    if (whole, each) == (STRIPE_STEPS_PER_SECOND, STRIPE_STEPS_PER_SECOND_AND_ACCOUNT):
        return Finding(Section.REACHABLE, "Stripe limits", Verdict.OK, told)
    wanted = f"{STRIPE_STEPS_PER_SECOND:g} and {STRIPE_STEPS_PER_SECOND_AND_ACCOUNT:g} are ours"
    do = "A worker sets them when it starts. If the server refused, its log says so."
    return Finding(Section.REACHABLE, "Stripe limits", Verdict.NOTE, f"{told}: {wanted}", do, Page.STRIPE_LIMITS)
