"""A shop with staff, products and clients; every test has one of its own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from domain import shopper
from eventstore import sign_ins
from tests.support.business import made
from tests.support.http import CHEAP_HASH, PASSWORD, Answer, Client, World

NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Buyer:
    """A client of the shop, signed in on one device."""

    shop: Shop
    id: str
    username: str
    http: Client

    @property
    def path(self) -> str:
        return f"/tienda/clientes/{self.id}"

    def get(self, path: str = "", **more: Any) -> Answer:
        return self.http.get(self.path + path, **more)

    def put(self, path: str = "", body: Any = None, **more: Any) -> Answer:
        return self.http.put(self.path + path, json=body, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return self.http.post(self.path + path, json=body, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.http.delete(self.path + path, **more)

    def save(self, *items: dict[str, Any]) -> Answer:
        """Save a cart that holds these."""
        return self.put("/carrito", {"items": list(items)})

    def another_device(self) -> Buyer:
        """The same client, signed in once more."""
        return self.shop.signed_in(self.id, self.username)


@dataclass
class Shop:
    """The shop of one test."""

    world: World
    organization: str
    office: Client
    stranger: Client
    products: dict[str, str] = field(default_factory=dict)

    def product(self, name: str = "Puerta de roble", price: float = 250, **more: Any) -> str:
        """A product of the inventory."""
        body = {"code": f"P-{next(NUMBERS)}", "name": name, "price": price, **more}
        return made(self.office, "/office/products", body)

    def buyer(self, username: str = "") -> Buyer:
        """A new client, signed in."""
        number = next(NUMBERS)
        identity, username = f"{number:024x}", username or f"lupe{number}"
        account = shopper.stream(self.organization, identity)
        registered = shopper.RegisterShopper(
            shopper=identity,
            username=username,
            name="Lupe Mora",
            card=f"V-{number}",
            email=f"{username.lower()}@example.com",
            now=self.world.now,
        )
        self.world.run(shopper.DECIDER, account, registered)
        self.world.loop.run(self._set_password(account))
        return self.signed_in(identity, username)

    async def _set_password(self, account: str) -> None:
        async with self.world.runtime.connection() as connection:
            await sign_ins.set_password(connection, account, CHEAP_HASH)

    def signed_in(self, identity: str, username: str, password: str = PASSWORD) -> Buyer:
        """A client who signs in."""
        answer = self.login(username, password)
        assert answer.status == 200, answer
        assert answer.json["cliente_id"] == identity
        token = answer.json["cliente_access_token"]
        return Buyer(self, identity, username, Client(self.world.process, {"authorization": f"Bearer {token}"}))

    def login(self, username: str, password: str = PASSWORD) -> Answer:
        """Try to sign in."""
        body = {"usuario": username, "password": password}
        return self.stranger.post("/tienda/auth/clientes/login/", json=body)

    def settings(self, **changes: Any) -> None:
        """Other settings, to the end of the test."""
        changed = msgspec.structs.replace(self.world.runtime.settings, **changes)
        self.world.patch.setattr(self.world.runtime, "settings", changed)

    def happened(self, before: int) -> list[str]:
        """The names of the events after a position."""
        return [recorded.name for recorded in self.world.events(before)]


def item(product: str, quantity: int = 1, **snapshot: Any) -> dict[str, Any]:
    """A line of a cart, as the document writes it."""
    known = {
        "_id": product,
        "codigo": "P-1",
        "nombre": "Puerta de roble",
        "descripcion": "Maciza",
        "precio": 250.5,
        "imagenes": ["https://cdn.example.com/puerta.jpg"],
    }
    return {"itemId": product, "item": {**known, **snapshot}, "cantidad": quantity}


@pytest.fixture
def shop(world: World) -> Shop:
    """A shop that nobody has bought in yet."""
    organization = world.organization("shop")
    made = Shop(world, organization, world.signed_in(world.user("manager", organization=organization)), world.visitor())
    made.settings(tienda_organization=organization)
    return made


@pytest.fixture
def buyer(shop: Shop) -> Buyer:
    """A client of the shop."""
    return shop.buyer()
