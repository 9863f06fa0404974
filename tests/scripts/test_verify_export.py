"""The verifier takes nothing on trust: a line has to be what the log would have written, down to its kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventstore import chain
from scripts.verify_export import Fault, NotVerifiable, check
from tests.support.tampering import as_file, story


def with_field(line: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(line), **fields}).encode()


def test_an_export_that_is_whole_is_accepted() -> None:
    lines = as_file(story())
    assert check(lines, {}) == (1, 20, json.loads(lines[-1])["hash"])
    assert check([line + b"\r\n" for line in lines], {})[:2] == (1, 20)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("version", "2", "its version is not of the right kind"),
        ("version", 2.0, "its version is not of the right kind"),
        ("position", True, "its position is not of the right kind"),
        ("data", {"name": "María 3"}, "its data is not of the right kind"),
        ("meta", None, "its meta is not of the right kind"),
        ("recorded_at", "2096-09-02T03:33:20Z", "not a time as the log writes it"),
        ("recorded_at", "2096-09-02T03:33:20.000000+00:00Z", "not a time as the log writes it"),
        ("recorded_at", "9223372036854775807", "position 4"),
        ("recorded_at", "", "position 4"),
        ("data", "\ud83c", "position 4"),
        ("hash", "00", "position 4 .* does not match"),
    ],
)
def test_a_field_that_the_log_would_not_write_is_a_fault(field: str, value: Any, told: str) -> None:
    lines = as_file(story())
    lines[4] = with_field(lines[4], **{field: value})
    with pytest.raises(Fault, match=told):
        check(lines, {})


@pytest.mark.parametrize("line", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'"' + b"\0" + b'"', b"1" * 10_000])
def test_a_line_that_is_no_event_is_a_fault_where_it_stands(line: bytes) -> None:
    lines = as_file(story())
    lines[4] = line
    with pytest.raises(Fault, match="line 5, after position 3"):
        check(lines, {})


@pytest.mark.parametrize("field", ["stream", "name"])
def test_a_line_break_cannot_move_text_from_one_field_to_the_next(field: str) -> None:
    lines = as_file(story())
    lines[4] = with_field(lines[4], **{field: "Customer\n2"})
    with pytest.raises(Fault, match="line break"):
        check(lines, {})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"first": 0}, "positions begin at 1"),
        ({"first": "1"}, "its first is not of the right kind"),
        ({"previous": "00" * 32}, "not with the hash that every log begins with"),
        ({"first": 2}, "position 2 is missing"),
        ({"last": 21}, "position 21 is missing"),
        ({"last": 19}, "the file ends at 20, its header promises 19"),
        ({"remark": ""}, "not those of a header"),
    ],
)
def test_a_header_that_cannot_be_true_is_a_fault(fields: dict[str, Any], told: str) -> None:
    lines = as_file(story())
    lines[0] = with_field(lines[0], **fields)
    with pytest.raises(Fault, match=told):
        check(lines, {})


@pytest.mark.parametrize("fields", [{"format": 2}, {"export": "other"}, {"stream": "a"}, {"verifiable": False}])
def test_a_file_of_another_kind_is_not_verifiable(fields: dict[str, Any]) -> None:
    lines = as_file(story())
    lines[0] = with_field(lines[0], **fields)
    with pytest.raises(NotVerifiable):
        check(lines, {})
    with pytest.raises(NotVerifiable):
        check([], {})


def test_a_part_is_tied_to_a_head_just_before_it() -> None:
    lines = as_file(story())
    before = json.loads(lines[5])["hash"]
    part = [with_field(lines[0], first=6, previous=before), *lines[6:]]
    assert check(part, {5: before})[:2] == (6, 20)
    with pytest.raises(Fault, match="position 5: the hash differs"):
        check(part, {5: chain.GENESIS.hex()})
    with pytest.raises(NotVerifiable, match="says nothing about the head 3"):
        check(part, {3: before})
