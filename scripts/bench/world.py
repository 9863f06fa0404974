"""Logs to measure on: a million commissions counted, or a million events of everything that the product does."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain import commission, customer, deal, goal, level
from domain.commission import CommissionEarned, CommissionPaid, CommissionPromised
from domain.customer import CustomerAdded, CustomerAssigned, CustomerChanged
from domain.deal import DealActivityRecorded, DealDocumentAdded, DealOpened, DealProgressed, DealStageChanged, DealWon
from domain.goal import CommissionCounted, GoalRevised, GoalSet
from domain.level import SaleAccumulated
from domain.model import Event
from domain.values import Month
from eventstore.commit import APPEND_EVENTS, EVENTS, Commit, Part, columns
from eventstore.connect import connect_async
from eventstore.mapper import Mapper, Meta
from eventstore.sealing import Vault

ORGANIZATION = "acme"
MASTER_KEY = "5b" * 32
PARTNERS = 5_000
EVENTS_A_MONTH = 50_000
TIME_ZONE = ZoneInfo("America/Mexico_City")
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
AT_ONCE = 1_000

Happened = tuple[str, Event]
"""A stream and what happened in it."""
Step = Callable[[datetime, Month], Happened]
"""What happens next in a story, given when."""


def earnings(count: int) -> Iterator[Happened]:
    """Commissions counted towards the goals of partners, month after month, about ten for each goal."""
    chance = random.Random(1)
    for nth in range(count):
        month = _month(nth)
        partner = f"usr_{chance.randrange(PARTNERS):05}"
        yield (
            goal.stream(ORGANIZATION, partner, month),
            CommissionCounted(
                commission=f"com_{nth:08}",
                partner=partner,
                month=str(month),
                amount=chance.randrange(1_000_00, 20_000_00),
                at=BEGAN + timedelta(seconds=nth),
            ),
        )


def goals_set(count: int, partners: int) -> Iterator[Happened]:
    """Goals that partners have set: all of them for this month, then for the month before, and so on."""
    now = datetime.now(UTC)
    this = Month.of(now, TIME_ZONE)
    for nth in range(count):
        back = this.year * 12 + this.number - 1 - nth // partners
        month = Month(back // 12, back % 12 + 1)
        partner = f"usr_{nth % partners:05}"
        chosen = GoalSet(goal=f"goal_{nth:08}", partner=partner, month=str(month), amount=25_000_00, at=now)
        yield goal.stream(ORGANIZATION, partner, month), chosen


def business(count: int) -> Iterator[Happened]:
    """Customers being won, hundreds at a time, each with a deal, a commission, and a partner's goal that it moves."""
    chance = random.Random(2)
    numbers = itertools.count()
    under_way = [_journey(next(numbers), chance) for _ in range(300)]
    for nth in range(count):
        place = chance.randrange(len(under_way))
        step = next(under_way[place], None)
        if step is None:  # this customer's story is over, the next one begins
            under_way[place] = _journey(next(numbers), chance)
            step = next(under_way[place])
        yield step(BEGAN + timedelta(seconds=nth), _month(nth))


def fill(database: str, happened: Iterable[Happened]) -> int:
    """Append all of it the way the writer does, a thousand events per call. Returns how many there were."""
    return asyncio.run(_fill(database, happened))


async def _fill(database: str, happened: Iterable[Happened]) -> int:
    mapper, vault = Mapper(), Vault(MASTER_KEY)
    meta = mapper.meta(Meta(organization=ORGANIZATION, by="usr_00001", frontend="office", request="req_" + "0" * 20))
    versions: dict[str, int] = {}
    keys: dict[str, AESGCM] = {}
    total = 0
    async with await connect_async(database, "bench") as connection:
        await connection.execute("set synchronous_commit = off; set plan_cache_mode = force_generic_plan")
        for chunk in _chunks(happened, AT_ONCE):
            chunk.sort(key=itemgetter(0))  # a stream's events side by side, as the writer sends them
            new = {stream for stream, event in chunk if mapper.is_personal(event)} - keys.keys()
            keys |= await vault.make_all(connection, new)
            group: list[Commit] = []
            for stream, event in chunk:
                version = versions.get(stream, 0)
                versions[stream] = version + 1
                group.append(Commit([Part(stream, version, [mapper.record(event, keys.get(stream))])], meta))
            await connection.execute(APPEND_EVENTS, columns(group)[EVENTS], prepare=True)
            total += len(chunk)
        await connection.execute("vacuum analyze events")
    return total


def _chunks(happened: Iterable[Happened], size: int) -> Iterator[list[Happened]]:
    iterator = iter(happened)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def _month(nth: int) -> Month:
    year, number = divmod(nth // EVENTS_A_MONTH, 12)
    return Month(BEGAN.year + year, number + 1)


def _journey(number: int, chance: random.Random) -> Iterator[Step]:
    """One customer from the first call to the last payment."""
    client, file, earned = f"client_{number:07}", f"deal_{number:07}", f"com_{number:07}"
    partner = f"usr_{chance.randrange(PARTNERS):05}"
    value = chance.randrange(300_000_00, 1_500_000_00)
    make, model = chance.choice((("BMW", "Serie 4"), ("Audi", "Q3"), ("Mazda", "CX-5"), ("Nissan", "Versa")))
    of_customer, of_deal = customer.stream(ORGANIZATION, client), deal.stream(ORGANIZATION, file)
    of_commission = commission.stream(ORGANIZATION, earned)
    terms = {"commission": earned, "partner": partner, "deal": file, "customer": client, "amount": value // 50}
    terms |= {"rate": 200, "sale": value, "vehicle_make": make, "vehicle_model": model}
    about = {"deal": file, "customer": client, "partner": partner}
    stages = ("prequalification", "documentation", "approval", "financing", "delivered")

    yield lambda at, month: (
        of_customer,
        CustomerAdded(
            customer=client, name=f"Lucía Fernández {number}", email=f"lucia{number}@example.com",
            phone=f"+5255{number:08}", assigned_to=partner, at=at,
        ),
    )  # fmt: skip
    yield lambda at, month: (
        of_deal,
        DealOpened(
            **about, pipeline="vehicle_financing", stage=stages[0], title=f"{make} {model}", value=value,
            vehicle_make=make, vehicle_model=model, vehicle_year=2026, at=at,
        ),
    )  # fmt: skip
    yield lambda at, month: (of_commission, CommissionPromised(**terms, at=at))
    if number % 3 == 0:
        yield lambda at, month: (of_customer, CustomerChanged(customer=client, phone=f"+5233{number:08}", at=at))
    for place in range(1, len(stages)):
        yield lambda at, month, place=place: (
            of_deal,
            DealActivityRecorded(
                **about, activity=f"act_{number}_{place}", kind="call", note="Pidió una semana más", at=at
            ),
        )
        yield lambda at, month, place=place: (
            of_deal,
            DealDocumentAdded(**about, document=f"doc_{number}_{place}", name="INE.pdf", at=at),
        )
        yield lambda at, month, place=place: (of_deal, DealProgressed(**about, percentage=place * 25, at=at))
        yield lambda at, month, place=place: (
            of_deal,
            DealStageChanged(
                **about, pipeline="vehicle_financing", stage=stages[place], previous=stages[place - 1], at=at
            ),
        )
    yield lambda at, month: (of_deal, DealWon(**about, pipeline="vehicle_financing", value=value, at=at))
    yield lambda at, month: (of_commission, CommissionEarned(**terms, month=str(month), at=at))
    yield lambda at, month: (
        goal.stream(ORGANIZATION, partner, month),
        CommissionCounted(commission=earned, partner=partner, month=str(month), amount=value // 50, at=at),
    )
    yield lambda at, month: (
        level.stream(ORGANIZATION, partner),
        SaleAccumulated(commission=earned, partner=partner, sale=value, at=at),
    )
    if number % 4 == 0:
        choice = GoalSet if number % 8 else GoalRevised
        yield lambda at, month: (
            goal.stream(ORGANIZATION, partner, month),
            choice(goal=f"goal_{partner}", partner=partner, month=str(month), amount=25_000_00, at=at),
        )
    if number % 5 == 0:
        yield lambda at, month: (
            of_customer,
            CustomerAssigned(customer=client, assigned_to="usr_00001", previous=partner, at=at),
        )
    yield lambda at, month: (
        of_commission,
        CommissionPaid(commission=earned, partner=partner, month=str(month), amount=value // 50, at=at),
    )
