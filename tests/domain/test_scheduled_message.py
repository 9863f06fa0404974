"""A scheduled message: the transition table of its contract, to the letter, and what goes with each move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain import audience, message_status, scheduled_message
from domain.message_status import MOVES, STATUSES, Status
from domain.model import Command, Conflict, Invalid, NotFound
from domain.scheduled_message import (
    CancelMessage,
    DeleteMessage,
    DraftMessage,
    DuplicateMessage,
    EditMessage,
    FinishSending,
    KeepSending,
    MessageCancelled,
    MessageDrafted,
    MessageEdited,
    MessageFailed,
    MessagePaused,
    MessageResumed,
    MessageRetried,
    MessageScheduled,
    MessageSent,
    PauseMessage,
    RecipientsListed,
    RedraftMessage,
    ResumeMessage,
    RetryMessage,
    ScheduleMessage,
    SendingStarted,
    StartSending,
)
from tests.support.spec import Given, given

NOW = datetime(2025, 1, 27, 10, 0, tzinfo=UTC)
DUE = NOW + timedelta(hours=1)
HOUR = 3_600
ABOUT: dict[str, Any] = {"message": "m1", "owner": "alma"}


def drafted(**more: Any) -> MessageDrafted:
    fields = {"content": "Hola", "groups": ("g1",), "scheduled_for": None, "timezone": None, "at": NOW, **more}
    return MessageDrafted(**ABOUT, **fields)


SCHEDULED = MessageScheduled(**ABOUT, scheduled_for=DUE, timezone="Europe/Madrid", at=NOW)
LISTED = RecipientsListed(**ABOUT, recipients=("ana", "eva"), at=DUE)
STARTED = SendingStarted(**ABOUT, recipients=2, attempt=1, at=DUE)
PAUSED = MessagePaused(**ABOUT, reason=None, was="scheduled", at=NOW)
CANCELLED = MessageCancelled(**ABOUT, reason=None, was="scheduled", at=NOW)
SENT = MessageSent(**ABOUT, sent=2, failed=0, reasons={}, at=DUE)
FAILED = MessageFailed(**ABOUT, reason="NOTHING_SENT", failed=2, reasons={"REJECTED": 2}, at=DUE)
RETRIED = MessageRetried(**ABOUT, recipients=2, attempt=2, at=DUE)

LIVES: dict[Status, list[Any]] = {
    "draft": [drafted()],
    "scheduled": [drafted(), SCHEDULED],
    "sending": [drafted(), SCHEDULED, LISTED, STARTED],
    "sent": [drafted(), SCHEDULED, LISTED, STARTED, SENT],
    "paused": [drafted(), SCHEDULED, PAUSED],
    "cancelled": [drafted(), SCHEDULED, CANCELLED],
    "failed": [drafted(), SCHEDULED, LISTED, STARTED, FAILED],
    "retry": [drafted(), SCHEDULED, LISTED, STARTED, FAILED, RETRIED],
}


def life(status: Status) -> Given:
    found = given(scheduled_message.DECIDER, *LIVES[status])
    assert found.state.status == status
    return found


LATER = DUE + timedelta(minutes=1)
AFTER = DUE + timedelta(days=1)
ACTIONS: dict[str, tuple[Command, frozenset[Status], Status]] = {
    "schedule": (ScheduleMessage(message="m1", scheduled_for=AFTER, now=LATER), frozenset({"draft"}), "scheduled"),
    "start": (
        StartSending(message="m1", recipients=("ana",), late=HOUR, now=LATER),
        frozenset({"scheduled"}),
        "sending",
    ),
    "pause": (PauseMessage(message="m1", now=LATER), frozenset({"scheduled", "sending", "retry"}), "paused"),
    "resume": (ResumeMessage(message="m1", scheduled_for=AFTER, now=LATER), frozenset({"paused"}), "scheduled"),
    "retry": (RetryMessage(message="m1", now=LATER), frozenset({"failed"}), "retry"),
    "redraft": (
        RedraftMessage(message="m1", now=LATER),
        frozenset({"scheduled", "paused", "cancelled", "failed"}),
        "draft",
    ),
    "cancel": (
        CancelMessage(message="m1", now=LATER),
        frozenset({"draft", "scheduled", "sending", "paused", "failed", "retry"}),
        "cancelled",
    ),
    "send": (
        FinishSending(message="m1", sent=2, failed=0, reasons={}, now=LATER),
        frozenset({"sending", "retry"}),
        "sent",
    ),
    "fail": (
        FinishSending(message="m1", sent=0, failed=2, reasons={}, now=LATER),
        frozenset({"sending", "retry"}),
        "failed",
    ),
}


def test_the_table_is_that_of_the_contract() -> None:
    assert {source: sorted(targets) for source, targets in MOVES.items()} == {
        "draft": ["cancelled", "scheduled"],
        "scheduled": ["cancelled", "draft", "paused", "sending"],
        "sending": ["cancelled", "failed", "paused", "sent"],
        "sent": [],
        "paused": ["cancelled", "draft", "scheduled"],
        "cancelled": ["draft"],
        "failed": ["cancelled", "draft", "retry"],
        "retry": ["cancelled", "failed", "paused", "sent"],
    }


def test_the_actions_make_every_move_of_the_table_and_no_other() -> None:
    made = {(source, target) for _, sources, target in ACTIONS.values() for source in sources}
    assert made == {(source, target) for source in STATUSES for target in MOVES[source]}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_moves_as_the_table_says_or_is_refused(status: Status, action: str) -> None:
    command, sources, target = ACTIONS[action]
    found = life(status)
    asked = found.when(command)
    if status in sources:
        assert asked.refusal is None, asked.refusal
        assert scheduled_message.DECIDER.fold(found.state, asked.events).status == target
    elif action == "start" and status in ("sending", "retry"):  # the clock looks at a view, which may lag
        asked.then_nothing()
    else:
        asked.refuses(Conflict, "INVALID_STATE", message_status=status)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        (EditMessage(message="m1", content="Otra cosa", now=LATER), message_status.EDITABLE),
        (DeleteMessage(message="m1", now=LATER), message_status.DELETABLE),
        (DuplicateMessage(message="m1", now=LATER), message_status.COPYABLE),
    ],
    ids=["edit", "delete", "duplicate"],
)
def test_what_changes_no_state_is_allowed_in_some(status: Status, command: Command, allowed: frozenset[Status]) -> None:
    asked = life(status).when(command)
    if status in allowed:
        assert asked.refusal is None, asked.refusal
    else:
        asked.refuses(Conflict, "INVALID_STATE", message_status=status)


def test_the_same_command_again_changes_nothing_and_another_is_refused() -> None:
    paused = life("scheduled").after(PauseMessage(message="m1", now=LATER))
    paused.when(PauseMessage(message="m1", now=LATER)).then_nothing()
    paused.when(PauseMessage(message="m1", now=AFTER)).refuses(Conflict, "INVALID_STATE")


def test_reasons_are_kept() -> None:
    pause = PauseMessage(message="m1", reason="  Falta el precio ", now=LATER)
    life("scheduled").when(pause).then(MessagePaused(**ABOUT, reason="Falta el precio", was="scheduled", at=LATER))


def test_a_paused_message_whose_time_has_passed_needs_a_new_one() -> None:
    paused = life("paused")
    paused.when(ResumeMessage(message="m1", now=LATER)).refuses(Conflict, "SCHEDULE_PASSED")
    paused.when(ResumeMessage(message="m1", now=NOW)).then(MessageResumed(**ABOUT, scheduled_for=DUE, at=NOW))
    paused.when(ResumeMessage(message="m1", scheduled_for=AFTER, now=LATER)).then(
        MessageResumed(**ABOUT, scheduled_for=AFTER, at=LATER)
    )


def test_a_message_without_time_or_groups_or_that_is_spam_cannot_be_scheduled() -> None:
    asked = ScheduleMessage(message="m1", scheduled_for=DUE, now=NOW)
    bare = given(scheduled_message.DECIDER, drafted(groups=()))
    bare.when(asked).refuses(Invalid, "GROUPS_MISSING", field="groups")
    life("draft").when(replace(asked, scheduled_for=None)).refuses(Invalid, "SCHEDULE_MISSING", field="scheduled_for")
    life("draft").when(replace(asked, repeated=2)).refuses(Invalid, "SPAM_SUSPECTED", reasons=("REPEATED_CONTENT",))
    life("draft").when(replace(asked, scheduled_for=NOW)).refuses(Invalid, "SCHEDULE_IN_PAST")
    far = replace(asked, scheduled_for=NOW + timedelta(days=366))
    life("draft").when(far).refuses(Invalid, "SCHEDULE_TOO_FAR")


def test_a_draft_is_scheduled_for_the_time_it_was_drafted_with() -> None:
    dated = given(scheduled_message.DECIDER, drafted(scheduled_for=DUE, timezone="Europe/Madrid"))
    dated.when(ScheduleMessage(message="m1", now=NOW)).then(SCHEDULED)


def test_an_edit_carries_everything_and_counts_texts() -> None:
    edit = EditMessage(message="m1", content="Adiós", now=LATER)
    life("scheduled").when(edit).then(
        MessageEdited(
            **ABOUT,
            revision=2,
            content="Adiós",
            groups=("g1",),
            scheduled_for=DUE,
            timezone="Europe/Madrid",
            at=LATER,
        )
    )
    life("scheduled").when(EditMessage(message="m1", scheduled_for=None, now=NOW)).refuses(Invalid, "SCHEDULE_MISSING")
    life("scheduled").when(EditMessage(message="m1", content="Hola", now=NOW)).then_nothing()


def test_the_groups_stay_once_the_recipients_are_listed() -> None:
    started = given(scheduled_message.DECIDER, *LIVES["sending"], replace(PAUSED, was="sending"))
    started.when(EditMessage(message="m1", groups=("g2",), now=LATER)).refuses(Conflict, "RECIPIENTS_LISTED")


def test_the_start_lists_every_recipient_once() -> None:
    start = StartSending(message="m1", recipients=("ana", "eva", "ana"), late=HOUR, now=DUE)
    life("scheduled").when(start).then(LISTED, STARTED)


def test_long_lists_take_several_events_and_have_an_end() -> None:
    many = tuple(f"c{number}" for number in range(audience.LISTED_AT_ONCE * 2 + 1))
    events = scheduled_message.decide(
        life("scheduled").state, StartSending(message="m1", recipients=many, late=HOUR, now=DUE)
    )
    listed = [event for event in events if isinstance(event, RecipientsListed)]
    assert [len(event.recipients) for event in listed] == [5_000, 5_000, 1]
    assert isinstance(events[-1], SendingStarted)
    assert events[-1].recipients == len(many)
    most = tuple(f"c{number}" for number in range(audience.MAX_RECIPIENTS))
    start = StartSending(message="m1", recipients=(*most, "c0"), late=HOUR, now=DUE)
    assert scheduled_message.decide(life("scheduled").state, start)[-1] == replace(STARTED, recipients=len(most))


def test_a_message_for_more_than_may_be_fails_at_its_time_and_is_not_scheduled_where_that_is_known() -> None:
    too_many = tuple(f"c{number}" for number in range(audience.MAX_RECIPIENTS + 1))
    start = StartSending(message="m1", recipients=too_many, late=HOUR, now=DUE)
    failed = MessageFailed(**ABOUT, reason="TOO_MANY_RECIPIENTS", failed=0, reasons={}, at=DUE)
    life("scheduled").when(start).then(replace(STARTED, recipients=0), failed)
    refused = {"field": "groups", "maximum": audience.MAX_RECIPIENTS, "recipients": len(too_many)}
    for status, asked in (
        ("draft", ScheduleMessage(message="m1", scheduled_for=AFTER, reached=len(too_many), now=LATER)),
        ("paused", ResumeMessage(message="m1", scheduled_for=AFTER, reached=len(too_many), now=LATER)),
        ("scheduled", EditMessage(message="m1", groups=("g9",), reached=len(too_many), now=NOW)),
    ):
        life(status).when(asked).refuses(Invalid, "TOO_MANY_RECIPIENTS", **refused)
        state = scheduled_message.decide(life(status).state, replace(asked, reached=audience.MAX_RECIPIENTS))
        assert state, "as many as may be"


def test_a_start_that_comes_too_late_or_for_nobody_fails() -> None:
    start = StartSending(message="m1", recipients=("ana",), late=HOUR, now=DUE + timedelta(hours=1, seconds=1))
    missed = MessageFailed(**ABOUT, reason="MISSED_SCHEDULE", failed=0, reasons={}, at=start.now)
    begun = replace(STARTED, recipients=0, at=start.now)
    life("scheduled").when(start).then(begun, missed)
    nobody = replace(start, recipients=(), now=DUE)
    life("scheduled").when(nobody).then(replace(begun, at=DUE), replace(missed, reason="NO_RECIPIENTS", at=DUE))
    life("scheduled").when(replace(start, now=NOW)).refuses(Conflict, "NOT_DUE")


def test_a_message_that_was_missed_is_listed_when_it_is_retried() -> None:
    missed = MessageFailed(**ABOUT, reason="MISSED_SCHEDULE", failed=0, reasons={}, at=AFTER)
    retried = given(scheduled_message.DECIDER, drafted(), SCHEDULED, missed).after(
        RetryMessage(message="m1", now=AFTER)
    )
    start = StartSending(message="m1", recipients=("ana", "eva"), late=0, now=AFTER)
    retried.when(start).then(replace(LISTED, at=AFTER))


def test_a_message_paused_while_it_was_sent_goes_on_with_the_same_recipients() -> None:
    resumed = given(scheduled_message.DECIDER, *LIVES["sending"], replace(PAUSED, was="sending")).after(
        ResumeMessage(message="m1", scheduled_for=AFTER, now=LATER)
    )
    resumed.when(StartSending(message="m1", recipients=("otra",), late=HOUR, now=AFTER)).then(
        SendingStarted(**ABOUT, recipients=2, attempt=1, at=AFTER)
    )


def test_a_message_ends_only_with_counts_that_add_up() -> None:
    end = FinishSending(message="m1", sent=1, failed=0, reasons={}, now=LATER)
    life("sending").when(end).refuses(Conflict, "COUNTS_OPEN", recipients=2, sent=1, failed=0)
    life("sending").when(replace(end, sent=3, failed=-1)).refuses(Conflict, "COUNTS_OPEN")
    life("sending").when(replace(end, failed=1, reasons={"REJECTED": 1})).then(
        MessageSent(**ABOUT, sent=1, failed=1, reasons={"REJECTED": 1}, at=LATER)
    )


def test_a_copy_goes_out_only_in_the_run_and_with_the_text_of_now() -> None:
    keep = KeepSending(message="m1", attempt=1, revision=1)
    life("sending").when(keep).then_nothing()
    life("retry").when(keep).refuses(Conflict, "MESSAGE_CHANGED", attempt=2)
    life("sending").when(replace(keep, revision=2)).refuses(Conflict, "MESSAGE_CHANGED")


def test_a_deleted_message_is_gone() -> None:
    deleted = life("draft").after(DeleteMessage(message="m1", now=LATER))
    deleted.when(EditMessage(message="m1", content="x", now=LATER)).refuses(NotFound, "UNKNOWN_MESSAGE")
    given(scheduled_message.DECIDER).when(PauseMessage(message="m1", now=NOW)).refuses(NotFound, "UNKNOWN_MESSAGE")
    deleted.when(DraftMessage(message="m1", owner="alma", content="Hola", now=AFTER)).refuses(
        Conflict, "MESSAGE_EXISTS"
    )
