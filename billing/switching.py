"""When a switch of collection holds, and when there can be none (billing-rules 5)."""

from dataclasses import replace
from datetime import datetime

from billing.caps import cap_refusal
from billing.collection import CollectionSet
from billing.service import end_of_period_at
from billing.state import State
from billing.switches import Switch


def collection_refusal(s: State, at: datetime, *, manual: bool, account: str) -> str | None:
    """The API's word for why it can't be switched at `at`: service has ended, or there is no account to charge in."""
    return cap_refusal(s, at) or (None if manual or s.account or account else "stripe_not_ready")


def collection_set(s: State, fact: CollectionSet) -> State:
    at = max(s.clock, fact.at)
    if collection_refusal(s, at, manual=fact.manual, account=fact.account):
        return s
    if fact.account and not s.account:
        s = replace(s, account=fact.account, customer=fact.customer, card=s.card or fact.card)
    if s.period is None or s.period.start > at:
        first = tuple(replace(i, statement=fact.manual) if i.opens and not i.begun else i for i in s.to_issue)
        return replace(s, manual=fact.manual, switches=(), to_issue=first)
    boundary = end_of_period_at(s, s.period, at)
    kept = tuple(switch for switch in s.switches if switch.at < boundary)
    before = kept[-1].manual if kept else s.manual
    return replace(s, switches=kept if before == fact.manual else (*kept, Switch(boundary, fact.manual)))


def wanted_manual(s: State) -> bool:
    """How it will be collected once what is agreed holds."""
    return s.switches[-1].manual if s.switches else s.manual
