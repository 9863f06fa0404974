"""Whatever the log holds: no tampering, no fault; any single tampering, a fault at or before the place it touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore import chain
from eventstore.audit import Fault, verify
from eventstore.export import export
from scripts import verify_export
from tests.support.tampering import Written, alter, append, as_file, forge, stored

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
word = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8)
value = st.none() | st.booleans() | st.integers() | text
document = st.builds(
    lambda fields, indent, ascii_only: json.dumps(fields, indent=indent, ensure_ascii=ascii_only),
    st.dictionaries(text, value | st.lists(value, max_size=3), max_size=3),
    st.sampled_from([None, 1]),
    st.booleans(),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Written]:
    versions: dict[str, int] = {}
    streams = draw(st.lists(word, min_size=1, max_size=4, unique=True))
    log: list[Written] = []
    for _ in range(draw(st.integers(1, 8))):
        stream = draw(st.sampled_from(streams))
        versions[stream] = versions.get(stream, 0) + 1
        log.append((stream, versions[stream], draw(word), draw(document), draw(document)))
    return log


def at_random(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tamper(database_url: str, draw: st.DrawFn, size: int) -> int:
    """Do one thing to the log and return the first position that is no longer what was written."""
    at = draw(st.integers(1, size))
    row = stored(database_url)[at - 1]
    what = draw(st.sampled_from(["edit", "delete", "cut", "insert", "exchange", "edit and forge", "edit and forge on"]))
    values: dict[str, Any] = {"at": at, "size": size}
    if what == "delete":
        alter(database_url, "delete from events where position = %(at)s", values=values)
    elif what == "cut":
        alter(database_url, "delete from events where position >= %(at)s", values=values)
    elif what == "insert":
        made_up = draw(st.binary(min_size=32, max_size=32))
        alter(
            database_url,
            "insert into events values (%(size)s + 1, 'nobody', 1, 'Nothing', '{}', '{}', now(), %(made_up)s)",
            values={**values, "made_up": made_up},
        )
        return size + 1
    elif what == "exchange" and size > 1:
        other = draw(st.integers(1, size).filter(lambda position: position != at))
        both = {**values, "other": other}
        alter(database_url, "update events set position = -1 where position = %(at)s", values=both)
        alter(database_url, "update events set position = %(at)s where position = %(other)s", values=both)
        alter(database_url, "update events set position = %(other)s where position = -1", values=both)
        return min(at, other)
    else:
        edit(database_url, draw, row)
        if what == "edit and forge":
            forge(database_url, at, at)
        if what == "edit and forge on":
            forge(database_url, at, size)
    return at


def edit(database_url: str, draw: st.DrawFn, row: chain.Row) -> None:
    column = draw(st.sampled_from(["name", "data", "meta", "recorded_at", "stream"]))
    values: dict[str, Any] = {"at": row[0]}
    if column == "name":
        values["new"] = draw(word.filter(lambda name: name != row[3]))
        alter(database_url, "update events set name = %(new)s where position = %(at)s", values=values)
    elif column == "stream":
        values["new"] = row[1] + draw(word)
        alter(database_url, "update events set stream = %(new)s || '!!!!!!!!!' where position = %(at)s", values=values)
    elif column == "data":
        values["new"] = draw(document.filter(lambda data: data != row[5]))
        alter(database_url, "update events set data = %(new)s where position = %(at)s", values=values)
    elif column == "meta":
        values["new"] = draw(document.filter(lambda meta: meta != row[6]))
        alter(database_url, "update events set meta = %(new)s where position = %(at)s", values=values)
    else:
        values["new"] = draw(st.integers(-(10**15), 10**15).filter(bool))
        alter(
            database_url,
            "update events set recorded_at = recorded_at + %(new)s * interval '1 us' where position = %(at)s",
            values=values,
        )


@at_random(60)
@given(data=st.data(), log=logs())
def test_any_tampering_is_found_in_the_table_and_in_the_export(
    database_url: str, data: st.DataObject, log: list[Written]
) -> None:
    alter(database_url, "truncate events")
    append(database_url, log)
    head = verify(database_url).head
    kept = {head.position: head.hash.hex()}
    assert verify_export.check(b"".join(export(database_url)).splitlines(), kept) == (1, len(log), head.hash.hex())

    position = tamper(database_url, data.draw, len(log))

    with pytest.raises(Fault) as fault:
        verify(database_url, heads=[head])
    # An edit with a hash that fits shows one event later; with all hashes made to fit, at the head that was kept.
    assert position <= fault.value.position <= max(len(log), position)
    with pytest.raises(verify_export.Fault):
        verify_export.check(b"".join(export(database_url)).splitlines(), kept)


@at_random(300)
@given(data=st.data(), log=logs())
def test_a_single_changed_byte_of_an_export_is_found_or_means_the_same(data: st.DataObject, log: list[Written]) -> None:
    lines = as_file(log)
    kept = {len(log): json.loads(lines[-1])["hash"]}
    verify_export.check(lines, kept)
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = [*lines]
    changed[number] = lines[number][:at] + bytes([byte]) + lines[number][at + 1 :]
    try:
        verify_export.check(changed, kept)
    except (verify_export.Fault, verify_export.NotVerifiable):
        return
    assert json.loads(changed[number]) == json.loads(lines[number])


@at_random(200)
@given(data=st.data(), log=logs())
def test_lines_of_an_export_that_are_missing_doubled_or_exchanged_are_found(
    data: st.DataObject, log: list[Written]
) -> None:
    lines = as_file(log)
    at, other = (data.draw(st.integers(1, len(log))) for _ in range(2))
    changed = [*lines]
    match data.draw(st.sampled_from(["missing", "doubled", "exchanged"])):
        case "missing":
            del changed[at]
        case "doubled":
            changed.insert(other, lines[at])
        case _ if at != other:
            changed[at], changed[other] = changed[other], changed[at]
        case _:
            return
    with pytest.raises(verify_export.Fault):
        verify_export.check(changed, {})
