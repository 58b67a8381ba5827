"""Counting in a workflow's history what Temporal keeps of it and what Temporal Cloud would bill for it."""

from collections.abc import Iterable
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

_OF_THE_TIME_MACHINE: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    }
)
"""What moving a workflow through time writes into its history: in production nobody does."""
_BILLED: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }
)
"""Events that are one action each (README, "Billable actions"); a started activity is one for each of its tries."""


def events(history: Iterable[HistoryEvent]) -> int:
    """How many events a run's history holds, without those of the time machine."""
    return sum(event.event_type not in _OF_THE_TIME_MACHINE for event in history)


def billable_actions(history: Iterable[HistoryEvent]) -> int:
    """How many billable actions a history tells of. Queries, refused updates and heartbeats are none of its events."""
    return sum(map(_actions, history))


def _actions(event: HistoryEvent) -> int:
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        return event.activity_task_started_event_attributes.attempt
    return int(event.event_type in _BILLED)
