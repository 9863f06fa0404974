"""The profile, and everything that the dashboard loads first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.tienda.conftest import Buyer, Shop, item


def test_a_profile_has_its_id_under_both_names(shop: Shop, buyer: Buyer) -> None:
    found = buyer.get().json
    assert found["_id"] == found["id"] == buyer.id
    assert found["usuario"] == buyer.username
    assert found["activo"] is True


def test_a_profile_is_corrected_and_the_rest_stays(shop: Shop, buyer: Buyer) -> None:
    before = buyer.get().json
    saved = buyer.put(
        "", {"nombre": " Guadalupe Mora ", "direccion": "Calle 5\nPiso 2", "telefono": "+58 414", "zzz": 1}
    )
    assert saved.json.pop("message") == "Perfil actualizado exitosamente"
    after = {**before, "nombre": "Guadalupe Mora", "direccion": "Calle 5\nPiso 2", "telefono": "+58 414"}
    assert {name: value for name, value in saved.json.items() if name != "message"} == after
    assert buyer.get().json == after
    with shop.world.unchanged():
        assert buyer.put("", {"nombre": "Guadalupe Mora", "cedula": None}).status == 200
    assert buyer.put("", {"direccion": "", "email": ""}).json["direccion"] is None
    assert buyer.get().json["email"] is None


def test_another_username_is_the_one_to_sign_in_with(shop: Shop, buyer: Buyer) -> None:
    assert buyer.put("", {"usuario": "Lupita"}).json["usuario"] == "Lupita"
    assert shop.login("lupita").status == 200
    assert shop.login(buyer.username).status == 401
    assert buyer.put("", {"usuario": "LUPITA"}).json["usuario"] == "LUPITA", "only the letter case changes"


@pytest.mark.parametrize("field", ["usuario", "cedula", "email"])
def test_what_another_client_has_is_taken_until_they_let_go_of_it(shop: Shop, buyer: Buyer, field: str) -> None:
    first, second = (
        shop.stranger.post(
            "/tienda/auth/clientes/register",
            json={
                "usuario": name,
                "password": "Bitacora1",
                "nombre": name,
                "cedula": f"C-{name}",
                "email": f"{name}@example.com",
            },
        ).json["cliente_id"]
        for name in ("primera", "segunda")
    )
    one, two = shop.signed_in(first, "primera"), shop.signed_in(second, "segunda")
    wanted = two.get().json[field]
    with shop.world.unchanged():
        answer = one.put("", {field: wanted.upper()})
        assert answer.status == 400
        assert "ya está registrad" in answer.json["message"]
    assert two.put("", {field: f"x{wanted}"}).status == 200
    assert one.put("", {field: wanted}).json[field] == wanted
    assert two.put("", {field: wanted}).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"nombre": ""},
        {"nombre": "x" * 201},
        {"nombre": 5},
        {"usuario": "ab"},
        {"usuario": ""},
        {"cedula": " "},
        {"email": "nadie"},
        {"telefono": "x" * 41},
        {"direccion": "a\0b"},
    ],
)
def test_what_makes_no_profile_is_refused(shop: Shop, buyer: Buyer, body: dict[str, Any]) -> None:
    with shop.world.unchanged():
        assert buyer.put("", body).status == 422


def test_the_dashboard_of_a_new_client_is_empty(buyer: Buyer) -> None:
    found = buyer.get("/datos-dashboard").json
    assert found == {
        "cliente_id": buyer.id,
        "cliente": buyer.get().json,
        "carrito": {
            "cliente_id": buyer.id,
            "items": [],
            "items_no_disponibles": [],
            "fecha_creacion": None,
            "fecha_actualizacion": None,
        },
        "borradores": {"reclamo": None, "soporte": None},
        "preferencias": buyer.get("/preferencias").json,
        "tickets": [],
    }


def test_the_dashboard_says_what_each_of_its_parts_says(shop: Shop, buyer: Buyer) -> None:
    buyer.save(item(shop.product()))
    buyer.put("/borradores/reclamo", {"titulo": "La puerta"})
    buyer.put("/preferencias", {"vista_activa": "carrito"})
    buyer.post("/soporte", {"asunto": "Hola", "mensaje": "x"})
    found = buyer.get("/datos-dashboard").json
    assert found["carrito"] == buyer.get("/carrito").json
    assert found["borradores"] == buyer.get("/borradores").json["borradores"]
    assert found["preferencias"] == buyer.get("/preferencias").json
    assert found["tickets"] == buyer.get("/soporte-reclamos").json


def test_the_catalogue_shows_what_is_active_and_has_a_price_newest_first(shop: Shop, buyer: Buyer) -> None:
    door = shop.product("Puerta", 250.5, description="Maciza", category="Puertas", cost=100, images=["a.jpg"])
    window = shop.product("Ventana", 80)
    shop.product("Muestra", 0)
    shop.product("Vieja", 10, active=False)
    shop.office.delete(f"/office/products/{shop.product('Rota', 5)}")
    found = buyer.http.get("/tienda/inventario/all").json
    assert [product["_id"] for product in found] == [window, door]
    assert {name: value for name, value in found[1].items() if name not in ("_id", "codigo")} == {
        "nombre": "Puerta",
        "descripcion": "Maciza",
        "categoria": "Puertas",
        "precio": 250.5,
        "costo": 100,
        "imagenes": ["a.jpg"],
        "activo": True,
    }


def test_an_unchanged_answer_is_not_sent_twice(shop: Shop, buyer: Buyer) -> None:
    shop.product()
    tag = buyer.http.get("/tienda/inventario/all").headers["etag"]
    assert buyer.http.get("/tienda/inventario/all", headers={"if-none-match": tag}).status == 304
