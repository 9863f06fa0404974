"""Applications of the library that follow each other, each event of theirs recorded with how far they got."""

from __future__ import annotations

import threading
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from eventsourcing.application import AggregateNotFoundError, Application, ProcessingEvent
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.system import MultiThreadedRunner, ProcessApplication, Runner, SingleThreadedRunner, System

from eventstore import audit


class Crate(Aggregate):
    class Created(Aggregate.Created):
        port: str

    @event(Created)
    def __init__(self, port: str) -> None:
        self.port = port


class Port(Aggregate):
    def __init__(self, name: str) -> None:
        self.name = name
        self.crates = 0

    @event("CrateLanded")
    def land(self) -> None:
        self.crates += 1

    @staticmethod
    def create_id(name: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/ports/{name}")


class Cargo(Application[UUID]):
    def send(self, *ports: str) -> None:
        self.save(*[Crate(port) for port in ports])


class Ports(ProcessApplication[UUID]):
    """Counts the crates that every port got."""

    counted = threading.Event()

    @singledispatchmethod
    def policy(self, domain_event: Aggregate.Event, processing_event: ProcessingEvent[UUID]) -> None:
        """What follows from an event of the cargo."""

    @policy.register
    def _(self, domain_event: Crate.Created, processing_event: ProcessingEvent[UUID]) -> None:
        try:
            port: Port = self.repository.get(Port.create_id(domain_event.port))
        except AggregateNotFoundError:
            port = Port(domain_event.port)
        port.land()
        processing_event.collect_events(port)

    def crates(self, name: str) -> int:
        port: Port = self.repository.get(Port.create_id(name))
        return port.crates


@pytest.mark.parametrize("runner_class", [SingleThreadedRunner, MultiThreadedRunner])
def test_a_system_of_applications_runs_on_one_log(runner_class: type[Runner[UUID]], database_url: str) -> None:
    environment = {"PERSISTENCE_MODULE": "eventstore", "DATABASE_URL": database_url}
    runner = runner_class(System([[Cargo, Ports]]), env=environment)
    with runner:
        cargo, ports = runner.get(Cargo), runner.get(Ports)
        for _ in range(10):
            cargo.send("Palos", "Cádiz", "Palos")
        ports.recorder.wait("Cargo", cargo.recorder.max_notification_id(), timeout=30)
        assert (ports.crates("Palos"), ports.crates("Cádiz")) == (20, 10)
    assert audit.verify(database_url).events == 30 + 30 + 2
