"""The demo world: a small believable organisation, made the way staff would make it, for a first look.

Only the development command fills it in; its passwords are printed on that command's card.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.access import Passwords
from domain import claim, organization, user
from domain.model import Command, Decider
from domain.values import Month, Role
from eventstore import sign_ins
from eventstore.connect import pool
from eventstore.execute import Request, Step, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta
from eventstore.sealing import Vault
from eventstore.writer import Writer
from scripts import demo_pazz, demo_scheduler, demo_tienda
from settings import Settings

ORGANIZATION = "acme"
PASSWORD = "Bitacora1"
LOGINS: tuple[tuple[str, str, str], ...] = (
    ("office admin", "admin@acme.example", PASSWORD),
    ("Pazz partner", "socia@acme.example", PASSWORD),
    ("Tienda client", demo_tienda.USERNAME, PASSWORD),
    ("Scheduler user", "ventas@acme.example", PASSWORD),
)

STAFF: tuple[tuple[str, str, str, Role, str | None], ...] = (
    ("admin", "Alma Ortega", "admin@acme.example", "admin", None),
    ("socia", "Sofía Ramírez", "socia@acme.example", "partner", "centro"),
    ("socio", "Mateo Hernández", "socio@acme.example", "partner", "norte"),
    ("ventas", "Valeria Soto", "ventas@acme.example", "sales", None),
)


async def fill(settings: Settings) -> bool:
    """Make the demo world unless it is there. Returns whether anything was made."""
    vault = Vault(settings.master_key)
    async with pool(settings.database_url, "seed") as connections, Writer(settings.database_url) as writer:
        store = Store(connections, writer, Log(Mapper(), vault))
        stream = organization.stream(ORGANIZATION)
        if (await store.state(organization.DECIDER, stream)).founded:
            return False
        world = World(settings, store, vault)
        await world.people()
        await demo_pazz.fill(world)
        await demo_tienda.fill(world, PASSWORD)
        await demo_scheduler.fill(world)
        # Last, so that a run that was cut short is taken up again: everything before it is the same when done twice.
        founded = organization.FoundOrganization(organization=ORGANIZATION, name="ACME Arrendamiento", now=world.now)
        await world.run(organization.DECIDER, stream, founded)
        return True


class World:
    """What the parts of the demo world are made with."""

    def __init__(self, settings: Settings, store: Store, vault: Vault) -> None:
        self.settings = settings
        self.store = store
        self.vault = vault
        self.now = datetime.now(UTC)
        self.month = Month.of(self.now, ZoneInfo(settings.time_zone))

    async def run(self, decider: Decider[Any], stream: str, command: Command, which: str = "") -> None:
        """Run a command; `which` tells it from others of its kind on the same stream."""
        await self.all(Step(decider, stream, command), which=which)

    async def all(self, *steps: Step, which: str = "") -> None:
        """Run commands on several streams, all or none."""
        meta = Meta(organization=ORGANIZATION, by="demo", frontend="office")
        key = f"demo/{steps[0].stream}/{type(steps[0].command).__name__}{which}"
        await self.store.execute_all(steps, Request(meta=meta, key=key))

    async def people(self) -> None:
        """The staff, each with the demo password."""
        passwords = Passwords()
        hashed = await passwords.hash(PASSWORD)
        passwords.close()
        for name, full, email, role, region in STAFF:
            identity = f"usr_{name}"
            account = user.stream(ORGANIZATION, identity)
            digest = self.vault.blind(email)
            added = user.AddUser(user=identity, name=full, email=email, role=role, region=region, now=self.now)
            claimed = claim.ClaimValue(kind="email", digest=digest, owner=account, now=self.now)
            await self.all(
                Step(user.DECIDER, account, added), Step(claim.DECIDER, claim.stream("email", digest), claimed)
            )
            async with self.store.pool.connection() as connection:
                await sign_ins.set_password(connection, account, hashed)


def run(settings: Settings) -> bool:
    """`fill`, for the command line."""
    return asyncio.run(fill(settings))
