"""The demo world as a Pazz partner sees it: earnings, past goals, clients to look after, promotions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from domain import commission, customer, deal, goal, promotion
from domain.deal import Activity
from domain.promotion import MonthlyPayment
from domain.values import LevelName, Month

if TYPE_CHECKING:
    from scripts.demo import World

ORGANIZATION = "acme"
PARTNER = "usr_socia"


class Sale(msgspec.Struct, frozen=True):
    """A client's deal; what was or will be earned on it, in centavos; how many months ago it was earned."""

    name: str
    full: str
    phone: str
    make: str
    model: str
    value: int
    commission: int
    months_ago: int | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A client whose file stands still: opened so many days ago, last touched so many days ago."""

    name: str
    full: str
    phone: str
    make: str
    model: str
    value: int
    stage: str
    percentage: int
    opened: float
    touched: float
    documents: tuple[str, ...] = ()
    activity: Activity = "access"


class Offer(msgspec.Struct, frozen=True):
    """A promotion, from so many days from now to so many."""

    name: str
    title: str
    subtitle: str
    price: int
    bonus: int
    begins: float
    ends: float
    payments: tuple[tuple[int, int], ...]
    regions: tuple[str, ...] = ()
    levels: tuple[LevelName, ...] = ()


SALES = (
    Sale("pedro", "Pedro Juan Gutiérrez", "+5215598772310", "BMW", "Serie 4", 1_245_000_00, 5_000_00, 0),
    Sale("lucia", "Lucía Fernández", "+525512345678", "Audi", "Q3", 780_000_00, 8_500_00, 0),
    Sale("jorge", "Jorge Villalobos", "+525587654321", "Mazda", "CX-5", 640_000_00, 12_800_00),
    Sale("marta", "Marta Ibáñez", "+523312345670", "Audi", "A3", 700_000_00, 26_500_00, 1),
    Sale("oscar", "Óscar Peralta", "+528112345670", "Toyota", "RAV4", 650_000_00, 15_000_00, 2),
    Sale("ines", "Inés Cárdenas", "+522221234567", "Honda", "CR-V", 645_000_00, 14_500_00, 3),
)
GOALS = {0: 25_000_00, 1: 25_000_00, 2: 20_000_00, 3: 15_000_00}
"""What the partner wanted to earn in the month so many months ago."""
CLIENTS = (
    Waiting(
        "carmen", "Carmen Ruiz", "+5215544332211", "BMW", "X1", 895_000_00, "prequalification", 45, 4, 3.2, ("INE",)
    ),
    Waiting("hugo", "Hugo Salas", "+525511223344", "Nissan", "Versa", 389_000_00, "prequalification", 20, 2.5, 0.5),
    Waiting(
        "raul", "Raúl Mendoza", "+525566778899", "Kia", "Sportage", 472_000_00, "documentation", 60, 5, 4,
        ("INE", "Comprobante de domicilio"), "call",
    ),
    Waiting(
        "elena", "Elena Torres", "+528187654321", "Audi", "Q5", 1_190_000_00, "approval", 80, 20, 8,
        ("INE", "Comprobante de domicilio", "Estados de cuenta"), "message",
    ),
)  # fmt: skip
OFFERS = (
    Offer(
        "bmw001", "BMW Serie 4", "Gran Coupé 2026", 1_245_000_00, 100_000_00, -3, 25,
        ((48, 45_000_00), (36, 47_120_00), (24, 49_785_00)),
    ),
    Offer("mazda001", "Mazda CX-5", "Signature 2026", 640_000_00, 35_000_00, 6, 40, ((48, 16_900_00), (36, 19_800_00))),
    Offer("audi001", "Audi Q5", "Para niveles Master y Legend", 1_190_000_00, 80_000_00, -1, 20, ((48, 41_500_00),),
          levels=("master", "legend")),
    Offer("kia001", "Kia Sportage", "Sólo región norte", 472_000_00, 25_000_00, -1, 15, ((48, 12_900_00),),
          regions=("norte",)),
)  # fmt: skip


LAST = promotion.stream(ORGANIZATION, "promo_kia001"), promotion.AnnouncePromotion


async def fill(world: World) -> None:
    """Everything that the dashboard of the demo partner shows."""
    for sale in SALES:
        await _sale(world, sale)
    for months_ago, amount in GOALS.items():
        await _goal(world, months_ago, amount)
    for client in CLIENTS:
        await _client(world, client)
    for offer in OFFERS:
        await _offer(world, offer)


def _back(world: World, months: int) -> tuple[Month, datetime]:
    """A month so many months ago and a moment in it, for the first of them now."""
    month = world.month
    for _ in range(months):
        month = month.previous()
    return month, world.now if not months else datetime(month.year, month.number, 15, 18, tzinfo=world.now.tzinfo)


async def _sale(world: World, sale: Sale) -> None:
    month, moment = _back(world, sale.months_ago or 0)
    await _open(world, sale, None, moment)
    promised = commission.PromiseCommission(
        commission=f"com_{sale.name}",
        partner=PARTNER,
        deal=f"deal_{sale.name}",
        customer=f"client_{sale.name}",
        amount=sale.commission,
        rate=200,
        sale=sale.value,
        vehicle_make=sale.make,
        vehicle_model=sale.model,
        earned_in=None if sale.months_ago is None else month,
        now=moment,
    )
    stream = commission.stream(ORGANIZATION, f"com_{sale.name}")
    await world.run(commission.DECIDER, stream, promised)
    if sale.months_ago:
        paid = commission.PayCommission(commission=f"com_{sale.name}", now=moment + timedelta(days=10))
        await world.run(commission.DECIDER, stream, paid)
        won = deal.WinDeal(deal=f"deal_{sale.name}", now=moment)
        await world.run(deal.DECIDER, deal.stream(ORGANIZATION, f"deal_{sale.name}"), won)


async def _goal(world: World, months_ago: int, amount: int) -> None:
    month, moment = _back(world, months_ago)
    identity = "goal_demo" if not months_ago else f"goal_demo{months_ago}"
    wanted = goal.SetGoal(goal=identity, partner=PARTNER, month=month, amount=amount, current_month=month, now=moment)
    await world.run(goal.DECIDER, goal.stream(ORGANIZATION, PARTNER, month), wanted)


async def _client(world: World, client: Waiting) -> None:
    opened, touched = (world.now - timedelta(days=days) for days in (client.opened, client.touched))
    await _open(world, client, client.stage, opened)
    file, stream = f"deal_{client.name}", deal.stream(ORGANIZATION, f"deal_{client.name}")
    for number, name in enumerate(client.documents):
        added = deal.AddDealDocument(deal=file, document=f"doc_{client.name}{number}", name=name, now=opened)
        await world.run(deal.DECIDER, stream, added, which=str(number))
    progressed = deal.ProgressDeal(deal=file, percentage=client.percentage, now=touched)
    await world.run(deal.DECIDER, stream, progressed)
    happened = deal.RecordDealActivity(deal=file, activity=f"act_{client.name}", kind=client.activity, now=touched)
    await world.run(deal.DECIDER, stream, happened)


async def _open(world: World, who: Sale | Waiting, stage: str | None, moment: datetime) -> None:
    client, file = f"client_{who.name}", f"deal_{who.name}"
    email = f"{who.name}@example.com"
    added = customer.AddCustomer(
        customer=client, name=who.full, phone=who.phone, assigned_to=PARTNER, email=email, now=moment
    )
    await world.run(customer.DECIDER, customer.stream(ORGANIZATION, client), added)
    opened = deal.OpenDeal(
        deal=file,
        customer=client,
        partner=PARTNER,
        pipeline="vehicle_financing",
        stage=stage,
        title=f"{who.make} {who.model}",
        value=who.value,
        vehicle_make=who.make,
        vehicle_model=who.model,
        vehicle_year=2026,
        now=moment,
    )
    await world.run(deal.DECIDER, deal.stream(ORGANIZATION, file), opened)


async def _offer(world: World, offer: Offer) -> None:
    announced = promotion.AnnouncePromotion(
        promotion=f"promo_{offer.name}",
        title=offer.title,
        subtitle=offer.subtitle,
        image_url=f"https://cdn.pazz.example/promotions/{offer.name}.jpg",
        bonus_amount=offer.bonus,
        original_price=offer.price,
        final_price=offer.price - offer.bonus,
        valid_from=world.now + timedelta(days=offer.begins),
        valid_to=world.now + timedelta(days=offer.ends),
        monthly_payments=tuple(MonthlyPayment(months=months, amount=amount) for months, amount in offer.payments),
        terms_url=f"https://pazz.example/terms/promo_{offer.name}",
        regions=offer.regions,
        levels=offer.levels,
        now=world.now,
    )
    await world.run(promotion.DECIDER, promotion.stream(ORGANIZATION, f"promo_{offer.name}"), announced)
