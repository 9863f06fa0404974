"""Events to stored JSON and back: by stored name, with old shapes brought up to date and personal data sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain import catalogue
from domain.model import ERASED, Event
from eventstore import sealing
from eventstore.commit import Record, Unstorable

Upcast = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]
"""From the fields of an event that was stored under an old name to today's name and fields. Personal fields come
opened; one whose key is gone comes as it was stored, an object, to be handed on whole."""

UPCASTS: dict[str, Upcast] = {}


class Unreadable(Exception):
    """A stored event does not have the shape that its name stands for: it was tampered with, or this build is wrong.
    No command is decided on it; who follows the log sets its stream aside (`Recorded.fault`)."""


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who did it, for whom, and what led to it. `caused_by` is the position of the event that a reaction answered."""

    organization: str
    by: str | None = None
    frontend: str | None = None
    request: str | None = None
    correlation: str | None = None
    caused_by: int | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event with its place in the log. `event` is None for a name that this build does not know, such as an event of
    another application on the same log, and where `fault` says why it cannot be read."""

    position: int
    stream: str
    version: int
    name: str
    event: Event | None
    meta: Meta
    recorded_at: datetime
    fault: str | None = None

    def may_be(self, kinds: Sequence[type[Event]]) -> bool:
        """Whether it is an event of one of these kinds. Of one that cannot be read its name tells; an old name, which
        only reading would bring up to date, may stand for any of them."""
        if self.fault is None:
            return type(self.event) in kinds
        return self.name not in catalogue.EVENTS or any(kind.__name__ == self.name for kind in kinds)


Row = tuple[int, str, int, str, bytes, bytes, datetime]
"""position, stream, version, name, data, meta, recorded_at"""


class Mapper:
    """Knows the events of one catalogue."""

    def __init__(
        self, events: Mapping[str, type[Event]] = catalogue.EVENTS, upcasts: Mapping[str, Upcast] = UPCASTS
    ) -> None:
        self._decoders = {name: msgspec.json.Decoder(event) for name, event in events.items()}
        self._types = dict(events)
        self._personal = {
            name: fields for name, event in events.items() if (fields := catalogue.personal_fields(event))
        }
        self._erased = {
            (name, field.name): None if _takes_none(field.type) else ERASED
            for name, fields in self._personal.items()
            for field in msgspec.structs.fields(self._types[name])
            if field.name in fields
        }
        self._upcasts = upcasts
        self._encode = msgspec.json.Encoder().encode
        self._meta = msgspec.json.Decoder(Meta)

    def is_personal(self, event: Event) -> bool:
        """Whether storing this event needs its stream's key."""
        return type(event).__name__ in self._personal

    def subjects(self, rows: Sequence[Row]) -> set[str]:
        """The streams whose keys are needed to read these rows."""
        return {row[1] for row in rows if row[3] in self._personal or row[3] in self._upcasts}

    def record(self, event: Event, key: AESGCM | None = None) -> Record:
        """The event as it is stored. `key` is needed when `is_personal(event)`. Raises `Unstorable` for an event that
        could not be read again."""
        name = type(event).__name__
        try:
            encoded = self._encode(event)
            self._decoders[name].decode(encoded)
        except (KeyError, ValueError, TypeError) as error:
            raise Unstorable(f"{name} could not be read again: {type(error).__name__}: {error}") from None
        fields = self._personal.get(name)
        return Record(name, encoded if fields is None else self._sealed(name, fields, event, key))

    def _sealed(self, name: str, fields: Sequence[str], event: Event, key: AESGCM | None) -> bytes:
        assert key is not None, f"{name} holds personal data and needs its subject's key"
        data = msgspec.to_builtins(event)
        for field in fields:
            text = data.get(field)
            if text is not None:
                if "\0" in text:
                    raise Unstorable(f"{name}.{field} holds a NUL character")
                data[field] = {"sealed": sealing.seal(key, text, f"{name}.{field}")}
        return self._encode(data)

    def meta(self, meta: Meta) -> bytes:
        """The metadata as it is stored."""
        return self._encode(meta)

    def recorded(self, row: Row, keys: sealing.Keys | None = None) -> Recorded:
        """A row of the log as an event with its place. Raises `Unreadable`."""
        found = self.followed(row, keys)
        if found.fault is not None:
            raise Unreadable(found.fault)
        return found

    def followed(self, row: Row, keys: sealing.Keys | None = None) -> Recorded:
        """As `recorded`, for those who go on after an event that cannot be read."""
        position, stream, version, name, data, meta, recorded_at = row
        event, fault = None, None
        try:
            event = self._event(stream, name, data, keys or {})
        except Exception as error:  # whatever the decoder or an upcast finds
            fault = f"{name} at position {position} cannot be read: {type(error).__name__}: {error}"
        try:
            about = self._meta.decode(meta)
        except msgspec.ValidationError:
            about = Meta(organization="")
        return Recorded(position, stream, version, name, event, about, recorded_at, fault)

    def _event(self, stream: str, name: str, data: bytes, keys: sealing.Keys) -> Event | None:
        if name not in self._personal and name not in self._upcasts:
            decoder = self._decoders.get(name)
            return decoder.decode(data) if decoder is not None else None
        fields = self._opened(name, msgspec.json.decode(data, type=dict[str, Any]), keys.get(stream))
        while name in self._upcasts:
            name, fields = self._upcasts[name](fields)
        for field in self._personal.get(name, ()):
            if isinstance(fields.get(field), dict):
                fields[field] = self._erased[name, field]
        return msgspec.convert(fields, self._types[name])

    def _opened(self, name: str, fields: dict[str, Any], key: AESGCM | None) -> dict[str, Any]:
        """The fields with what is sealed opened, as far as the key does it. What is sealed belongs to the name and the
        field that it was stored under."""
        for field, value in fields.items():
            if isinstance(value, dict) and isinstance(sealed := value.get("sealed"), str) and len(value) == 1:
                text = sealing.unseal(key, sealed, f"{name}.{field}")
                fields[field] = text if text is not None else value
        return fields


def _takes_none(kind: Any) -> bool:
    try:
        msgspec.convert(None, kind)
    except msgspec.ValidationError:
        return False
    return True


__all__ = ["ERASED", "UPCASTS", "Mapper", "Meta", "Recorded", "Row", "Unreadable", "Upcast"]
