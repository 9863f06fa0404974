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
from domain.model import Command, Conflict, Decider
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


PARTS = (demo_pazz, demo_tienda, demo_scheduler)
"""One for each frontend. `LAST` is what a part does last, by which it is known whether it was made."""


async def fill(settings: Settings) -> bool:
    """Make what is missing of the demo world. Returns whether anything was made.

    A part that was made once is not looked at again, whatever became of it. One that was cut short is taken up again:
    what it had made already is the same when done twice.
    """
    vault = Vault(settings.master_key)
    async with pool(settings.database_url, "seed") as connections, Writer(settings.database_url) as writer:
        world = World(settings, Store(connections, writer, Log(Mapper(), vault)), vault)
        missing = [part for part in PARTS if not await world.made(*part.LAST)]
        if not missing:
            return False
        await world.people()
        for part in missing:
            await part.fill(world)
        founded = organization.FoundOrganization(organization=ORGANIZATION, name="ACME Arrendamiento", now=world.now)
        await world.run(organization.DECIDER, organization.stream(ORGANIZATION), founded)
        return True


class World:
    """What the parts of the demo world are made with."""

    def __init__(self, settings: Settings, store: Store, vault: Vault) -> None:
        self.settings = settings
        self.store = store
        self.vault = vault
        self.now = datetime.now(UTC)
        self.month = Month.of(self.now, ZoneInfo(settings.time_zone))
        self._hashed: str | None = None

    async def run(self, decider: Decider[Any], stream: str, command: Command, which: str = "") -> None:
        """Run a command; `which` tells it from others of its kind on the same stream."""
        await self.all(Step(decider, stream, command), which=which)

    async def all(self, *steps: Step, which: str = "") -> bool:
        """Run commands on several streams, all or none: none where somebody has what they ask for, such as a code."""
        meta = Meta(organization=ORGANIZATION, by="demo", frontend="office")
        key = _key(steps[0].stream, type(steps[0].command), which)
        try:
            await self.store.execute_all(steps, Request(meta=meta, key=key))
        except Conflict as refusal:
            if refusal.code != "VALUE_TAKEN":
                raise
            return False
        return True

    async def made(self, stream: str, command: type[Command]) -> bool:
        """Whether such a command was run on a stream, in this run or an earlier one."""
        return await self.store.was_accepted(_key(stream, command))

    async def people(self) -> None:
        """The staff, each with the demo password as long as they have no other."""
        for name, full, email, role, region in STAFF:
            identity = f"usr_{name}"
            account = user.stream(ORGANIZATION, identity)
            digest = self.vault.blind(email)
            added = user.AddUser(user=identity, name=full, email=email, role=role, region=region, now=self.now)
            claimed = claim.ClaimValue(kind="email", digest=digest, owner=account, now=self.now)
            if await self.all(
                Step(user.DECIDER, account, added), Step(claim.DECIDER, claim.stream("email", digest), claimed)
            ):
                await self.let_in(account)

    async def let_in(self, account: str) -> None:
        """Give an account the demo password, unless it has one."""
        if self._hashed is None:
            passwords = Passwords()
            self._hashed = await passwords.hash(PASSWORD)
            passwords.close()
        async with self.store.pool.connection() as connection:
            if await sign_ins.password_hash(connection, account) is None:
                await sign_ins.set_password(connection, account, self._hashed)


def _key(stream: str, command: type[Command], which: str = "") -> str:
    return f"demo/{stream}/{command.__name__}{which}"


def run(settings: Settings) -> bool:
    """`fill`, for the command line."""
    return asyncio.run(fill(settings))
