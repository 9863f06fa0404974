"""Whatever bytes an application calls an event's state, the log holds JSON and gives the same bytes back."""

from __future__ import annotations

import json
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.library import stored
from eventstore.library.database import Database
from eventstore.library.recorders import LogAggregateRecorder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
STATES = st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
)  # fmt: skip


@pytest.mark.parametrize(
    "state",
    [b"{}", b'{"a": 1}', b" [1,\n 2] ", b"null", b'"text"', '{"ship":"سفينة"}'.encode(), b"1.50", b'{"b":1,"b":2}'],
)
def test_json_is_stored_as_it_is(state: bytes) -> None:
    assert stored.data(state) == state


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"state",
        b"\x00\x01",
        b"\xff",
        b"NaN",
        b"[1,]",
        b'"\\u0000"',
        b'"\\ud800"',
        b'{"base64":"e30="}',
        b'{"base64":""}',
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_anything_else_is_wrapped(state: bytes) -> None:
    assert stored.data(state).startswith(b'{"base64":"')
    assert stored.state(stored.data(state)) == state


@settings(deadline=None)
@given(STATES)
def test_every_state_comes_back(state: bytes) -> None:
    assert stored.state(stored.data(state)) == state


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(max_size=30)), min_size=2, max_size=2, unique=True))
def test_two_aggregates_never_share_a_stream(pairs: list[tuple[str, str]]) -> None:
    try:
        names = [stored.stream(f"App{application}"[:20], originator_id) for application, originator_id in pairs]
    except UnicodeEncodeError:
        return  # half a character is not a text
    one, two = ((f"App{application}"[:20], originator_id) for application, originator_id in pairs)
    assert (names[0] == names[1]) == (one == two)
    assert all(name.isprintable() for name in names)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(STATES, min_size=1, max_size=20))
def test_the_database_keeps_every_state_and_can_look_into_it(database_url: str, states: list[bytes]) -> None:
    database = Database(database_url, "test")
    try:
        recorder = LogAggregateRecorder(database, "Test")
        aggregate = uuid4()
        recorder.insert_events([StoredEvent(aggregate, version, "kept", state) for version, state in enumerate(states)])
        assert [event.state for event in recorder.select_events(aggregate)] == states
    finally:
        database.close()
    with psycopg.connect(database_url) as connection:
        connection.execute("select data::jsonb from events").fetchall()
