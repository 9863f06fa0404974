"""What the log keeps of a forgotten password: that it was asked for, and that there is another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.model import Conflict, NotFound
from domain.user import (
    DECIDER,
    ChangePassword,
    DeactivateUser,
    EraseUser,
    PasswordChanged,
    PasswordResetRequested,
    RequestPasswordReset,
    UserAdded,
)
from tests.support.spec import given

T0 = datetime(2025, 10, 1, 12, tzinfo=UTC)
LATER = T0 + timedelta(minutes=5)
ADDED = UserAdded(user="usr_1", name="Ana", email="ana@example.mx", role="partner", at=T0)


def test_a_reset_may_be_asked_for_again() -> None:
    asked = given(DECIDER, ADDED).after(RequestPasswordReset(user="usr_1", now=T0))
    asked.when(RequestPasswordReset(user="usr_1", now=LATER)).then(PasswordResetRequested(user="usr_1", at=LATER))


def test_an_account_that_may_do_nothing_gets_no_reset() -> None:
    given(DECIDER, ADDED).after(DeactivateUser(user="usr_1", now=T0)).when(
        RequestPasswordReset(user="usr_1", now=LATER)
    ).then_nothing()


def test_another_password_is_noted() -> None:
    given(DECIDER, ADDED).when(ChangePassword(user="usr_1", now=LATER)).then(PasswordChanged(user="usr_1", at=LATER))


def test_nobody_and_the_erased_have_no_password() -> None:
    given(DECIDER).when(RequestPasswordReset(user="usr_1", now=T0)).refuses(NotFound, "USER_NOT_FOUND")
    given(DECIDER, ADDED).after(EraseUser(user="usr_1", now=T0)).when(ChangePassword(user="usr_1", now=T0)).refuses(
        Conflict, "USER_ERASED"
    )
