"""An event of the library as the log stores it, and back.

    stream   library/<application name>-<originator id>
    name     library/<topic>
    data     the state itself where it is JSON text, else {"base64": "<the state>"}
    meta     {"application", "originator_id", "originator_type": "uuid" | "text", "originator_version"}

The prefix keeps them apart from the product's own streams and event names, whatever an application calls itself.
"""

from __future__ import annotations

import base64
from urllib.parse import quote
from uuid import UUID

import msgspec
from eventsourcing.persistence import DataError, StoredEvent

from eventstore.commit import MAX_STREAM_LENGTH

PREFIX = "library/"
WRAPPED = b'{"base64":"'
WRAPPED_END = b'"}'


def stream(application: str, originator_id: UUID | str) -> str:
    """The log's stream of an aggregate; two aggregates or applications never share one. Raises `DataError` for an id
    that is too long."""
    # No "-" in the application's part: it ends there. The id keeps its letters, only what a stream name may not hold
    # is written as %XX.
    name = PREFIX + quote(application, safe="").replace("-", "%2D")
    result = name + "-" + "".join(_readable(character) for character in str(originator_id))
    if len(result) > MAX_STREAM_LENGTH:
        raise DataError(f"an originator id of {len(str(originator_id))} characters is too long")
    return result


def _readable(character: str) -> str:
    return character if character.isprintable() and character != "%" else quote(character, safe="")


def name(topic: str) -> str:
    """The name of an event in the log."""
    return PREFIX + topic


def topic(name: str) -> str:
    """The topic of an event that is in the log under this name."""
    return name.removeprefix(PREFIX)


def data(state: bytes) -> bytes:
    """JSON that `state` turns into exactly these bytes again."""
    if _is_json(state) and not state.startswith(WRAPPED):
        return state
    return WRAPPED + base64.b64encode(state) + WRAPPED_END


def state(data: bytes) -> bytes:
    """The state that was stored as this JSON."""
    if data.startswith(WRAPPED):
        return base64.b64decode(data[len(WRAPPED) : -len(WRAPPED_END)])
    return data


def meta(application: str, event: StoredEvent) -> bytes:
    """The event's metadata: all that its place (`library_places`) says, so that places can be made from the log."""
    return msgspec.json.encode(
        {
            "application": application,
            "originator_id": str(event.originator_id),
            "originator_type": "uuid" if isinstance(event.originator_id, UUID) else "text",
            "originator_version": event.originator_version,
        }
    )


def originator_id(text: str, is_uuid: bool) -> UUID | str:
    """The id of an aggregate, as the application gave it."""
    return UUID(text) if is_uuid else text


def _is_json(state: bytes) -> bool:
    """Whether the database takes it for JSON, and can also look into it: a NUL character could be stored, but not read
    by SQL."""
    if b"\\u0000" in state:
        return False
    try:
        state.decode()
        msgspec.json.decode(state)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return False
    return True
