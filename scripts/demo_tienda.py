"""The demo world as a client of Tienda sees it: a door maker's catalogue, a cart begun, a complaint half written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from api import claims, shoppers
from api.office.products import CODE
from domain import cart, draft, product, shopper, support_request
from domain.values import units
from eventstore.execute import Step

if TYPE_CHECKING:
    from scripts.demo import World

ORGANIZATION = "acme"
USERNAME = "lupe"
SHOPPER = hashlib.sha256(USERNAME.encode()).hexdigest()[:24]

PRODUCTS: tuple[tuple[str, str, str, str, int, int], ...] = (
    ("PTA-ROB-80", "Puerta de roble 80 cm", "Maciza, barnizada a mano", "Puertas", 4_850_00, 2_900_00),
    ("PTA-PIN-80", "Puerta de pino 80 cm", "Tablero entablerado, lista para pintar", "Puertas", 2_150_00, 1_200_00),
    (
        "PTA-SEG-90",
        "Puerta de seguridad 90 cm",
        "Chapa de acero, cerradura de tres puntos",
        "Puertas",
        9_900_00,
        6_100_00,
    ),
    ("PTA-COR-160", "Puerta corrediza 160 cm", "Vidrio templado, riel de aluminio", "Puertas", 7_320_50, 4_480_00),
    ("MAR-ROB-80", "Marco de roble 80 cm", "Con tapajuntas por ambos lados", "Marcos", 1_290_00, 700_00),
    ("CER-INO-01", "Cerradura de acero inoxidable", "Cilindro europeo, tres llaves", "Herrajes", 845_90, 410_00),
    ("BIS-LAT-03", "Juego de tres bisagras de latón", "Para puertas de hasta 60 kg", "Herrajes", 219_00, 95_00),
    ("MAN-NEG-02", "Manija negra mate", "Juego de dos, con rosetas", "Herrajes", 389_00, 160_00),
)
LAST = support_request.stream(ORGANIZATION, SHOPPER), support_request.SubmitSupportRequest
CHOSEN = (("PTA-ROB-80", 2), ("BIS-LAT-03", 2), ("MAN-NEG-02", 1))


def identity(code: str) -> str:
    """A product's id, the same in every demo world."""
    return hashlib.sha256(code.encode()).hexdigest()[:24]


async def fill(world: World) -> None:
    """Make the shop, and its client."""
    await products(world)
    await client(world)


async def products(world: World) -> None:
    """The catalogue."""
    for code, name, description, category, price, cost in PRODUCTS:
        stream = product.stream(ORGANIZATION, identity(code))
        added = product.AddProduct(
            product=identity(code),
            code=code,
            name=name,
            description=description,
            category=category,
            price=price,
            cost=cost,
            now=world.now,
        )
        claimed = claims.moved(world.vault, ORGANIZATION, CODE, stream, None, product.compared(code), world.now)
        await world.all(Step(product.DECIDER, stream, added), *claimed)


async def client(world: World) -> None:
    """Somebody with a cart, a draft and a request that was sent."""
    account = shopper.stream(ORGANIZATION, SHOPPER)
    registered = shopper.RegisterShopper(
        shopper=SHOPPER,
        username=USERNAME,
        name="Guadalupe Mora",
        card="MOGU850412",
        address="Av. Álvaro Obregón 151, Roma Norte, Ciudad de México",
        phone="55 1234 5678",
        email="lupe@acme.example",
        now=world.now,
    )
    claimed = [
        step
        for field in shopper.UNIQUE
        for step in shoppers.moved(
            world.vault, ORGANIZATION, account, field, None, getattr(registered, field), world.now
        )
    ]
    if await world.all(Step(shopper.DECIDER, account, registered), *claimed):
        await world.let_in(account)
    lines = tuple(cart.Line(identity(code), quantity, snapshot(code)) for code, quantity in CHOSEN)
    known = frozenset(line.item for line in lines)
    saved = cart.SaveCart(shopper=SHOPPER, lines=lines, known=known, now=world.now)
    await world.run(cart.DECIDER, cart.stream(ORGANIZATION, SHOPPER), saved)
    begun = draft.SaveDraft(
        shopper=SHOPPER,
        kind="complaint",
        title="La puerta llegó con un rayón",
        text="La recibí ayer por la tarde. El rayón está ",
        now=world.now,
    )
    await world.run(draft.DECIDER, draft.stream(ORGANIZATION, SHOPPER, "complaint"), begun)
    sent = support_request.SubmitSupportRequest(
        request=identity("request"),
        shopper=SHOPPER,
        kind="support",
        title="¿Hacen entregas los sábados?",
        text="Trabajo entre semana y no hay nadie en casa.",
        now=world.now,
    )
    await world.run(support_request.DECIDER, support_request.stream(ORGANIZATION, SHOPPER), sent)


def snapshot(code: str) -> dict[str, Any]:
    """What the client's browser knew of a product when it was put in."""
    _, name, description, category, price, cost = next(known for known in PRODUCTS if known[0] == code)
    return {
        "_id": identity(code),
        "codigo": code,
        "nombre": name,
        "descripcion": description,
        "categoria": category,
        "precio": units(price),
        "costo": units(cost),
        "imagenes": [],
        "activo": True,
    }
