"""An application written with the `eventsourcing` library lives on the product's log: the logbook of a fleet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.cryptography import AESCipher
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import DataError, IntegrityError, OperationalError, StoredEvent

from eventstore import audit
from eventstore.commit import Commit, Part, Record
from eventstore.library.factory import LogFactory
from eventstore.library.recorders import LogApplicationRecorder
from eventstore.writer import Writer


class Voyage(Aggregate):
    """A ship's voyage and what was written about it."""

    def __init__(self, ship: str) -> None:
        self.ship = ship
        self.entries: list[str] = []

    @event("EntryWritten")
    def write(self, entry: str) -> None:
        self.entries.append(entry)


class Logbook(Application[UUID]):
    """Takes a snapshot of a voyage every five events."""

    snapshotting_intervals: ClassVar[dict[type[Aggregate], int]] = {Voyage: 5}

    def begin(self, ship: str) -> UUID:
        voyage = Voyage(ship)
        self.save(voyage)
        return voyage.id

    def write(self, voyage_id: UUID, *entries: str) -> None:
        for entry in entries:
            voyage: Voyage = self.repository.get(voyage_id)
            voyage.write(entry)
            self.save(voyage)

    def entries(self, voyage_id: UUID) -> list[str]:
        voyage: Voyage = self.repository.get(voyage_id)
        return voyage.entries


@pytest.fixture
def environment(database_url: str) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "eventstore", "DATABASE_URL": database_url}


@pytest.fixture
def logbook(environment: dict[str, str]) -> Iterator[Logbook]:
    with Logbook(environment) as logbook:
        yield logbook


@pytest.fixture
def recorder(logbook: Logbook) -> LogApplicationRecorder:
    assert isinstance(logbook.recorder, LogApplicationRecorder)
    return logbook.recorder


def rows(database_url: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


async def set_a_goal(database_url: str) -> None:
    """An event of the product itself, on the same log."""
    async with Writer(database_url) as writer:
        part = Part(f"goal-acme-{uuid4()}", 0, [Record("GoalSet", b'{"target":5}')])
        await writer.append(Commit([part], b'{"organization":"acme"}'))


def event_of(originator_id: UUID | str, version: int, state: bytes = b"{}", topic: str = "written") -> StoredEvent:
    return StoredEvent(originator_id, version, topic, state)


def test_what_was_saved_is_there_for_the_next_process(logbook: Logbook, environment: dict[str, str]) -> None:
    voyage = logbook.begin("Santa María")
    logbook.write(voyage, "wind from the north", "أبحرنا")
    with Logbook(environment) as later:
        assert later.entries(voyage) == ["wind from the north", "أبحرنا"]


def test_an_aggregate_that_was_never_saved_is_not_found(logbook: Logbook) -> None:
    with pytest.raises(AggregateNotFoundError):
        logbook.entries(uuid4())


def test_two_who_change_the_same_version_cannot_both_save(logbook: Logbook) -> None:
    voyage = logbook.begin("Pinta")
    mine: Voyage = logbook.repository.get(voyage)
    theirs: Voyage = logbook.repository.get(voyage)
    mine.write("all well")
    theirs.write("rudder broken")
    logbook.save(mine)
    with pytest.raises(IntegrityError):
        logbook.save(theirs)
    assert logbook.entries(voyage) == ["all well"]


def test_an_event_is_stored_readably_under_a_stream_and_a_name_of_its_own(logbook: Logbook, database_url: str) -> None:
    voyage = logbook.begin("Niña")
    logbook.write(voyage, "land ahead")
    (_, written) = rows(
        database_url, "select stream, version, name, data->>'entry', meta from events order by position"
    )
    assert written == (
        f"library/Logbook-{voyage}",
        2,
        f"library/{__name__}:Voyage.EntryWritten",
        "land ahead",
        {
            "application": "Logbook",
            "originator_id": str(voyage),
            "originator_type": "uuid",
            "originator_version": 2,
        },
    )


def test_the_chain_verifies_over_the_events_of_everybody(logbook: Logbook, database_url: str) -> None:
    voyage = logbook.begin("Pinta")
    asyncio.run(set_a_goal(database_url))
    logbook.write(voyage, "wind", "calm")
    assert audit.verify(database_url).events == 4


def test_the_places_of_events_say_nothing_that_the_log_does_not_say(logbook: Logbook, database_url: str) -> None:
    logbook.write(logbook.begin("Pinta"), "wind", "calm")
    places = rows(
        database_url,
        "select application, originator_id, is_uuid, originator_version, position"
        " from library_places order by position",
    )
    assert places == rows(
        database_url,
        "select meta->>'application', meta->>'originator_id', meta->>'originator_type' = 'uuid',"
        " (meta->>'originator_version')::bigint, position from events order by position",
    )


def test_the_notification_log_has_sections_that_lead_on(logbook: Logbook) -> None:
    voyage = logbook.begin("Pinta")
    logbook.write(voyage, *"abcdef")
    section = logbook.notification_log["1,5"]
    assert [item.id for item in section.items] == [1, 2, 3, 4, 5]
    assert section.next_id == "6,10"
    assert [item.originator_version for item in logbook.notification_log["6,10"].items] == [6, 7]


def test_applications_and_the_product_share_a_log_without_seeing_each_other(
    logbook: Logbook, environment: dict[str, str]
) -> None:
    class goal(Logbook):
        pass

    with goal(environment) as other:
        first = logbook.begin("Pinta")
        asyncio.run(set_a_goal(environment["DATABASE_URL"]))
        second = other.begin("Niña")
        logbook.write(first, "calm")
        assert [item.id for item in logbook.recorder.select_notifications(None, 10)] == [1, 4]
        assert [item.id for item in other.recorder.select_notifications(None, 10)] == [3]
        assert (logbook.recorder.max_notification_id(), other.recorder.max_notification_id()) == (4, 3)
        with pytest.raises(AggregateNotFoundError):
            logbook.entries(second)


def test_snapshots_are_taken_and_losing_them_loses_nothing(logbook: Logbook, database_url: str) -> None:
    voyage = logbook.begin("Pinta")
    logbook.write(voyage, *"abcdefghij")
    assert logbook.snapshots is not None
    assert [snapshot.originator_version for snapshot in logbook.snapshots.get(voyage)] == [5, 10]
    with psycopg.connect(database_url) as connection:
        connection.execute("delete from library_snapshots")
    assert logbook.entries(voyage) == list("abcdefghij")


def test_a_snapshot_is_what_an_aggregate_is_loaded_from(logbook: Logbook, database_url: str) -> None:
    voyage = logbook.begin("Pinta")
    logbook.write(voyage, *"abcde")
    with psycopg.connect(database_url) as connection:
        (state,) = connection.execute("select convert_from(state, 'UTF8') from library_snapshots").fetchall()[0]
        altered = state.replace('"a"', '"seen in the snapshot"').encode()
        connection.execute("update library_snapshots set state = %s", [altered])
    assert logbook.entries(voyage) == ["seen in the snapshot", "b", "c", "d", "e"]


def test_ciphertext_survives_to_the_byte(environment: dict[str, str]) -> None:
    sealed = {
        **environment,
        "COMPRESSOR_TOPIC": "zlib",
        "CIPHER_TOPIC": "eventsourcing.cryptography:AESCipher",
        "CIPHER_KEY": AESCipher.create_key(32),
    }
    with Logbook(sealed) as logbook:
        voyage = logbook.begin("Pinta")
        logbook.write(voyage, *(f"day {day}" for day in range(12)))
        assert logbook.entries(voyage) == [f"day {day}" for day in range(12)]
    (data,) = rows(environment["DATABASE_URL"], "select data from events where position = 1")[0]
    assert list(data) == ["base64"]
    assert "Pinta" not in json.dumps(data)


@pytest.mark.parametrize("first", [0, 1, 7, -3])
def test_an_aggregate_may_begin_at_any_version_and_leave_versions_out(
    recorder: LogApplicationRecorder, first: int
) -> None:
    voyage = uuid4()
    recorder.insert_events([event_of(voyage, first)])
    recorder.insert_events([event_of(voyage, first + 5), event_of(voyage, first + 2)])
    assert [event.originator_version for event in recorder.select_events(voyage)] == [first, first + 2, first + 5]
    with pytest.raises(IntegrityError):
        recorder.insert_events([event_of(voyage, first + 3), event_of(voyage, first + 2)])
    assert len(recorder.select_events(voyage)) == 3


def test_a_batch_that_comes_back_to_an_aggregate_keeps_its_order(
    recorder: LogApplicationRecorder, database_url: str
) -> None:
    one, two = uuid4(), uuid4()
    batch = [event_of(one, 1), event_of(two, 1), event_of(one, 2), event_of(one, 3), event_of(two, 2), event_of(one, 4)]
    assert recorder.insert_events(batch) == [1, 2, 3, 4, 5, 6]
    assert [(item.originator_id, item.originator_version) for item in recorder.select_notifications(None, 10)] == [
        (item.originator_id, item.originator_version) for item in batch
    ]
    assert audit.verify(database_url).events == 6


def test_an_id_of_any_text_comes_back_as_it_was(recorder: LogApplicationRecorder) -> None:
    ids = ["a-b", "a%2Db", "فاطمة@example.com", "line\nbreak", str(uuid4()), "two  spaces"]
    recorder.insert_events([event_of(id, 1) for id in ids])
    assert [item.originator_id for item in recorder.select_notifications(None, 10)] == ids
    assert [recorder.select_events(id)[0].originator_id for id in ids] == ids


def test_an_id_that_is_too_long_is_refused(recorder: LogApplicationRecorder) -> None:
    with pytest.raises(DataError):
        recorder.insert_events([event_of("x" * 400, 1)])


def test_notifications_of_no_topic_are_those_of_all_topics(recorder: LogApplicationRecorder) -> None:
    voyage = uuid4()
    recorder.insert_events(
        [event_of(voyage, 1, topic="begun"), event_of(voyage, 2), event_of(voyage, 3, topic="ended")]
    )
    assert [item.id for item in recorder.select_notifications(1, 10, topics=["begun", "ended"])] == [1, 3]
    assert [item.id for item in recorder.select_notifications(1, 10, topics=[])] == [1, 2, 3]


def test_an_empty_database_gets_its_tables(environment: dict[str, str]) -> None:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("drop schema views cascade")
        connection.execute("create schema public")
    with Logbook(environment) as logbook:
        assert logbook.entries(logbook.begin("Pinta")) == []


def test_the_database_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(OSError, match="DATABASE_URL is not set"):
        Logbook({"PERSISTENCE_MODULE": "eventstore"})


def test_one_application_may_have_a_database_of_its_own(environment: dict[str, str]) -> None:
    named = {
        **environment,
        "DATABASE_URL": "postgresql://nowhere/",
        "LOGBOOK_DATABASE_URL": environment["DATABASE_URL"],
    }
    with Logbook(named) as logbook:
        assert logbook.entries(logbook.begin("Pinta")) == []


def test_a_database_that_cannot_be_reached_is_an_operational_error() -> None:
    with pytest.raises(OperationalError):
        Logbook({"PERSISTENCE_MODULE": "eventstore", "DATABASE_URL": "postgresql://127.0.0.1:1/none"})


def test_the_module_holds_exactly_one_factory() -> None:
    import eventstore

    assert eventstore.LogFactory is LogFactory
