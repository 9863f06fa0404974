"""A data directory of an earlier version gets the demo data of the frontends that came since, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from scripts import demo
from tests.support.http import CHEAP, Answer, Client, House, World

PASSWORD = "otra clave 9"


def sign_in(world: World, email: str, password: str = demo.PASSWORD) -> Client:
    session = world.visitor().post("/office/auth/login", json={"email": email, "password": password})
    assert session.status == 200, session
    return world.visitor().with_headers(authorization=f"Bearer {session.json['access_token']}")


def partner(world: World, password: str) -> Answer:
    return world.visitor().post("/pazz/api/v1/auth/login", json={"email": "socia@acme.example", "password": password})


def shopper(world: World) -> Answer:
    body = {"usuario": "lupe", "password": demo.PASSWORD}
    return world.visitor().post("/tienda/auth/clientes/login", json=body)


@pytest.fixture
def old(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A database of its own, with the demo world from the time when there was only Pazz."""
    house = House(database_url, redis_url)
    world = World(house, monkeypatch)
    shop = msgspec.structs.replace(world.runtime.settings, tienda_organization=demo.ORGANIZATION)
    monkeypatch.setattr(world.runtime, "settings", shop)
    with monkeypatch.context() as then:
        then.setattr(demo, "PARTS", demo.PARTS[:1])
        then.setattr(demo, "STAFF", tuple(person for person in demo.STAFF if person[0] != "ventas"))
        assert demo.run(world.settings) is True
        assert demo.run(world.settings) is False
    world.settle()
    yield world
    house.close()


def test_what_is_missing_is_added_once(old: World) -> None:
    assert shopper(old).status == 401
    before = old.head
    assert demo.run(old.settings) is True
    old.settle()
    assert shopper(old).status == 200
    sales = {"email": "ventas@acme.example", "password": demo.PASSWORD}
    assert old.visitor().post("/scheduler/api/auth/login", json=sales).status == 200
    touched = {recorded.stream.split("-")[0] for recorded in old.events(before)}
    assert not touched & {"deal", "customer", "commission", "goal", "promotion", "organization"}
    with old.unchanged():
        assert demo.run(old.settings) is False


def test_what_somebody_changed_since_stays(old: World) -> None:
    admin = sign_in(old, "admin@acme.example")
    changed = "update credentials set password_hash = %s where account = 'user-acme-usr_socia'"
    old.house.connection.execute(changed, [CHEAP.hash(PASSWORD)])
    assert partner(old, PASSWORD).status == 200
    assert admin.post("/office/customers/client_hugo/erasure").status == 200
    assert admin.post("/office/promotions/promo_kia001/end").status == 200
    assert demo.run(old.settings) is True
    old.settle()
    assert partner(old, PASSWORD).status == 200
    assert admin.get("/office/customers/client_hugo").json["erased"] is True
    assert admin.get("/office/promotions/promo_kia001").json["status"] == "ended"


def test_what_somebody_made_themselves_is_left_to_them(old: World) -> None:
    admin = sign_in(old, "admin@acme.example")
    made = {"name": "Puerta mía", "code": "PTA-ROB-80", "price": 1}
    product = admin.post("/office/products", json=made).json["id"]
    staff = {"name": "Mi Valeria", "email": "ventas@acme.example", "password": PASSWORD, "role": "viewer"}
    assert admin.post("/office/users", json=staff).status == 201
    assert demo.run(old.settings) is True
    old.settle()
    assert admin.get(f"/office/products/{product}").json["name"] == "Puerta mía"
    codes = [item["code"] for item in admin.get("/office/products").json["items"]]
    assert len(codes) == len(set(codes)) == 8
    assert admin.get("/office/auth/me").status == 200
    sign_in(old, "ventas@acme.example", PASSWORD)
    assert shopper(old).status == 200
    with old.unchanged():
        assert demo.run(old.settings) is False
