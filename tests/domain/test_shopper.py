"""A shopper's account, told by example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.model import Conflict, Invalid, NotFound
from domain.shopper import (
    DECIDER,
    AccountRecovered,
    ChangeShopper,
    DeactivateShopper,
    EraseShopper,
    Known,
    ReactivateShopper,
    RecoverAccount,
    RecoveryRequested,
    RegisterShopper,
    RequestRecovery,
    ShopperChanged,
    ShopperDeactivated,
    ShopperErased,
    ShopperReactivated,
    ShopperRegistered,
    compared,
)
from tests.support.spec import given

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)
WHO: dict[str, Any] = {"shopper": "a", "username": "ana", "name": "Ana López", "card": "V-1"}
KNOWN = Known("ana", "V-1", "ana@example.mx")


def register(**other: Any) -> RegisterShopper:
    return RegisterShopper(**{**WHO, "email": "ana@example.mx", "now": NOW, **other})


def registered(**other: Any) -> ShopperRegistered:
    return ShopperRegistered(**{**WHO, "email": "ana@example.mx", "at": NOW, **other})


def change(known: Known = KNOWN, **fields: Any) -> ChangeShopper:
    return ChangeShopper(shopper="a", known=known, now=NOW, **fields)


def test_somebody_registers() -> None:
    given(DECIDER).when(register(username=" ana ", email="ANA@example.mx", phone="  ")).then(registered())
    given(DECIDER, registered()).when(register()).then_nothing()
    given(DECIDER, registered()).when(register(name="Otra")).refuses(Conflict, "SHOPPER_ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("username", "ab", "USERNAME_LENGTH"),
        ("username", " a ", "USERNAME_LENGTH"),
        ("username", "x" * 61, "TEXT_TOO_LONG"),
        ("name", "", "TEXT_EMPTY"),
        ("card", "a\0", "TEXT_UNPRINTABLE"),
        ("email", "nobody", "EMAIL_INVALID"),
        ("address", "x" * 501, "TEXT_TOO_LONG"),
    ],
)
def test_what_makes_no_account_is_refused(field: str, value: str, code: str) -> None:
    given(DECIDER).when(register(**{field: value})).refuses(Invalid, code, field=field)
    given(DECIDER, registered()).when(change(**{field: value})).refuses(Invalid, code, field=field)


def test_only_what_changes_is_told() -> None:
    before = given(DECIDER, registered())
    before.when(change(name="Ana P.", username="ana")).then(ShopperChanged(shopper="a", name="Ana P.", at=NOW))
    before.when(change(email="")).then(ShopperChanged(shopper="a", email=None, at=NOW))
    before.when(change(name="Ana López", email="ana@example.mx")).then_nothing()


def test_a_claim_that_moves_has_to_be_the_one_that_is_held() -> None:
    stale = Known("ana", "V-1", "old@example.mx")
    given(DECIDER, registered()).when(change(stale, email="new@example.mx")).refuses(Conflict, "SHOPPER_CHANGED")
    given(DECIDER, registered()).when(change(stale, name="Ana P.")).then(
        ShopperChanged(shopper="a", name="Ana P.", at=NOW)
    )


def test_an_account_is_locked_and_unlocked() -> None:
    locked = ShopperDeactivated(shopper="a", at=NOW)
    given(DECIDER, registered()).when(DeactivateShopper(shopper="a", now=NOW)).then(locked)
    given(DECIDER, registered(), locked).when(DeactivateShopper(shopper="a", now=NOW)).then_nothing()
    given(DECIDER, registered(), locked).when(ReactivateShopper(shopper="a", now=NOW)).then(
        ShopperReactivated(shopper="a", at=NOW)
    )


def test_a_code_is_asked_for_as_often_as_somebody_wants_but_not_for_a_locked_account() -> None:
    ask, asked = RequestRecovery(shopper="a", now=NOW), RecoveryRequested(shopper="a", at=NOW)
    later = NOW + timedelta(minutes=1)
    given(DECIDER, registered()).when(ask).then(asked)
    given(DECIDER, registered(), asked).when(RequestRecovery(shopper="a", now=later)).then(
        RecoveryRequested(shopper="a", at=later)
    )
    given(DECIDER, registered(), ShopperDeactivated(shopper="a", at=NOW)).when(ask).then_nothing()
    given(DECIDER, registered()).when(RecoverAccount(shopper="a", now=NOW)).then(AccountRecovered(shopper="a", at=NOW))


def test_an_erased_account_takes_nothing_more() -> None:
    erased = ShopperErased(shopper="a", at=NOW)
    given(DECIDER, registered()).when(EraseShopper(shopper="a", now=NOW)).then(erased)
    gone = given(DECIDER, registered(), erased)
    gone.when(EraseShopper(shopper="a", now=NOW)).then_nothing()
    for command in (register(), change(name="X"), RequestRecovery(shopper="a", now=NOW)):
        gone.when(command).refuses(Conflict, "SHOPPER_ERASED")


def test_nobody_has_no_account() -> None:
    for command in (change(name="X"), DeactivateShopper(shopper="a", now=NOW), RequestRecovery(shopper="a", now=NOW)):
        given(DECIDER).when(command).refuses(NotFound, "SHOPPER_NOT_FOUND")


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("username", "Ñandú", " ÑANDÚ "),
        ("username", "straße", "STRASSE"),
        ("username", "an\u0303a", "a\u00f1a"),
        ("card", "V-12.345 678", "v12345678"),
        ("email", "ana@example.mx", "ANA@Example.MX"),
    ],
)
def test_unique_values_are_compared_as_people_read_them(field: str, one: str, other: str) -> None:
    assert compared(field, one) == compared(field, other)


def test_usernames_keep_their_punctuation_and_cards_without_letters_or_digits_do_too() -> None:
    assert compared("username", "a.b") != compared("username", "ab")
    assert compared("card", "--") == "--"
