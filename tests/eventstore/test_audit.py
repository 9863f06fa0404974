"""The audit tools find every way of changing the log behind the product's back, and nothing in a log that is whole."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pytest

from eventstore import audit, chain
from eventstore.audit import Fault, publish, verify
from eventstore.chain import GENESIS, Head
from eventstore.export import NoSuchStream, export
from scripts import verify_export
from tests.support.tampering import TAMPERINGS, Tampering, alter, append, append_together, forge, stored, story


@pytest.fixture
def log(database_url: str) -> str:
    """A database with a log of twenty events."""
    append(database_url, story())
    return database_url


def exported(database_url: str, **choice: int) -> list[bytes]:
    return b"".join(export(database_url, **choice)).splitlines(keepends=True)


def test_a_log_that_is_whole_is_verified(log: str) -> None:
    found = verify(log)
    assert found == audit.Verified(Head(20, stored(log)[-1][7]), events=20, compared=0)


def test_an_empty_log_is_whole_and_its_head_is_the_genesis(database_url: str) -> None:
    assert verify(database_url).head == Head(0, GENESIS)


def test_a_log_in_use_is_verified_as_it_was_at_the_start(log: str) -> None:
    def append_more(done: int, total: int) -> None:
        append(log, [("customer-acme-late", 1, "CustomerCalled", "{}", "{}")])
        alter(log, "update checkpoints set position = 21 where follower = 'views'")
        assert (done, total) == (20, 20)

    assert verify(log, progress=append_more).head.position == 20
    assert verify(log).head.position == 21


def test_python_computes_the_hashes_that_the_database_wrote(log: str) -> None:
    previous = GENESIS
    for row in stored(log):
        previous = chain.link(previous, row)
        assert previous == row[7]


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.what)
def test_tampering_is_found_in_the_table_and_in_an_export_at_its_position(log: str, tampering: Tampering) -> None:
    alter(log, *tampering.statements)
    with pytest.raises(Fault) as fault:
        verify(log)
    assert fault.value.position == tampering.position
    position = max(tampering.position, 1)  # what was put before the first event takes the first one's place
    with pytest.raises(verify_export.Fault, match=rf"position {position}\b"):
        verify_export.check(exported(log), {})


def test_an_edit_with_a_hash_that_fits_breaks_the_next_event(log: str) -> None:
    alter(log, "update events set data = '{}' where position = 7")
    forge(log, 7, 7)
    with pytest.raises(Fault, match="event 8 does not match its hash"):
        verify(log)


def test_a_log_written_anew_from_some_point_is_found_by_a_published_head(log: str) -> None:
    publish(log)
    append(log, [("customer-acme-late", 1, "CustomerCalled", "{}", "{}")])
    head = publish(log)
    alter(log, "update events set data = '[]' where position = 21")
    forge(log, 21, 21)
    with pytest.raises(Fault, match=r"position 21: .* anew somewhere after 20"):
        verify(log)
    alter(log, "delete from published_heads")
    assert verify(log).head.position == 21
    with pytest.raises(Fault, match="not the one that you gave"):
        verify(log, heads=[head])
    with pytest.raises(verify_export.Fault, match="position 21: the hash differs"):
        verify_export.check(exported(log), {21: head.hash.hex()})


def test_a_cut_tail_is_found_by_a_published_head(log: str) -> None:
    head = publish(log)
    alter(log, "delete from events where position > 17")
    with pytest.raises(Fault, match="the log ends at 17, before the head 20 that was published") as fault:
        verify(log)
    assert fault.value.position == 18
    with pytest.raises(verify_export.Fault, match="position 18 is missing"):
        verify_export.check(exported(log), {20: head.hash.hex()})


def test_a_cut_tail_is_found_by_a_head_kept_elsewhere(log: str) -> None:
    head = verify(log).head
    alter(log, "delete from events where position > 17")
    assert verify(log).head.position == 17
    with pytest.raises(Fault, match="the log ends at 17, before the head 20 that you gave"):
        verify(log, heads=[head])


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        ("update checkpoints set position = 20 where follower = 'feed'", "the follower feed has read up to 20"),
        (
            "insert into accepted_commands values ('key', 'print', 19, 20, now())",
            "a command was accepted with events up to 20",
        ),
    ],
)
def test_a_cut_tail_is_found_by_those_who_read_it(log: str, trace: str, told: str) -> None:
    alter(log, trace)  # pyright: ignore[reportArgumentType]
    verify(log)
    alter(log, "delete from events where position > 17")
    with pytest.raises(Fault, match=f"position 18: .*{told}"):
        verify(log)


def test_a_command_that_changed_nothing_says_nothing_about_the_tail(log: str) -> None:
    alter(log, "insert into accepted_commands values ('key', 'print', 21, 20, now())")
    verify(log)


def test_a_deleted_log_is_found_by_a_published_head(log: str) -> None:
    publish(log)
    alter(log, "delete from events")
    with pytest.raises(Fault, match="position 1: the log ends at 0"):
        verify(log)
    with pytest.raises(Fault):
        publish(log)


def test_a_head_published_twice_is_the_same_head(log: str) -> None:
    assert publish(log) == publish(log) == verify(log).head
    assert verify(log).compared == 1


def test_an_empty_log_has_no_head_to_publish(database_url: str) -> None:
    with pytest.raises(audit.NothingToPublish):
        publish(database_url)


def test_a_head_is_not_published_over_a_log_written_anew(log: str) -> None:
    publish(log)
    alter(log, "update events set data = '{}' where position = 20")
    forge(log, 20, 20)
    with pytest.raises(Fault):
        publish(log)


def test_a_version_left_out_is_found_although_the_hashes_fit(log: str) -> None:
    alter(
        log,
        "update events set version = version + 100 where position in (14, 17, 20)",
        "update events set version = version - 99 where position in (14, 17, 20)",
    )
    forge(log, 14, 20)
    with pytest.raises(
        Fault, match=r"position 14: its stream goes on after version 4 with version 6 \(customer-acme-1\)"
    ):
        verify(log)
    with pytest.raises(Fault, match="position 14"):
        verify(log, first=14)
    assert verify(log, first=15).events == 6  # what is before is taken as good


def test_versions_in_another_order_than_positions_are_found_although_the_hashes_fit(log: str) -> None:
    alter(
        log,
        "update events set version = 100 where position = 14",
        "update events set version = 5 where position = 17",
        "update events set version = 6 where position = 14",
    )
    forge(log, 14, 20)
    with pytest.raises(
        Fault, match=r"position 14: its stream goes on after version 4 with version 6 \(customer-acme-1\)"
    ):
        verify(log)


def test_a_stream_that_begins_late_is_found(log: str) -> None:
    alter(log, "update events set stream = 'customer-acme-y' where position = 20")
    forge(log, 20, 20)
    with pytest.raises(Fault, match=r"position 20: its stream begins with version 7 \(customer-acme-y\)"):
        verify(log)
    with pytest.raises(Fault, match="position 20"):
        verify(log, first=19)


def test_verifying_from_a_position_takes_what_is_before_as_good(log: str) -> None:
    alter(log, "update events set data = '{}' where position = 7")
    assert verify(log, first=8).events == 13
    assert verify(log, first=21).events == 0
    with pytest.raises(Fault, match="position 7"):
        verify(log, first=7)
    with pytest.raises(Fault, match="position 21: the log ends at 20"):
        verify(log, first=30)
    alter(log, "delete from events where position = 7")
    with pytest.raises(Fault, match="event 7 is missing"):
        verify(log, first=8)


def test_a_log_without_its_constraints_is_still_told_from_a_whole_one(log: str) -> None:
    alter(
        log,
        "alter table events drop constraint events_pkey, drop constraint events_stream_version_key",
        "insert into events select * from events where position = 4",
    )
    with pytest.raises(Fault, match="position 4: there is more than one event 4"):
        verify(log)


def test_a_line_break_cannot_move_what_a_name_means(log: str) -> None:
    row = stored(log)[0]
    with pytest.raises(ValueError, match="line break"):
        chain.canonical((row[0], row[1] + "\n1", *row[2:]))


def large() -> str:
    return json.dumps({"text": "x" * 900_000})


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"فاطمة الزهراء \u200f","city":"الرياض"}',
        '{"mood":"👩‍👩‍👧‍👦🎉","escaped":"\\ud83c\\udf89","half":"\\ud83c"}',
        '{"quote":"\\"","slash":"\\\\","path":"a/b\\/c","break":"\\n\u2028"}',
        ' {\n\t"spaces" :  1.10e+2 , "twice":1,"twice":2}\r\n',
        "[]",
        '"text"',
        "null",
        pytest.param(large, id="900 kB"),
    ],
)
def test_every_text_survives_hash_and_export_byte_for_byte(database_url: str, text: str | Callable[[], str]) -> None:
    text = text() if callable(text) else text
    stream = "cliente-ñandú-الرياض-🎉"
    append_together(database_url, [(stream, 1, "Año", text, "{}"), (stream, 2, "Año", "{}", text)])
    head = verify(database_url).head
    lines = exported(database_url)
    assert verify_export.check(lines, {2: head.hash.hex()}) == (1, 2, head.hash.hex())
    first, second = (json.loads(line) for line in lines[1:])
    assert (first["stream"], first["data"], second["meta"]) == (stream, text, text)


def test_a_part_of_the_log_is_exported_with_the_hash_that_it_follows(log: str) -> None:
    before = stored(log)[4][7].hex()
    lines = exported(log, first=6, last=9)
    assert json.loads(lines[0]) == {
        "export": "bitacora",
        "format": 1,
        "first": 6,
        "last": 9,
        "previous": before,
        "stream": None,
        "verifiable": True,
    }
    assert verify_export.check(lines, {5: before})[:2] == (6, 9)
    assert verify_export.check(exported(log, first=18, last=99), {})[:2] == (18, 20)
    assert verify_export.check(exported(log, first=21), {20: stored(log)[-1][7].hex()})[:2] == (21, 20)
    with pytest.raises(Fault, match="the log ends at 20"):
        exported(log, first=30)


def test_an_export_of_one_stream_says_that_it_cannot_be_verified(log: str) -> None:
    lines = b"".join(export(log, stream="customer-acme-1")).splitlines()
    assert json.loads(lines[0])["verifiable"] is False
    assert [json.loads(line)["version"] for line in lines[1:]] == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(verify_export.NotVerifiable):
        verify_export.check(lines, {})
    with pytest.raises(NoSuchStream, match="There is no stream 'nobody'"):
        list(export(log, stream="nobody"))


def test_a_verification_writes_nothing(log: str) -> None:
    with audit.rows.snapshot(log) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("delete from events")
