"""Who is told of what, and how (billing-rules 9): the code has the page's table, and what happens is told by it."""

import re

import pytest
from support.deployment import read
from support.world import a_world

from billing.notices import _TITLES, CHANNELS, Audience, Channel, NoticeKind

ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", flags=re.M)


def _said(cell: str) -> frozenset[Channel]:
    return frozenset() if cell.strip() == "—" else frozenset(Channel(word.strip()) for word in cell.split(","))


def test_the_table_is_the_pages() -> None:
    section = read("docs/billing-rules.md").split("## 9. Telling people")[1].split("## 10.")[0]
    page = {kind: {"client": _said(client), "agency": _said(agency)} for kind, client, agency in ROW.findall(section)}
    nobody: frozenset[Channel] = frozenset()
    audiences: tuple[Audience, ...] = ("client", "agency")
    code = {kind.value: {who: CHANNELS[kind].get(who, nobody) for who in audiences} for kind in CHANNELS}
    assert page == code


def test_every_kind_has_its_row_and_its_title() -> None:
    assert set(CHANNELS) == set(_TITLES) == set(NoticeKind)
    assert [kind for kind, told in CHANNELS.items() if not told or not all(told.values())] == []


def test_a_client_is_told_by_mail_only() -> None:
    assert {told["client"] for told in CHANNELS.values() if "client" in told} == {frozenset({Channel.MAIL})}


@pytest.mark.parametrize(
    ("card", "days", "told"),
    [
        ("pays", 1, {"invoice_issued", "invoice_paid"}),
        ("soft", 30, {"invoice_issued", "payment_failed", "past_due"}),
        ("must_act", 2, {"invoice_issued", "action_required"}),
        ("none", 1, {"invoice_issued", "card_needed"}),
    ],
)
def test_what_happens_is_told_to_everybody_whom_the_table_names(card: str, days: int, told: set[str]) -> None:
    world = a_world(*([] if card == "none" else [card]), with_card=card != "none").run(days=days)
    assert {notice.kind.value for notice in world.told} == told
    for notice in world.told:
        others = {one.audience for one in world.told if one.key == notice.key and one.kind is notice.kind}
        assert others == set(CHANNELS[notice.kind])
