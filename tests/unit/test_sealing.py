"""Secrets at rest: sealed by the newest key, opened by each, for their owner alone."""

import pytest
from cryptography.fernet import Fernet

from adapters.sealing import CannotOpen, Seal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_what_is_sealed_shows_nothing_and_is_opened_again() -> None:
    sealed = Seal([NEW]).close("whe_1", SECRET)
    assert SECRET not in sealed
    assert SECRET.removeprefix("whsec_") not in sealed
    assert Seal([NEW]).close("whe_1", SECRET) != sealed
    assert Seal([NEW]).open("whe_1", sealed) == SECRET


def test_while_keys_are_rotated_both_open_and_the_new_one_seals() -> None:
    before = Seal([OLD]).close("whe_1", SECRET)
    both = Seal([NEW, OLD])
    assert both.open("whe_1", before) == SECRET
    assert not both.is_newest(before)
    after = both.close("whe_1", SECRET)
    assert both.is_newest(after)
    assert Seal([NEW]).open("whe_1", after) == SECRET


def test_what_is_plain_is_taken_as_it_is_and_sealed_when_there_is_a_key() -> None:
    assert Seal([NEW]).open("whe_1", SECRET) == SECRET
    assert not Seal([NEW]).is_newest(SECRET)
    assert (Seal([]).close("whe_1", SECRET), Seal([]).is_newest(SECRET)) == (SECRET, True)


@pytest.mark.parametrize("keys", [[], [OLD]], ids=["none", "another"])
def test_without_its_key_it_stays_shut(keys: list[str]) -> None:
    with pytest.raises(CannotOpen):
        Seal(keys).open("whe_1", Seal([NEW]).close("whe_1", SECRET))


def test_it_is_its_owners_alone_and_cannot_be_changed() -> None:
    seal = Seal([NEW])
    sealed = seal.close("whe_1", SECRET)
    for owner, stored in (("whe_2", sealed), ("whe_1", sealed[:-4] + "AAAA"), ("whe_1", "sealed:nonsense")):
        with pytest.raises(CannotOpen):
            seal.open(owner, stored)
