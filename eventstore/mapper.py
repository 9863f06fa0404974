"""Events to stored JSON and back: by stored name, with old shapes brought up to date and personal data sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain import catalogue
from domain.model import ERASED, Event
from eventstore import sealing
from eventstore.commit import Record

Upcast = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]
"""From the fields of an event that was stored under an old name to today's name and fields."""

UPCASTS: dict[str, Upcast] = {}


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did it, for whom, and what led to it. `caused_by` is the position of the event that a reaction answered."""

    organization: str
    by: str | None = None
    frontend: str | None = None
    request: str | None = None
    correlation: str | None = None
    caused_by: int | None = None


class Recorded(msgspec.Struct, frozen=True):
    """An event with its place in the log. `event` is None for a name that this build does not know, such as an event of
    another application on the same log."""

    position: int
    stream: str
    version: int
    name: str
    event: Event | None
    meta: Meta
    recorded_at: datetime


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

    def subjects(self, rows: list[Row]) -> set[str]:
        """The streams whose keys are needed to read these rows."""
        return {row[1] for row in rows if row[3] in self._personal}

    def record(self, event: Event, key: AESGCM | None = None) -> Record:
        """The event as it is stored. `key` is needed when `is_personal(event)`."""
        name = type(event).__name__
        fields = self._personal.get(name)
        if fields is None:
            return Record(name, self._encode(event))
        assert key is not None, f"{name} holds personal data and needs its subject's key"
        data = msgspec.to_builtins(event)
        for field in fields:
            text = data.get(field)
            if text is not None:
                if "\0" in text:
                    raise ValueError(f"{name}.{field} holds a NUL character")
                data[field] = {"sealed": sealing.seal(key, text, f"{name}.{field}")}
        return Record(name, self._encode(data))

    def meta(self, meta: Meta) -> bytes:
        """The metadata as it is stored."""
        return self._encode(meta)

    def recorded(self, row: Row, keys: sealing.Keys | None = None) -> Recorded:
        """A row of the log as an event with its place."""
        position, stream, version, name, data, meta, recorded_at = row
        event = self._event(stream, name, data, keys or {})
        try:
            about = self._meta.decode(meta)
        except msgspec.ValidationError:
            about = Meta(organization="")
        return Recorded(position, stream, version, name, event, about, recorded_at)

    def _event(self, stream: str, name: str, data: bytes, keys: sealing.Keys) -> Event | None:
        if name in self._upcasts:
            name, fields = self._upcast(name, msgspec.json.decode(data))
        elif name in self._personal:
            fields = msgspec.json.decode(data)
        else:
            decoder = self._decoders.get(name)
            return decoder.decode(data) if decoder is not None else None
        for field in self._personal.get(name, ()):
            value = fields.get(field)
            if isinstance(value, dict):
                text = sealing.unseal(keys.get(stream), value["sealed"], f"{name}.{field}")
                fields[field] = text if text is not None else self._erased[name, field]
        return msgspec.convert(fields, self._types[name])

    def _upcast(self, name: str, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        while name in self._upcasts:
            name, fields = self._upcasts[name](fields)
        return name, fields


def _takes_none(kind: Any) -> bool:
    try:
        msgspec.convert(None, kind)
    except msgspec.ValidationError:
        return False
    return True


__all__ = ["ERASED", "UPCASTS", "Mapper", "Meta", "Recorded", "Row", "Upcast"]
