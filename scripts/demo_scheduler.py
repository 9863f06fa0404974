"""The demo world as a user of the WhatsApp Scheduler sees it: a phone book in two groups, and three messages: a draft,
one that waits, one that was sent."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from domain import claim, contact, delivery, group, scheduled_message
from eventstore.execute import Step

if TYPE_CHECKING:
    from scripts.demo import World

ORGANIZATION = "acme"
OWNER = "usr_ventas"


class Person(msgspec.Struct, frozen=True):
    """An entry of the phone book."""

    name: str
    full: str
    phone: str
    groups: tuple[str, ...]
    active: bool = True


class Written(msgspec.Struct, frozen=True):
    """A message to a group; `days` from now it is to be sent or was, None for a draft."""

    name: str
    group: str
    content: str
    days: int | None = None


GROUPS = {
    "clientes": ("Clientes con entrega pendiente", "Esperan su auto en las próximas semanas"),
    "taller": ("Servicio de los 10,000 km", "Les toca servicio este trimestre"),
}
PEOPLE = (
    Person("rosa", "Rosa Beltrán", "+525541107788", ("clientes",)),
    Person("ivan", "Iván Cisneros", "+525541107789", ("clientes", "taller")),
    Person("paula", "Paula Arriaga", "+523318804422", ("clientes",)),
    Person("omar", "Omar Quintero", "+528183301177", ("taller",)),
    Person("nadia", "Nadia Luján", "+522225506633", ("taller",), active=False),
)
DRAFT = Written("borrador", "taller", "Hola, ya te toca el servicio de los 10,000 km. ¿Qué día te queda bien?")
WAITING = Written(
    "programado", "clientes", "Hola, tu auto ya está en camino a la agencia. Te avisamos en cuanto llegue.", 3
)
SENT = Written("enviado", "clientes", "Hola, soy Valeria de ACME. Por aquí te aviso cómo va tu entrega.", -2)


LAST = scheduled_message.stream(ORGANIZATION, "msg_enviado"), scheduled_message.DraftMessage


async def fill(world: World) -> None:
    """Everything that the scheduler shows to its demo user."""
    for name, (title, description) in GROUPS.items():
        await _group(world, name, title, description)
    for person in PEOPLE:
        await _person(world, person)
    await _write(world, DRAFT)
    await _write(world, WAITING)
    await _send(world, SENT)


async def _group(world: World, name: str, title: str, description: str) -> None:
    identity = f"grp_{name}"
    stream = group.stream(ORGANIZATION, identity)
    created = group.CreateGroup(group=identity, owner=OWNER, name=title, description=description, now=world.now)
    held = _claim(world, "group_name", group.unique(ORGANIZATION, OWNER, title), stream)
    await world.all(Step(group.DECIDER, stream, created), held)


async def _person(world: World, person: Person) -> None:
    stream = contact.stream(ORGANIZATION, f"cnt_{person.name}")
    added = contact.AddContact(
        contact=f"cnt_{person.name}",
        owner=OWNER,
        name=person.full,
        phone=person.phone,
        email=f"{person.name}@example.com",
        active=person.active,
        groups=tuple(f"grp_{name}" for name in person.groups),
        now=world.now,
    )
    held = _claim(world, "phone", contact.unique(ORGANIZATION, OWNER, person.phone), stream)
    await world.all(Step(contact.DECIDER, stream, added), held)


def _claim(world: World, kind: str, unique: str, owner: str) -> Step:
    digest = world.vault.blind(unique)
    return Step(
        claim.DECIDER,
        claim.stream(kind, digest),
        claim.ClaimValue(kind=kind, digest=digest, owner=owner, now=world.now),
    )


async def _write(world: World, written: Written) -> None:
    """Write it, and schedule it unless it stays a draft."""
    await world.all(*_steps(world, written, world.now)[0])


async def _send(world: World, written: Written) -> None:
    """It went out at its time, reached everybody, and the first of them has read it. All in one commit: the clock and
    the senders are at work already, and would take up what they find half done."""
    steps, due = _steps(world, written, world.now + timedelta(days=(written.days or 0) - 1))
    assert due is not None
    message, stream = f"msg_{written.name}", scheduled_message.stream(ORGANIZATION, f"msg_{written.name}")
    people = [person for person in PEOPLE if person.active and written.group in person.groups]
    recipients = tuple(f"cnt_{person.name}" for person in people)
    begun = scheduled_message.StartSending(message=message, recipients=recipients, late=3_600, now=due)
    steps.append(Step(scheduled_message.DECIDER, stream, begun))
    for number, person in enumerate(people):
        steps += _delivered(world, message, person, due + timedelta(seconds=3 * (number + 1)), read=not number)
    over = due + timedelta(minutes=1)
    ended = scheduled_message.FinishSending(message=message, sent=len(people), failed=0, reasons={}, now=over)
    await world.all(*steps, Step(scheduled_message.DECIDER, stream, ended))


def _steps(world: World, written: Written, now: datetime) -> tuple[list[Step], datetime | None]:
    """What writes it and schedules it for ten in the morning of its day, and when that is."""
    message, stream = f"msg_{written.name}", scheduled_message.stream(ORGANIZATION, f"msg_{written.name}")
    zone = ZoneInfo(world.settings.time_zone)
    drafted = scheduled_message.DraftMessage(
        message=message,
        owner=OWNER,
        content=written.content,
        groups=(f"grp_{written.group}",),
        timezone=world.settings.time_zone,
        now=now,
    )
    steps = [Step(scheduled_message.DECIDER, stream, drafted)]
    if written.days is None:
        return steps, None
    day = (world.now + timedelta(days=written.days)).astimezone(zone).date()
    due = datetime.combine(day, time(10), zone)
    asked = scheduled_message.ScheduleMessage(message=message, scheduled_for=due, now=now)
    return [*steps, Step(scheduled_message.DECIDER, stream, asked)], due


def _delivered(world: World, message: str, person: Person, moment: datetime, *, read: bool) -> list[Step]:
    recipient, provider_id = f"cnt_{person.name}", f"demo_{message}_{person.name}"
    copy = {"message": message, "recipient": recipient}
    stream = delivery.stream(ORGANIZATION, message, recipient)
    claimed = delivery.ClaimDelivery(
        **copy,
        claim="demo",
        worker="demo",
        run=1,
        revision=1,
        phone_digest=world.vault.blind(person.phone),
        now=moment,
    )
    taken = delivery.HandOverDelivery(**copy, provider_id=provider_id, now=moment + timedelta(seconds=1))
    level = "read" if read else "delivered"
    arrived = delivery.ConfirmDelivery(**copy, provider_id=provider_id, level=level, now=moment + timedelta(seconds=2))
    return [Step(delivery.DECIDER, stream, command) for command in (claimed, taken, arrived)]
