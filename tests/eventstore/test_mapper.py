"""Events become JSON under their own names and come back as they were, whatever shape they were stored in."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain import catalogue
from domain.customer import CustomerAdded, CustomerChanged
from domain.goal import GoalSet
from domain.model import ERASED, Event, Personal
from eventstore.commit import Unstorable
from eventstore.mapper import Mapper, Meta, Row, Unreadable
from tests.support.store import NOW

KEY = AESGCM(bytes(32))
KEYS = {"s": KEY}


def row(name: str, data: bytes | str, meta: bytes = b'{"organization":"acme"}') -> Row:
    """A row of the log as it is read."""
    return (7, "s", 3, name, data.encode() if isinstance(data, str) else data, meta, NOW)


def made(*events: type[Event], upcasts: dict[str, Any] | None = None) -> Mapper:
    """A mapper of these events alone."""
    return Mapper({event.__name__: event for event in events}, upcasts or {})


class Named(Event):
    name: Personal[str]
    nickname: Personal[str | None] = None
    note: str = ""


class Counted(Event):
    count: int
    of: str = "things"


A_GOAL = GoalSet(goal="goal_1", partner="ana", month="2025-10", amount=150_000, at=NOW)


def test_an_event_comes_back_as_it_was() -> None:
    mapper = Mapper()
    record = mapper.record(A_GOAL)
    assert record.name == "GoalSet"
    found = mapper.recorded(row(record.name, record.data))
    assert found.event == A_GOAL
    assert (found.position, found.stream, found.version, found.recorded_at) == (7, "s", 3, NOW)


def test_the_stored_form_is_plain_json_with_the_names_of_the_fields() -> None:
    assert json.loads(Mapper().record(A_GOAL).data) == {
        "goal": "goal_1",
        "partner": "ana",
        "month": "2025-10",
        "amount": 150_000,
        "at": "2025-10-15T18:30:00Z",
    }


def test_a_moment_keeps_being_the_same_moment() -> None:
    somewhere = datetime(2025, 10, 15, 12, 30, tzinfo=timezone(timedelta(hours=-6)))
    mapper = Mapper()
    record = mapper.record(msgspec.structs.replace(A_GOAL, at=somewhere))
    event = mapper.recorded(row(record.name, record.data)).event
    assert isinstance(event, GoalSet)
    assert event.at == NOW


def test_every_event_of_the_product_has_its_class_name_as_its_stored_name() -> None:
    assert {event.__name__ for event in catalogue.EVENTS.values()} == set(catalogue.EVENTS)


# --- metadata


def test_metadata_comes_back_and_leaves_out_what_is_not_known() -> None:
    mapper = Mapper()
    about = Meta(organization="acme", by="usr_1", caused_by=4)
    assert json.loads(mapper.meta(about)) == {"organization": "acme", "by": "usr_1", "caused_by": 4}
    assert mapper.recorded(row("GoalSet", mapper.record(A_GOAL).data, mapper.meta(about))).meta == about


def test_metadata_of_another_application_does_not_stop_a_reader() -> None:
    found = Mapper().recorded(row("Other", "{}", b'{"who":1}'))
    assert found.meta == Meta(organization="")
    assert found.event is None


# --- names


def test_an_event_of_another_application_reads_as_none() -> None:
    assert Mapper().recorded(row("eventsourcing.domain:Aggregate.Created", '{"anything":[1]}')).event is None


def test_an_event_that_is_not_in_the_catalogue_cannot_be_stored() -> None:
    with pytest.raises(Unstorable, match="Counted"):
        Mapper().record(Counted(count=1))


@pytest.mark.parametrize(
    "event",
    [
        Counted(count="many"),  # type: ignore[arg-type]
        Counted(count=1, of="\ud800"),
        Counted(count=1, of=object()),  # type: ignore[arg-type]
    ],
    ids=["of another type", "half a surrogate pair", "no JSON at all"],
)
def test_an_event_that_could_not_be_read_again_cannot_be_stored(event: Event) -> None:
    with pytest.raises(Unstorable, match="could not be read again"):
        made(Counted).record(event)


@pytest.mark.parametrize("data", ['{"count":"x"}', "{}", "[1]", "null"])
def test_a_stored_event_of_another_shape_is_an_error_that_says_where(data: str) -> None:
    with pytest.raises(Unreadable, match="Counted at position 7"):
        made(Counted).recorded(row("Counted", data))
    with pytest.raises(Unreadable, match="Named at position 7"):
        made(Named).recorded(row("Named", "[1]"))


def test_a_field_that_is_new_has_its_default_in_old_events_and_one_of_a_later_build_is_passed_over() -> None:
    assert made(Counted).recorded(row("Counted", '{"count":2}')).event == Counted(count=2)
    assert made(Counted).recorded(row("Counted", '{"count":2,"later":true}')).event == Counted(count=2)


# --- old shapes


def test_an_old_name_is_brought_up_to_date_through_every_step() -> None:
    def second(fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "Tallied", {"number": fields["n"]}

    def third(fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "Counted", {"count": fields["number"], "of": "sheep"}

    mapper = made(Counted, upcasts={"Told": second, "Tallied": third})
    assert mapper.recorded(row("Told", '{"n":3}')).event == Counted(count=3, of="sheep")
    assert mapper.recorded(row("Tallied", '{"number":4}')).event == Counted(count=4, of="sheep")
    assert mapper.recorded(row("Counted", '{"count":5}')).event == Counted(count=5)


class Called(Event):
    """What `Named` was once."""

    called: Personal[str]
    short: Personal[str | None] = None


def renamed(fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "Named", {"name": fields["called"], "nickname": fields.get("short"), "note": "old"}


def test_personal_data_under_an_old_name_stays_readable_and_goes_with_its_key() -> None:
    stored = made(Called).record(Called(called="Zoë", short="Z"), KEY)
    mapper = made(Named, upcasts={"Called": renamed})
    old = row("Called", stored.data)
    assert mapper.subjects([old]) == {"s"}
    assert mapper.recorded(old, KEYS).event == Named(name="Zoë", nickname="Z", note="old")
    assert mapper.recorded(old, {}).event == Named(name=ERASED, nickname=None, note="old")


def test_what_was_plain_once_and_is_personal_now_reads_as_it_was_stored() -> None:
    assert made(Named).recorded(row("Named", '{"name":"Zoë"}'), KEYS).event == Named(name="Zoë")


# --- personal data


def test_only_events_with_personal_data_need_a_key() -> None:
    mapper = Mapper()
    assert mapper.is_personal(CustomerAdded(customer="c", name="Zoë", at=NOW))
    assert not mapper.is_personal(A_GOAL)
    assert mapper.subjects([row("CustomerAdded", "{}"), row("GoalSet", "{}")]) == {"s"}


def test_personal_fields_are_sealed_and_others_are_not() -> None:
    data = json.loads(made(Named).record(Named(name="Zoë", note="tall"), KEY).data)
    assert data["note"] == "tall"
    assert data["nickname"] is None
    assert set(data["name"]) == {"sealed"}


def test_an_erased_field_reads_as_its_kind_of_nothing() -> None:
    record = made(Named).record(Named(name="Zoë", nickname="Z", note="tall"), KEY)
    event = made(Named).recorded(row("Named", record.data), {}).event
    assert event == Named(name=ERASED, nickname=None, note="tall")


def test_a_field_that_is_absent_stays_absent() -> None:
    mapper = Mapper()
    event = CustomerChanged(customer="c", email=None, at=NOW)
    record = mapper.record(event, KEY)
    assert "name" not in json.loads(record.data)
    assert mapper.recorded(row(record.name, record.data), KEYS).event == event


def test_a_nul_character_is_refused_in_what_is_sealed_as_well() -> None:
    with pytest.raises(Unstorable, match="NUL"):
        made(Named).record(Named(name="Zo\0"), KEY)
