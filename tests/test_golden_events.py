"""Every event that was ever released can be read by this build, and every event of this build is on record."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from domain import catalogue
from domain.model import Event
from eventstore.mapper import UPCASTS, Mapper, Unreadable
from tests.support import golden

SAMPLES = golden.samples()
META = b'{"organization":"acme"}'


def read(name: str, stored: Any, mapper: Mapper | None = None) -> Event | None:
    data = json.dumps(stored).encode()
    row = (1, "stream-1", 1, name, data, META, golden.MOMENT)
    return (mapper or Mapper()).recorded(row).event


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_an_event_that_was_released_reads_the_same_forever(name: str) -> None:
    event = read(name, SAMPLES[name])
    assert event is not None, f"{name} was released; keep its class or add an upcast"
    if name not in UPCASTS:
        written = json.loads(msgspec.json.encode(event))
        assert {field: written[field] for field in SAMPLES[name]} == SAMPLES[name]


def test_every_event_of_this_build_is_on_record() -> None:
    missing = sorted(set(catalogue.EVENTS) - set(SAMPLES))
    assert missing == [], "run: .venv/bin/python -m tests.support.golden"


def test_every_field_of_this_build_is_on_record() -> None:
    """A field added later is optional, so the samples without it stay; a sample with it comes beside them as a new name
    never does: the shape of today is the shape of the sample plus optional fields."""
    for name, event in catalogue.EVENTS.items():
        new = {field.encode_name for field in msgspec.structs.fields(event)} - set(SAMPLES[name])
        required = {field.encode_name for field in msgspec.structs.fields(event) if field.required}
        assert not new & required, f"{name} has a new required field: {new & required}"


class Planted(Event):
    amount: int


class PlantedRenamed(Event):
    total: int


class PlantedOtherType(Event):
    amount: str


class PlantedNewRequired(Event):
    amount: int
    currency: str


@pytest.mark.parametrize("changed", [PlantedRenamed, PlantedOtherType, PlantedNewRequired])
def test_a_changed_shape_is_found(changed: type[Event]) -> None:
    stored = {"amount": 5}
    assert read("Planted", stored, Mapper({"Planted": Planted})) == Planted(amount=5)
    with pytest.raises(Unreadable):
        read("Planted", stored, Mapper({"Planted": changed}))
