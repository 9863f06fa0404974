"""Whatever is asked of a message in whatever order, it is where the contract's table says, and is refused what the
table does not allow. What is expected is worked out here from the table alone, as it stands in the contract (2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain import scheduled_message
from domain.message_text import COPY
from domain.model import Refused
from domain.scheduled_message import (
    CancelMessage,
    DeleteMessage,
    DraftMessage,
    DuplicateMessage,
    EditMessage,
    FinishSending,
    KeepSending,
    PauseMessage,
    RedraftMessage,
    ResumeMessage,
    RetryMessage,
    ScheduleMessage,
    StartSending,
)

TABLE = {
    "draft": {"scheduled", "cancelled"},
    "scheduled": {"sending", "paused", "cancelled", "draft"},
    "sending": {"sent", "failed", "paused", "cancelled"},
    "sent": set(),
    "paused": {"scheduled", "cancelled", "draft"},
    "cancelled": {"draft"},
    "failed": {"retry", "draft", "cancelled"},
    "retry": {"sent", "failed", "paused", "cancelled"},
}
EDIT = {"draft", "scheduled", "paused", "failed"}
DELETE = {"draft", "scheduled", "paused", "cancelled", "failed"}
DUPLICATE = {"draft", "scheduled", "sent", "cancelled"}

NOW = datetime(2025, 1, 27, 10, 0, tzinfo=UTC)
MINUTE, HOUR, YEAR = 60, 3_600, 365 * 24 * 3_600
AHEAD = st.sampled_from([None, -MINUTE, 0, 1, MINUTE, HOUR, YEAR, YEAR + 1])


class Message(RuleBasedStateMachine):
    """`status`, `due`, `listed`, `run` and `text` are what a message has to be like by the table and the rules beside
    it; `state` is what the aggregate is like."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.status, self.text, self.revision = "draft", "Hola", 1
        self.due: datetime | None = None
        self.listed, self.run = 0, 1
        self.deleted = False
        drafted = DraftMessage(message="m1", owner="alma", content="Hola", groups=("g1",), now=NOW)
        self.state = scheduled_message.DECIDER.fold(
            scheduled_message.State(), scheduled_message.decide(scheduled_message.State(), drafted)
        )

    def asked(self, kind: Any, **more: Any) -> tuple[str | None, Sequence[str]]:
        """The code of the refusal, and where the events led; never along a way that is not in the table. What was
        taken is taken a second time without any effect."""
        self.now += timedelta(seconds=1)
        command = kind(message="m1", now=self.now, **more)
        try:
            events = scheduled_message.decide(self.state, command)
        except Refused as refusal:
            code, said = refusal.code, refusal.facts.get("message_status", self.status)
        else:
            code, said = None, self.status
        assert said == self.status
        if code is not None:
            return code, []
        way = []
        for event in events:
            before = self.state.status
            self.state = scheduled_message.evolve(self.state, event)  # type: ignore[arg-type]
            assert before is not None
            if self.state.status != before:
                assert self.state.status in TABLE[before], f"{command!r} moved from {before} to {self.state.status}"
                way.append(str(self.state.status))
        again = scheduled_message.decide(self.state, command)
        assert again == [], f"{command!r} a second time led to {again!r}"
        return None, way

    def must_move(self, target: str, kind: Any, **more: Any) -> None:
        """Moves there if the table allows it, and is refused otherwise."""
        code, way = self.asked(kind, **more)
        if target not in TABLE[self.status]:
            assert (code, way) == ("INVALID_STATE", [])
            return
        assert (code, way) == (None, [target])
        self.status = target

    def time(self, ahead: int | None) -> tuple[datetime | None, str | None]:
        """A time so many seconds after the command, and why it is refused."""
        if ahead is None:
            return None, None
        refusal = "SCHEDULE_IN_PAST" if ahead <= 0 else "SCHEDULE_TOO_FAR" if ahead > YEAR else None
        return self.now + timedelta(seconds=1 + ahead), refusal

    @initialize(status=st.sampled_from([*TABLE]))
    def live(self, status: str) -> None:
        """The story begins anywhere in a life, so that every state is one that is often asked."""
        if status != "draft":
            self.schedule(MINUTE)
        if status in ("sending", "sent", "failed", "retry"):
            self.time_passes(MINUTE)
            self.start(("ana", "eva"), MINUTE)
        if status in ("failed", "retry", "sent"):
            self.finish(2 if status == "sent" else 0, 0)
        if status in ("paused", "cancelled", "retry"):
            {"paused": self.pause, "cancelled": self.cancel, "retry": self.retry}[status]()
        assert self.status == status

    @rule(seconds=st.sampled_from([MINUTE, HOUR, 2 * HOUR]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: not self.deleted)
    @rule(ahead=AHEAD)
    def schedule(self, ahead: int | None) -> None:
        moment, refusal = self.time(ahead)
        if moment is None and self.due is None:
            refusal = "SCHEDULE_MISSING"
        elif moment is None and self.due is not None and self.due <= self.now + timedelta(seconds=1):
            refusal = "SCHEDULE_IN_PAST"
        code, way = self.asked(ScheduleMessage, scheduled_for=moment)
        if self.status != "draft":
            assert (code, way) == ("INVALID_STATE", [])
        elif refusal:
            assert (code, way) == (refusal, [])
        else:
            assert (code, way) == (None, ["scheduled"])
            self.status, self.due = "scheduled", moment or self.due

    @precondition(lambda self: not self.deleted)
    @rule(ahead=AHEAD)
    def resume(self, ahead: int | None) -> None:
        moment, refusal = self.time(ahead)
        if moment is None and (self.due is None or self.due <= self.now + timedelta(seconds=1)):
            refusal = "SCHEDULE_PASSED"
        code, way = self.asked(ResumeMessage, scheduled_for=moment)
        if self.status != "paused":
            assert (code, way) == ("INVALID_STATE", [])
        elif refusal:
            assert (code, way) == (refusal, [])
        else:
            assert (code, way) == (None, ["scheduled"])
            self.status, self.due = "scheduled", moment or self.due

    @precondition(lambda self: not self.deleted)
    @rule()
    def pause(self) -> None:
        self.must_move("paused", PauseMessage)

    @precondition(lambda self: not self.deleted)
    @rule()
    def cancel(self) -> None:
        self.must_move("cancelled", CancelMessage)

    @precondition(lambda self: not self.deleted)
    @rule()
    def redraft(self) -> None:
        before = self.status
        self.must_move("draft", RedraftMessage)
        self.run += before == "failed"

    @precondition(lambda self: not self.deleted)
    @rule()
    def retry(self) -> None:
        before = self.status
        self.must_move("retry", RetryMessage)
        self.run += self.status != before

    @precondition(lambda self: not self.deleted)
    @rule(people=st.sampled_from([(), ("ana",), ("ana", "eva", "ana")]), late=st.sampled_from([MINUTE, 5 * HOUR]))
    def start(self, people: tuple[str, ...], late: int) -> None:
        now = self.now + timedelta(seconds=1)
        code, way = self.asked(StartSending, recipients=people, late=late)
        total = self.listed or len(set(people))
        if self.status == "scheduled":
            assert self.due is not None
            if self.due > now:
                assert (code, way) == ("NOT_DUE", [])
            elif now - self.due > timedelta(seconds=late) or not total:
                assert (code, way) == (None, ["sending", "failed"])
                self.status = "failed"
            else:
                assert (code, way) == (None, ["sending"])
                self.status, self.listed = "sending", total
        elif self.status == "retry":
            assert (code, way) == (None, [] if total else ["failed"])
            self.status, self.listed = ("retry", total) if total else ("failed", 0)
        elif self.status == "sending":
            assert (code, way) == (None, [])  # the clock looks at a view, which may lag
        else:
            assert (code, way) == ("INVALID_STATE", [])

    @precondition(lambda self: not self.deleted)
    @rule(sent=st.sampled_from([2, 1, 0, -1]), off=st.sampled_from([0, 0, 0, 1, -1]))
    def finish(self, sent: int, off: int) -> None:
        failed = self.listed - sent + off
        code, way = self.asked(FinishSending, sent=sent, failed=failed, reasons={})
        if self.status not in ("sending", "retry"):
            assert (code, way) == ("INVALID_STATE", [])
        elif min(sent, failed) < 0 or sent + failed != self.listed:
            assert (code, way) == ("COUNTS_OPEN", [])
        else:
            self.status = "sent" if sent else "failed"
            assert (code, way) == (None, [self.status])

    @precondition(lambda self: not self.deleted)
    @rule(text=st.sampled_from(["Hola", "Adiós"]), groups=st.sampled_from([("g1",), ("g2",)]))
    def edit(self, text: str, groups: tuple[str, ...]) -> None:
        before = self.state.groups
        code, way = self.asked(EditMessage, content=text, groups=groups)
        if self.status not in EDIT:
            assert (code, way) == ("INVALID_STATE", [])
        elif self.listed and groups != before:
            assert (code, way) == ("RECIPIENTS_LISTED", [])
        else:
            assert (code, way, self.state.groups) == (None, [], groups)
            self.revision += text != self.text
            self.text = text

    @precondition(lambda self: not self.deleted)
    @rule()
    def duplicate(self) -> None:
        code, way = self.asked(DuplicateMessage)
        assert (code, way) == ((None if self.status in DUPLICATE else "INVALID_STATE"), [])
        copy = DraftMessage(message="m2", owner="alma", content=COPY + self.text, copy_of="m1", now=self.now)
        assert scheduled_message.decide(scheduled_message.State(), copy)[0].content.startswith("[COPIA] ")  # type: ignore[union-attr]

    @precondition(lambda self: not self.deleted)
    @rule(run=st.integers(1, 3), revision=st.integers(1, 3))
    def send_one_copy(self, run: int, revision: int) -> None:
        """A sender claims a copy only while the message goes out, in this run and with this text."""
        keep = KeepSending(message="m1", attempt=run, revision=revision)
        try:
            assert scheduled_message.decide(self.state, keep) == []
            code = None
        except Refused as refusal:
            code = refusal.code
        going_out = self.status in ("sending", "retry")
        right = (run, revision) == (self.run, self.revision)
        assert code == (None if going_out and right else "MESSAGE_CHANGED" if going_out else "INVALID_STATE")

    @precondition(lambda self: not self.deleted)
    @rule(really=st.integers(0, 5))
    def delete(self, really: int) -> None:
        if really and self.status in DELETE:
            return  # a deleted message ends the story: seldom, then
        code, way = self.asked(DeleteMessage)
        assert (code, way) == ((None if self.status in DELETE else "INVALID_STATE"), [])
        self.deleted = code is None

    @precondition(lambda self: self.deleted)
    @rule(kind=st.sampled_from([PauseMessage, CancelMessage, RedraftMessage, RetryMessage, EditMessage, DeleteMessage]))
    def touch_what_is_gone(self, kind: Any) -> None:
        assert self.asked(kind) == ("UNKNOWN_MESSAGE", [])

    @invariant()
    def it_is_where_it_should_be(self) -> None:
        state = self.state
        assert (state.status, state.scheduled_for, state.recipients) == (self.status, self.due, self.listed)
        assert (state.attempt, state.revision, state.content) == (self.run, self.revision, self.text)
        if self.status in ("sending", "sent"):
            assert state.recipients > 0, "something goes out to nobody"


def test_a_message_is_where_the_table_says_whatever_is_asked() -> None:
    often = settings(max_examples=500, stateful_step_count=60, deadline=None, database=None, derandomize=True)
    run_state_machine_as_test(Message, settings=often)


@pytest.mark.parametrize(
    ("source", "target"), [(source, target) for source, targets in TABLE.items() for target in sorted(targets)]
)
def test_every_move_of_the_table_can_be_made(source: str, target: str) -> None:
    message = Message()
    message.live(source)
    match target:
        case "scheduled":
            (message.resume if source == "paused" else message.schedule)(HOUR)
        case "sending":
            message.time_passes(MINUTE)
            message.start(("ana", "eva"), MINUTE)
        case "sent" | "failed":
            message.finish(2 if target == "sent" else 0, 0)
        case "draft":
            message.redraft()
        case "paused":
            message.pause()
        case "cancelled":
            message.cancel()
        case _:
            message.retry()
    assert message.status == target
