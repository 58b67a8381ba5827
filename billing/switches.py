"""Switches of collection that are accepted and wait for their boundary (billing-rules 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Switch:
    """From the boundary `at` on it is collected so."""

    at: datetime
    manual: bool


def collected_from(manual: bool, switches: Sequence[Switch], at: datetime) -> tuple[bool, tuple[Switch, ...]]:
    """Whether it is manual from `at` on, and the switches that are still ahead then."""
    due = [switch.manual for switch in switches if switch.at <= at]
    return due[-1] if due else manual, tuple(switch for switch in switches if switch.at > at)
