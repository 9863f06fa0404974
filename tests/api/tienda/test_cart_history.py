"""The history of a cart in the office: looked through, and put back by a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.api.tienda.conftest import Buyer, Shop, item

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)


def cart(buyer: Buyer) -> str:
    return f"/office/shoppers/{buyer.id}/cart"


def test_every_save_can_be_looked_at(shop: Shop, buyer: Buyer) -> None:
    door, window = shop.product(), shop.product()
    for minute, lines in enumerate(([item(door, 2)], [item(door, 2), item(window)], [])):
        shop.world.time_is(NOW + timedelta(minutes=minute))
        buyer.save(*lines)
    history = shop.office.get(f"{cart(buyer)}/history").json
    assert history["next"] is None
    assert [(change["version"], change["what"], change["quantities"]) for change in history["items"]] == [
        (3, "saved", {}),
        (2, "saved", {door: 2, window: 1}),
        (1, "saved", {door: 2}),
    ]
    assert history["items"][0]["at"] == "2025-10-14T18:32:00Z"
    assert history["items"][0]["by"] == buyer.id
    found = shop.office.get(f"{cart(buyer)}/versions/2").json
    assert found == {
        "shopper": buyer.id,
        "version": 2,
        "items": [
            {"item": door, "quantity": 2, "snapshot": item(door)["item"]},
            {"item": window, "quantity": 1, "snapshot": item(window)["item"]},
        ],
    }
    assert shop.office.get(cart(buyer)).json == {"shopper": buyer.id, "version": 3, "items": []}


def test_a_cart_that_was_overwritten_by_accident_is_put_back(shop: Shop, buyer: Buyer) -> None:
    door, window = shop.product(), shop.product()
    buyer.save(item(door, 2), item(window))
    buyer.save(item(door, 2), item(window, 4, precio=1))
    buyer.save()
    shop.world.time_is(NOW)
    restored = shop.office.post(f"{cart(buyer)}/restoration", json={"version": 1})
    assert restored.status == 200, restored
    assert restored.json["version"] == 4
    assert buyer.get("/carrito").json["items"] == [item(door, 2), item(window)]
    assert buyer.get("/carrito").json["fecha_actualizacion"] == "2025-10-14T18:30:00.000Z"
    newest = shop.office.get(f"{cart(buyer)}/history").json["items"][0]
    assert (newest["what"], newest["restored"], newest["version"]) == ("restored", 1, 4)
    assert newest["by"] != buyer.id
    with shop.world.unchanged():
        assert shop.office.post(f"{cart(buyer)}/restoration", json={"version": 1}).status == 200
    shop.office.post(f"{cart(buyer)}/restoration", json={"version": 2})
    assert buyer.get("/carrito").json["items"] == [item(door, 2), item(window, 4, precio=1)]
    buyer.save(item(door))
    assert shop.office.get(f"{cart(buyer)}/versions/5").json["items"][1]["quantity"] == 4


def test_what_left_the_inventory_is_restored_all_the_same(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    buyer.save(item(door))
    buyer.save()
    shop.office.delete(f"/office/products/{door}")
    assert shop.office.post(f"{cart(buyer)}/restoration", json={"version": 1}).status == 200
    assert buyer.get("/carrito").json["items_no_disponibles"] == [item(door)]


def test_the_history_comes_in_pages(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    for quantity in range(1, 8):
        buyer.save(item(door, quantity))
    found: list[int] = []
    query: dict[str, int] = {"limit": 3}
    while True:
        page = shop.office.get(f"{cart(buyer)}/history", params=query).json
        found += [change["version"] for change in page["items"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert found == [7, 6, 5, 4, 3, 2, 1]


def test_a_client_who_never_saved_has_no_history(shop: Shop, buyer: Buyer) -> None:
    assert shop.office.get(f"{cart(buyer)}/history").json == {"items": [], "next": None}
    assert shop.office.get(cart(buyer)).json == {"shopper": buyer.id, "version": 0, "items": []}


@pytest.mark.parametrize("version", [0, 2, 10**9, 10**30, -1])
def test_a_version_that_never_was_is_not_found(shop: Shop, buyer: Buyer, version: int) -> None:
    buyer.save(item(shop.product()))
    with shop.world.unchanged():
        assert shop.office.get(f"{cart(buyer)}/versions/{version}").status == 404
        assert shop.office.post(f"{cart(buyer)}/restoration", json={"version": version}).status in (400, 404)


def test_staff_look_and_managers_restore_in_their_own_shop(shop: Shop, buyer: Buyer) -> None:
    buyer.save(item(shop.product()))
    viewer = shop.world.signed_in(shop.world.user("viewer", organization=shop.organization))
    assert viewer.get(f"{cart(buyer)}/history").status == 200
    assert viewer.post(f"{cart(buyer)}/restoration", json={"version": 1}).status == 403
    other = shop.world.signed_in(shop.world.user("manager", organization=shop.world.organization("other")))
    for path in ("", "/history", "/versions/1"):
        assert other.get(cart(buyer) + path).status == 404
    assert other.post(f"{cart(buyer)}/restoration", json={"version": 1}).status == 404
    assert [found["id"] for found in shop.office.get("/office/shoppers").json["items"]] == [buyer.id]
    assert other.get("/office/shoppers").json["items"] == []


def test_an_idle_cart_is_cleared_where_the_settings_ask_for_it_and_can_be_restored(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    busy = shop.buyer()
    shop.world.time_is(NOW)
    buyer.save(item(door))
    shop.world.time_is(NOW + timedelta(days=29))
    busy.save(item(door))
    shop.world.time_is(NOW + timedelta(days=31))

    def cleared() -> list[str]:
        """Whose carts the clock clears."""
        before = shop.world.head
        shop.world.strike()
        names = (recorded.stream for recorded in shop.world.events(before) if recorded.name == "CartCleared")
        return [stream for stream in names if shop.organization in stream]

    assert cleared() == []
    clock = shop.world.house.clock
    shop.world.patch.setattr(clock, "_settings", replace(clock._settings, tienda_idle_cart_days=30))
    assert cleared() == [f"cart-{shop.organization}-{buyer.id}"]
    assert buyer.get("/carrito").status == 404
    assert busy.get("/carrito").json["items"] == [item(door)]
    assert buyer.get("/datos-dashboard").json["carrito"]["items"] == []
    assert cleared() == []
    history = shop.office.get(f"{cart(buyer)}/history").json["items"]
    assert [(change["what"], change["quantities"]) for change in history] == [("cleared", {}), ("saved", {door: 1})]
    assert history[0]["by"] == "clock:idle_carts"
    shop.office.post(f"{cart(buyer)}/restoration", json={"version": 1})
    assert buyer.get("/carrito").json["items"] == [item(door)]
