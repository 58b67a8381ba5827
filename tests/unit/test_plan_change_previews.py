"""A change is confirmed as it was shown: the same version, day and amount, which may move by its seconds only."""

from typing import Any

import pytest

from api.pages.agency.acts.previews import carried, still_so

SUBSCRIPTION: dict[str, Any] = {
    "current_period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
    "trial_end": None,
    "plan": {"price": {"amount": 4900, "currency": "usd"}},
}
NOW: dict[str, Any] = {
    "effective": "now",
    "at": "2026-11-11T00:00:00Z",
    "plan": {"version": 1, "price": {"amount": 9900, "currency": "usd"}},
    "total": {"amount": 3387, "currency": "usd"},
    "total_with_tax": {"amount": 4030, "currency": "usd"},
}
LATER = NOW | {"effective": "period_end", "at": "2026-12-01T00:00:00Z"}


def confirmed(seen: dict[str, Any], found: dict[str, Any], **tampered: str) -> bool:
    form = {**carried(seen), "effective": seen["effective"], **tampered}
    return still_so(form, found, SUBSCRIPTION)


def total(amount: int) -> dict[str, Any]:
    return {"total_with_tax": {"amount": amount, "currency": "usd"}}


def test_what_was_shown_holds_a_moment_later_by_some_cents() -> None:
    assert confirmed(NOW, NOW)
    assert confirmed(NOW, NOW | {"at": "2026-11-11T00:01:00Z"} | total(4029))
    assert confirmed(LATER, LATER | total(9000)), "the usage to date goes on"


@pytest.mark.parametrize(
    "found",
    [
        NOW | {"plan": {**NOW["plan"], "version": 2}},
        NOW | {"at": "2026-11-11T00:01:00Z"} | total(4100),
        NOW | {"at": "2026-11-11T08:00:00Z"} | total(4029),
        NOW | total(4039),
        NOW | {"effective": "period_end"},
    ],
)
def test_a_change_now_that_is_another_is_shown_again(found: dict[str, Any]) -> None:
    assert not confirmed(NOW, found)


def test_a_change_at_another_boundary_is_shown_again() -> None:
    assert not confirmed(LATER, LATER | {"at": "2027-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    "tampered", [{"total": "x"}, {"total": ""}, {"at": "never"}, {"at": "2026-11-11"}, {"version": ""}]
)
def test_what_no_page_of_ours_says_is_shown_again(tampered: dict[str, str]) -> None:
    assert not confirmed(NOW, NOW, **tampered)


def test_what_bills_nothing_yet_has_no_amount_that_could_move() -> None:
    trial = SUBSCRIPTION | {"trial_end": "2026-11-20T00:00:00Z"}
    form = {**carried(NOW | total(0)), "effective": "now"}
    assert still_so(form, NOW | total(0), trial)
    assert not still_so(form, NOW | total(1), trial)
