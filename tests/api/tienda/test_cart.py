"""The cart: saved whole, never overwritten by accident, told apart from what the inventory has today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.cart import MAX_LINES, MAX_QUANTITY, MAX_SNAPSHOT
from tests.api.tienda.conftest import Buyer, Shop, item

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)


def test_a_client_without_a_cart_is_told_so(buyer: Buyer) -> None:
    answer = buyer.get("/carrito")
    assert (answer.status, answer.json["message"]) == (404, "Carrito no encontrado")


def test_a_saved_cart_is_found_again_on_another_device(shop: Shop, buyer: Buyer) -> None:
    shop.world.time_is(NOW)
    door, window = shop.product(), shop.product("Ventana")
    saved = buyer.save(item(door, 2), item(window, 1, acabado="mate"))
    assert saved.status == 200, saved
    found = buyer.another_device().get("/carrito")
    assert found.json == {
        "cliente_id": buyer.id,
        "items": [item(door, 2), item(window, 1, acabado="mate")],
        "items_no_disponibles": [],
        "fecha_creacion": "2025-10-14T18:30:00.000Z",
        "fecha_actualizacion": "2025-10-14T18:30:00.000Z",
    }


def test_the_answer_to_a_save_is_flat_and_nested(shop: Shop, buyer: Buyer) -> None:
    saved = buyer.save(item(shop.product())).json
    assert saved.pop("message") == "Carrito guardado exitosamente"
    assert saved.pop("carrito") == saved == buyer.get("/carrito").json


def test_a_save_replaces_the_cart_and_keeps_its_order(shop: Shop, buyer: Buyer) -> None:
    door, window, knob = shop.product(), shop.product(), shop.product()
    buyer.save(item(door), item(window), item(knob))
    assert buyer.save(item(knob, 3), item(door)).json["items"] == [item(knob, 3), item(door)]
    assert buyer.get("/carrito").json["items"] == [item(knob, 3), item(door)]
    assert buyer.save().json["items"] == []
    assert buyer.get("/carrito").json["items"] == []


def test_a_save_that_changes_nothing_leaves_no_trace(shop: Shop, buyer: Buyer) -> None:
    shop.world.time_is(NOW)
    door = shop.product()
    first = buyer.save(item(door, 2)).json
    with shop.world.unchanged():
        shop.world.time_is(NOW + timedelta(hours=1))
        assert buyer.save(item(door, 2)).json == first
        backwards = {"cantidad": 2, "item": dict(reversed(item(door)["item"].items())), "itemId": door}
        assert buyer.save(backwards).json == first


def test_only_what_is_new_goes_into_the_log(shop: Shop, buyer: Buyer) -> None:
    door, window = shop.product(), shop.product()
    buyer.save(item(door), item(window))
    before = shop.world.head
    buyer.save(item(door, 2), item(window, 1, precio=1))
    rows = shop.world.house.connection.execute("select data from events where position > %s", [before]).fetchall()
    assert len(rows) == 1
    assert rows[0][0].count(b"Puerta de roble") == 1, "the snapshot that was there is not told again"
    assert buyer.get("/carrito").json["items"] == [item(door, 2), item(window, 1, precio=1)]


def test_a_product_that_the_inventory_does_not_have_is_refused_and_nothing_is_saved(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    buyer.save(item(door))
    with shop.world.unchanged():
        for unknown in ("0" * 24, "nothing like an id", "ñandú", "'; drop table events; --", "a" * 100):
            answer = buyer.save(item(door, 2), item(unknown))
            assert answer.status == 422, answer
            assert unknown in answer.json["detail"]
            assert answer.json["message"] == answer.json["detail"]
    assert buyer.get("/carrito").json["items"] == [item(door)]


def test_a_product_of_another_shop_is_unknown(shop: Shop, buyer: Buyer) -> None:
    elsewhere = shop.world.organization("other")
    office = shop.world.signed_in(shop.world.user("manager", organization=elsewhere))
    theirs = office.post("/office/products", json={"code": "X", "name": "Ajeno", "price": 1}).json["id"]
    assert buyer.save(item(theirs)).status == 422


def test_what_left_the_inventory_is_reported_and_stays_stored(shop: Shop, buyer: Buyer) -> None:
    door, window = shop.product(), shop.product()
    buyer.save(item(door), item(window, 2))
    assert shop.office.delete(f"/office/products/{window}").json["removed"] is True
    with shop.world.unchanged():
        found = buyer.get("/carrito").json
        assert found["items"] == [item(door)]
        assert found["items_no_disponibles"] == [item(window, 2)]
        assert buyer.get("/datos-dashboard").json["carrito"] == found
    assert shop.office.post(f"/office/products/{window}/restoration").json["removed"] is False
    assert buyer.get("/carrito").json["items"] == [item(door), item(window, 2)]


def test_what_is_taken_out_of_the_catalogue_is_reported_and_may_still_be_saved(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    buyer.save(item(door))
    shop.office.patch(f"/office/products/{door}", json={"active": False})
    assert buyer.get("/carrito").json["items_no_disponibles"] == [item(door)]
    saved = buyer.save(item(door, 5))
    assert (saved.status, saved.json["items"], saved.json["items_no_disponibles"]) == (200, [], [item(door, 5)])
    shop.office.patch(f"/office/products/{door}", json={"active": True})
    assert buyer.get("/carrito").json["items"] == [item(door, 5)]


def test_a_changed_price_does_not_change_what_was_put_in(shop: Shop, buyer: Buyer) -> None:
    door = shop.product(price=250.5)
    buyer.save(item(door))
    shop.office.patch(f"/office/products/{door}", json={"price": 999, "name": "Otra"})
    assert buyer.get("/carrito").json["items"] == [item(door)]


def test_the_same_product_twice_is_one_line_with_both_quantities(shop: Shop, buyer: Buyer) -> None:
    door, window = shop.product(), shop.product()
    saved = buyer.save(item(door, 2), item(window), item(door, 3, precio=300))
    assert saved.json["items"] == [item(door, 5, precio=300), item(window)]


@pytest.mark.parametrize(
    "snapshot",
    [
        {},
        {"nombre": "Puerta «Ñandú» 门 🚪 \u202eabc\u200f", "á": {"ß": [None, True, 1.5, -0.0, 1e300, "\u0001"]}},
        {"precio": 12345678901234567, "pequeño": 1e-10, "grande": 2**70},
        {"imagenes": [f"https://cdn.example.com/{n}.jpg?X-Amz-Signature={'f' * 900}" for n in range(20)]},
        {"_id": "otro", "itemId": 5, "cantidad": "muchas"},
    ],
)
def test_a_snapshot_comes_back_as_it_was_sent(shop: Shop, buyer: Buyer, snapshot: dict[str, Any]) -> None:
    door = shop.product()
    line = {"itemId": door, "item": snapshot, "cantidad": 1}
    assert buyer.save(line).json["items"] == [line]
    assert buyer.get("/carrito").json["items"] == [line]
    with shop.world.unchanged():
        assert buyer.save(line).status == 200


def padded(product: str, size: int) -> dict[str, Any]:
    """A line whose snapshot has so many bytes."""
    return {"itemId": product, "item": {"x": "a" * (size - len('{"x":""}'))}, "cantidad": 1}


def test_a_snapshot_has_a_largest_size(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    assert buyer.save(padded(door, MAX_SNAPSHOT)).status == 200
    with shop.world.unchanged():
        answer = buyer.save(padded(door, MAX_SNAPSHOT + 1))
        assert answer.status == 422
        assert answer.json["detail"] == f"Los datos del artículo {door} ocupan más de 32768 bytes"


def test_all_snapshots_together_have_a_largest_size(shop: Shop, buyer: Buyer) -> None:
    doors = [shop.product() for _ in range(17)]
    assert buyer.save(*(padded(door, MAX_SNAPSHOT) for door in doors[:16])).status == 200
    with shop.world.unchanged():
        answer = buyer.save(*(padded(door, MAX_SNAPSHOT) for door in doors))
        assert (answer.status, answer.json["message"]) == (422, "Los datos del carrito ocupan más de 524288 bytes")


def test_a_cart_holds_two_hundred_products(shop: Shop, buyer: Buyer) -> None:
    rows = "\n".join(f"L-{number},Puerta {number},10" for number in range(MAX_LINES + 1))
    table, csv = f"code,name,price\n{rows}".encode(), {"content-type": "text/csv"}
    assert shop.office.post("/office/products/import", body=table, headers=csv).status == 200
    products = [product["_id"] for product in buyer.http.get("/tienda/inventario/all").json]
    lines = [{"itemId": product, "item": {}, "cantidad": 1} for product in products]
    assert buyer.save(*lines[:MAX_LINES]).status == 200
    with shop.world.unchanged():
        answer = buyer.save(*lines)
        assert (answer.status, answer.json["message"]) == (422, "El carrito admite 200 artículos como máximo")
    assert len(buyer.get("/carrito").json["items"]) == MAX_LINES


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "2", True, None, MAX_QUANTITY + 1, 10**30])
def test_a_quantity_is_a_whole_number_of_one_or_more(shop: Shop, buyer: Buyer, quantity: Any) -> None:
    line = {**item(shop.product()), "cantidad": quantity}
    with shop.world.unchanged():
        answer = buyer.save(line)
        assert answer.status == 422, answer
        assert answer.json["detail"][0]["loc"] == ["body", "items"]


def test_quantities_of_the_same_product_are_limited_together(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    assert buyer.save(item(door, MAX_QUANTITY)).status == 200
    assert buyer.save(item(door, MAX_QUANTITY), item(door)).status == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": None},
        {"items": {}},
        {"items": "todo"},
        {"items": [None]},
        {"items": [{}]},
        {"items": [{"itemId": "a", "cantidad": 1}]},
        {"items": [{"itemId": "a", "item": None, "cantidad": 1}]},
        {"items": [{"itemId": "a", "item": [], "cantidad": 1}]},
        {"items": [{"itemId": 5, "item": {}, "cantidad": 1}]},
        {"items": [{"itemId": "", "item": {}, "cantidad": 1}]},
        {"items": [{"itemId": "x" * 101, "item": {}, "cantidad": 1}]},
        {"items": [{"itemId": "a", "item": {}, "cantidad": 1}] * 1_001},
    ],
)
def test_a_body_of_another_shape_is_refused(shop: Shop, buyer: Buyer, body: Any) -> None:
    with shop.world.unchanged():
        answer = buyer.put("/carrito", body)
        assert answer.status == 422, answer
        assert all(set(flaw) == {"loc", "msg", "type"} for flaw in answer.json["detail"])
        assert answer.json["message"] == "Revisa los datos enviados"


@pytest.mark.parametrize("missing", ["itemId", "item", "cantidad"])
def test_what_a_line_lacks_is_named_with_its_place(shop: Shop, buyer: Buyer, missing: str) -> None:
    line = item(shop.product())
    short = {name: value for name, value in line.items() if name != missing}
    saved = buyer.save(line, short).json["detail"]
    assert saved == [{"loc": ["body", "items", "1", missing], "msg": "Es obligatorio", "type": "required"}]
    with_the_rest = buyer.post("/auto-guardar", {"carrito": {"items": [short]}}).json["detail"]
    assert [flaw["loc"] for flaw in with_the_rest] == [["body", "carrito", "items", "0", missing]]


def test_unknown_keys_are_ignored(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    answer = buyer.put("/carrito", {"items": [{**item(door), "zzz": 1}], "total": 5})
    assert (answer.status, answer.json["items"]) == (200, [item(door)])


def test_a_nul_byte_cannot_be_saved(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    with shop.world.unchanged():
        assert buyer.save(item(door, 1, nombre="a\0b")).status in (400, 422)
        assert buyer.save(item("a\0b")).status in (400, 422)


def test_a_retried_save_decides_once(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    key = {"idempotency-key": "once"}
    first = buyer.put("/carrito", {"items": [item(door, 1)]}, headers=key)
    buyer.save(item(door, 7))
    again = buyer.put("/carrito", {"items": [item(door, 1)]}, headers=key)
    assert (first.status, again.status) == (200, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert buyer.get("/carrito").json["items"] == [item(door, 7)]


def test_two_devices_that_save_at_once_are_both_in_the_history_and_the_last_one_wins(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    buyer.save()
    other = buyer.another_device()
    calls = [
        device.http.asking("PUT", f"{buyer.path}/carrito", json={"items": [item(door, quantity)]})
        for quantity, device in enumerate((buyer, other) * 10, 1)
    ]
    answers = shop.world.at_once(*calls)
    assert {answer.status for answer in answers} == {200}
    history = shop.office.get(f"/office/shoppers/{buyer.id}/cart/history").json["items"]
    saved = [change["quantities"].get(door) for change in history]
    assert sorted(saved[:-1]) == list(range(1, 21))
    assert buyer.get("/carrito").json["items"] == [item(door, saved[0])]


def test_an_empty_cart_just_after_signing_in_may_be_kept_from_replacing_one_that_holds_something(
    shop: Shop, buyer: Buyer
) -> None:
    door = shop.product()
    buyer.save(item(door))
    shop.settings(tienda_empty_cart_seconds=60)
    with shop.world.unchanged():
        saved = buyer.another_device().save()
        assert (saved.status, saved.json["items"]) == (200, [item(door)])
    shop.world.house.connection.execute("update sign_ins set created_at = created_at - interval '61 seconds'")
    assert buyer.save().json["items"] == []
    assert buyer.another_device().save(item(door)).json["items"] == [item(door)]


def test_normally_an_empty_cart_replaces_the_one_before(shop: Shop, buyer: Buyer) -> None:
    buyer.save(item(shop.product()))
    assert buyer.another_device().save().json["items"] == []


def test_an_answer_that_does_not_wait_for_the_views_shows_what_was_asked_for(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    shop.settings(view_wait_seconds=0)
    shop.world.patch.setattr("projections.carts.OF_SHOPPER", "select 1 where false and %s = %s")
    saved = buyer.save(item(door, 2), item(door, 1))
    assert (saved.status, saved.json["items"]) == (200, [item(door, 3)])
