"""The demo world: a small believable organisation, made the way staff would make it, for a first look.

Only the development command fills it in; its passwords are printed on that command's card.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from api.access import Passwords
from domain import claim, commission, customer, deal, goal, organization, user
from domain.values import Month, Role
from eventstore import sign_ins
from eventstore.connect import pool
from eventstore.execute import Request, Step, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta
from eventstore.sealing import Vault
from eventstore.writer import Writer
from settings import Settings

ORGANIZATION = "acme"
PASSWORD = "Bitacora1"
LOGINS: tuple[tuple[str, str, str], ...] = (
    ("office admin", "admin@acme.example", PASSWORD),
    ("Pazz partner", "socia@acme.example", PASSWORD),
)

STAFF: tuple[tuple[str, str, str, Role, str | None], ...] = (
    ("admin", "Alma Ortega", "admin@acme.example", "admin", None),
    ("socia", "Sofía Ramírez", "socia@acme.example", "partner", "centro"),
    ("socio", "Mateo Hernández", "socio@acme.example", "partner", "norte"),
)
DEALS = (
    ("pedro", "Pedro Juan Gutiérrez", "+5215598772310", "BMW", "Serie 4", 1_245_000_00, 5_000_00),
    ("lucia", "Lucía Fernández", "+525512345678", "Audi", "Q3", 780_000_00, 8_500_00),
    ("jorge", "Jorge Villalobos", "+525587654321", "Mazda", "CX-5", 640_000_00, None),
)


async def fill(settings: Settings) -> bool:
    """Make the demo world unless it is there. Returns whether anything was made."""
    vault = Vault(settings.master_key)
    async with pool(settings.database_url, "seed") as connections, Writer(settings.database_url) as writer:
        store = Store(connections, writer, Log(Mapper(), vault))
        stream = organization.stream(ORGANIZATION)
        if (await store.state(organization.DECIDER, stream)).founded:
            return False
        world = _World(settings, store, vault)
        await world.people()
        await world.business()
        # Last, so that a run that was cut short is taken up again: everything before it is the same when done twice.
        founded = organization.FoundOrganization(organization=ORGANIZATION, name="ACME Arrendamiento", now=world.now)
        await world.run(organization.DECIDER, stream, founded)
        return True


class _World:
    def __init__(self, settings: Settings, store: Store, vault: Vault) -> None:
        self.store = store
        self.vault = vault
        self.now = datetime.now(UTC)
        self.month = Month.of(self.now, ZoneInfo(settings.time_zone))

    async def run(self, decider, stream: str, command) -> None:
        await self.all(Step(decider, stream, command))

    async def all(self, *steps: Step) -> None:
        meta = Meta(organization=ORGANIZATION, by="demo", frontend="office")
        await self.store.execute_all(
            steps, Request(meta=meta, key=f"demo/{steps[0].stream}/{type(steps[0].command).__name__}")
        )

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

    async def business(self) -> None:
        """Customers, their deals, and what was earned on them."""
        partner = "usr_socia"
        for name, full, phone, make, model, value, earned in DEALS:
            client, file = f"client_{name}", f"deal_{name}"
            added = customer.AddCustomer(
                customer=client, name=full, phone=phone, assigned_to=partner, email=f"{name}@example.com", now=self.now
            )
            await self.run(customer.DECIDER, customer.stream(ORGANIZATION, client), added)
            opened = deal.OpenDeal(
                deal=file,
                customer=client,
                partner=partner,
                pipeline="vehicle_financing",
                title=f"{make} {model}",
                value=value,
                vehicle_make=make,
                vehicle_model=model,
                vehicle_year=2026,
                now=self.now,
            )
            await self.run(deal.DECIDER, deal.stream(ORGANIZATION, file), opened)
            promised = commission.PromiseCommission(
                commission=f"com_{name}",
                partner=partner,
                deal=file,
                customer=client,
                amount=earned or 12_800_00,
                rate=200,
                sale=value,
                vehicle_make=make,
                vehicle_model=model,
                earned_in=self.month if earned else None,
                now=self.now,
            )
            await self.run(commission.DECIDER, commission.stream(ORGANIZATION, f"com_{name}"), promised)
        wanted = goal.SetGoal(
            goal="goal_demo",
            partner=partner,
            month=self.month,
            amount=25_000_00,
            current_month=self.month,
            now=self.now,
        )
        await self.run(goal.DECIDER, goal.stream(ORGANIZATION, partner, self.month), wanted)


def run(settings: Settings) -> bool:
    """`fill`, for the command line."""
    return asyncio.run(fill(settings))
