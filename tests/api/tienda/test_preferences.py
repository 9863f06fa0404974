"""Preferences: merged, with what everybody begins with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from api.tienda.preferences import Vista
from tests.api.tienda.conftest import Buyer, Shop

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)
WHEN = "2025-10-14T18:30:00.000Z"


def test_everybody_begins_with_the_same(buyer: Buyer) -> None:
    assert buyer.get("/preferencias").json == {
        "vista_activa": "inicio",
        "configuraciones": {"notificaciones": True, "tema": "dark"},
        "fecha_actualizacion": None,
    }


def test_what_a_save_does_not_mention_stays(shop: Shop, buyer: Buyer) -> None:
    shop.world.time_is(NOW)
    buyer.put("/preferencias", {"configuraciones": {"notificaciones": False, "tema": "light"}})
    saved = buyer.put("/preferencias", {"vista_activa": "mis-pedidos"}).json
    assert saved == {
        "message": "Preferencias guardadas exitosamente",
        "vista_activa": "mis-pedidos",
        "configuraciones": {"notificaciones": False, "tema": "light"},
        "fecha_actualizacion": WHEN,
    }
    buyer.put("/preferencias", {"configuraciones": {"tema": "sepia 📜"}})
    buyer.put("/preferencias", {"vista_activa": None, "configuraciones": None})
    buyer.put("/preferencias", {"configuraciones": {"tema": None, "notificaciones": None, "otra": 5}})
    assert buyer.another_device().get("/preferencias").json == {
        "vista_activa": "mis-pedidos",
        "configuraciones": {"notificaciones": False, "tema": "sepia 📜"},
        "fecha_actualizacion": WHEN,
    }


@pytest.mark.parametrize("view", get_args(Vista))
def test_every_view_of_the_document_can_be_open(buyer: Buyer, view: str) -> None:
    assert buyer.put("/preferencias", {"vista_activa": view}).json["vista_activa"] == view
    assert buyer.get("/preferencias").json["vista_activa"] == view


def test_a_save_that_changes_nothing_leaves_no_trace(shop: Shop, buyer: Buyer) -> None:
    with shop.world.unchanged():
        assert buyer.put("/preferencias", {}).json["fecha_actualizacion"] is None
        buyer.put("/preferencias", {"vista_activa": None, "configuraciones": {"tema": None}})
    shop.world.time_is(NOW)
    buyer.put("/preferencias", {"vista_activa": "carrito"})
    with shop.world.unchanged():
        shop.world.time_is(NOW + timedelta(hours=1))
        assert buyer.put("/preferencias", {"vista_activa": "carrito"}).json["fecha_actualizacion"] == WHEN


@pytest.mark.parametrize(
    "body",
    [{"vista_activa": "inicio"}, {"configuraciones": {"notificaciones": True}}, {"configuraciones": {"tema": "dark"}}],
)
def test_choosing_what_everybody_begins_with_is_a_choice(shop: Shop, buyer: Buyer, body: dict[str, Any]) -> None:
    shop.world.time_is(NOW)
    assert buyer.put("/preferencias", body).json["fecha_actualizacion"] == WHEN
    with shop.world.unchanged():
        shop.world.time_is(NOW + timedelta(hours=1))
        assert buyer.put("/preferencias", body).json["fecha_actualizacion"] == WHEN
    assert buyer.get("/preferencias").json["fecha_actualizacion"] == WHEN


@pytest.mark.parametrize(
    "body",
    [
        {"vista_activa": "otra"},
        {"vista_activa": ""},
        {"vista_activa": 5},
        {"configuraciones": []},
        {"configuraciones": {"notificaciones": "sí"}},
        {"configuraciones": {"notificaciones": 1}},
        {"configuraciones": {"tema": ""}},
        {"configuraciones": {"tema": "x" * 33}},
        {"configuraciones": {"tema": "a\0b"}},
    ],
)
def test_what_is_no_choice_is_refused(shop: Shop, buyer: Buyer, body: dict[str, Any]) -> None:
    with shop.world.unchanged():
        assert buyer.put("/preferencias", body).status == 422
