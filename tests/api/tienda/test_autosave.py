"""Saving everything in one call: one append over several streams, whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.tienda.conftest import Buyer, Shop, item

CHANGED = ("carrito_actualizado", "borradores_actualizados", "preferencias_actualizadas")


def told(answer: Any) -> tuple[bool, bool, bool]:
    """Which parts changed."""
    assert answer.status == 200, answer
    assert answer.json["message"] == "Datos auto-guardados exitosamente"
    return tuple(answer.json[name] for name in CHANGED)  # type: ignore[return-value]


def everything(door: str) -> dict[str, Any]:
    return {
        "carrito": {"items": [item(door, 2)]},
        "borradores": {
            "reclamo": {"titulo": "La puerta", "descripcion": "Llegó rota"},
            "soporte": {"asunto": "Factura", "mensaje": "No la encuentro"},
        },
        "preferencias": {"vista_activa": "carrito", "configuraciones": {"tema": "light"}},
    }


def test_everything_is_saved_in_one_append(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    before = shop.world.head
    assert told(buyer.post("/auto-guardar", everything(door))) == (True, True, True)
    assert shop.happened(before) == ["CartSaved", "DraftSaved", "DraftSaved", "PreferencesChanged"]
    requests = {recorded.meta.request for recorded in shop.world.events(before)}
    moments = {recorded.recorded_at for recorded in shop.world.events(before)}
    assert (len(requests), len(moments)) == (1, 1)
    assert buyer.get("/carrito").json["items"] == [item(door, 2)]
    assert buyer.get("/borradores").json["soporte"]["mensaje"] == "No la encuentro"
    assert buyer.get("/preferencias").json["configuraciones"] == {"notificaciones": True, "tema": "light"}


def test_only_what_changed_is_told_to_have_changed(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    body = everything(door)
    buyer.post("/auto-guardar", body)
    with shop.world.unchanged():
        assert told(buyer.post("/auto-guardar", body)) == (False, False, False)
    body["carrito"]["items"][0]["cantidad"] = 3
    assert told(buyer.post("/auto-guardar", body)) == (True, False, False)
    body["borradores"]["soporte"]["mensaje"] = "Ya la encontré"
    assert told(buyer.post("/auto-guardar", body)) == (False, True, False)
    body["preferencias"]["vista_activa"] = "inicio"
    assert told(buyer.post("/auto-guardar", body)) == (False, False, True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"carrito": None, "borradores": None, "preferencias": None},
        {"borradores": {}},
        {"borradores": {"reclamo": None, "soporte": None}},
        {"preferencias": {}},
        {"otra": 5},
    ],
)
def test_what_is_absent_or_null_is_left_alone(shop: Shop, buyer: Buyer, body: dict[str, Any]) -> None:
    door = shop.product()
    buyer.post("/auto-guardar", everything(door))
    with shop.world.unchanged():
        assert told(buyer.post("/auto-guardar", body)) == (False, False, False)
    assert buyer.get("/borradores").json["reclamo"]["titulo"] == "La puerta"


@pytest.mark.parametrize(
    "wrong",
    [
        {"carrito": {"items": [item("0" * 24)]}},
        {"carrito": {}},
        {"carrito": {"items": [{**item("x"), "cantidad": 0}]}},
        {"borradores": {"reclamo": {"titulo": 5}}},
        {"borradores": {"soporte": {"asunto": "nu\0lo"}}},
        {"preferencias": {"vista_activa": "otra"}},
        {"preferencias": {"configuraciones": {"tema": "a\0b"}}},
    ],
)
def test_one_part_that_cannot_be_saved_fails_the_whole_call(shop: Shop, buyer: Buyer, wrong: dict[str, Any]) -> None:
    door = shop.product()
    buyer.save(item(door))
    with shop.world.unchanged():
        answer = buyer.post("/auto-guardar", {**everything(door), **wrong})
        assert answer.status == 422, answer
    assert buyer.get("/carrito").json["items"] == [item(door)]
    assert buyer.get("/borradores").json["reclamo"] is None
    assert buyer.get("/preferencias").json["fecha_actualizacion"] is None


def test_of_many_at_once_each_is_whole(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    calls = [
        buyer.http.asking(
            "POST",
            f"{buyer.path}/auto-guardar",
            json={
                "carrito": {"items": [item(door, number)]},
                "borradores": {"reclamo": {"titulo": str(number)}},
            },
        )
        for number in range(1, 17)
    ]
    assert {told(answer) for answer in shop.world.at_once(*calls)} == {(True, True, False)}
    quantity = buyer.get("/carrito").json["items"][0]["cantidad"]
    assert buyer.get("/borradores").json["reclamo"]["titulo"] == str(quantity)


def test_a_retried_call_is_answered_as_the_first(shop: Shop, buyer: Buyer) -> None:
    body, key = everything(shop.product()), {"idempotency-key": "all"}
    first = buyer.post("/auto-guardar", body, headers=key)
    with shop.world.unchanged():
        again = buyer.post("/auto-guardar", body, headers=key)
    assert told(first) == told(again) == (True, True, True)
