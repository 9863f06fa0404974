"""A browser that listens, and a message on its way to somebody: for the tests of what is pushed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from domain import delivery
from domain.delivery import ClaimDelivery, ConfirmDelivery, FailDelivery, HandOverDelivery
from eventstore.execute import Request, Step
from eventstore.mapper import Meta
from tests.support.business import made
from tests.support.http import Client, Process, World
from tests.support.sockets import Socket
from tests.support.waiting import PATIENCE

API = "/scheduler/api"
Frame = dict[str, Any]


class Browser:
    """An open websocket. Frames that a test does not ask for are kept until it does; `all` has every one, in order."""

    def __init__(self, socket: Socket, client: Client) -> None:
        self.socket = socket
        self.client = client
        self.kept: list[Frame] = []
        self.all: list[Frame] = []

    def say(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def hear(self, kind: str, seconds: float = PATIENCE, **having: Any) -> Frame:
        """The next frame of this type, with these values."""
        deadline = time.monotonic() + seconds
        while True:
            for number, frame in enumerate(self.kept):
                if frame["type"] == kind and having.items() <= frame.items():
                    return self.kept.pop(number)
            self.all.append(json.loads(self.socket.receive(max(0.01, deadline - time.monotonic()))))
            self.kept.append(self.all[-1])

    def heard(self, kind: str, **having: Any) -> list[Frame]:
        """Every frame of this type, with these values, that was heard beside what the test asked for, in order."""
        found = [frame for frame in self.kept if frame["type"] == kind and having.items() <= frame.items()]
        self.kept = [frame for frame in self.kept if frame not in found]
        return found

    def up_to_now(self, kind: str, **having: Any) -> list[Frame]:
        """The same, with nothing left to come of what happened so far: it is told in the order of the log, so all of it
        is there when a message that is written now is heard of. How far messages are is told a moment later."""
        mark = made(self.client, f"{API}/messages", {"content": "Hasta aquí"})
        self.hear("message_status_update", message_id=mark)
        return self.heard(kind, **having)


@contextmanager
def listening(process: World | Process, client: Client, **more: Any):
    """A browser of this client's user, let in."""
    assert client.signed is not None
    with Socket(process.address, f"/scheduler/ws/{client.signed.user.id}") as socket:
        browser = Browser(socket, client)
        browser.say(type="auth", token=client.token, **more)
        browser.welcome = browser.hear("auth_success")  # type: ignore[attr-defined]
        browser.hear("whatsapp_status")
        yield browser


class Sending:
    """A message that goes out to so many people, copy by copy as a test says."""

    def __init__(self, world: World, client: Client, people: int, first: int = 0) -> None:
        self.world, self.client = world, client
        world.forget_limits()
        group = made(client, f"{API}/groups", {"name": f"Grupo {first}"})
        self.people = [
            made(client, f"{API}/contacts", {"name": "P", "phone": f"+52554{first + number:07}", "groups": [group]})
            for number in range(people)
        ]
        self.id = made(client, f"{API}/messages", {"content": f"Hola {first}", "groups": [group]})

    def schedule(self) -> None:
        when = (self.world.now + timedelta(hours=1)).isoformat()
        answer = self.client.post(f"{API}/messages/{self.id}/schedule", json={"scheduled_for": when})
        assert answer.status == 200, answer

    def start(self) -> None:
        """Its time comes."""
        self.schedule()
        self.world.time_is(self.world.now + timedelta(hours=1, seconds=1))
        self.world.strike()

    def copies(self, people: Sequence[str], *kinds: str) -> None:
        """What becomes of these copies, one after the other: claimed, sent, delivered, read, failed."""
        for person in people:
            for kind in kinds:
                self._one(person, kind)

    def send(self, people: Sequence[str] | None = None) -> None:
        self.copies(self.people if people is None else people, "claimed", "sent")

    def end(self) -> None:
        """The clock finds that every copy came to its end."""
        self.world.settle()
        self.world.strike()
        self.world.react()

    def shown(self, path: str = "") -> Any:
        return self.client.get(f"{API}/messages/{self.id}{path}").json

    def _one(self, person: str, kind: str) -> None:
        world, organization = self.world, self.client.signed.user.organization  # type: ignore[union-attr]
        copy: dict[str, Any] = {"message": self.id, "recipient": person, "now": world.now}
        command: Any
        if kind == "claimed":
            command = ClaimDelivery(**copy, claim="c", worker="w", run=1, revision=1, phone_digest="0" * 32)
        elif kind == "sent":
            command = HandOverDelivery(**copy, provider_id=f"P-{self.id}-{person}")
        elif kind == "failed":
            command = FailDelivery(**copy, claim="c", reason="NOT_ON_WHATSAPP", run=1)
        else:
            command = ConfirmDelivery(**copy, provider_id=f"P-{self.id}-{person}", level=kind)  # type: ignore[arg-type]
        step = Step(delivery.DECIDER, delivery.stream(organization, self.id, person), command)
        world.loop.run(
            world.runtime.store.execute_all([step], Request(meta=Meta(organization=organization, by="test")))
        )
