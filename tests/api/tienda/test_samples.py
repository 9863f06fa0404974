"""The JSON of the Tienda document, sent and received as the document writes it."""

from __future__ import annotations

import re
from typing import Any

from tests.api.tienda.conftest import Buyer, Shop

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def is_like(found: Any, sample: Any) -> bool:
    """Whether an answer has the sample's keys and types; what the sample does not name may be there too. In a sample,
    `str` stands for any text, `ISO` for a moment, `[x]` for a list of such."""
    if sample is ISO:
        return isinstance(found, str) and ISO.fullmatch(found) is not None
    if isinstance(sample, type):
        return type(found) is sample or (sample is float and type(found) is int)
    if isinstance(sample, dict):
        return isinstance(found, dict) and all(name in found and is_like(found[name], sample[name]) for name in sample)
    if isinstance(sample, list):
        return isinstance(found, list) and all(is_like(one, sample[0]) for one in found)
    return found == sample


ITEM = {
    "itemId": str,
    "item": {"_id": str, "codigo": str, "nombre": str, "descripcion": str, "precio": float, "imagenes": [str]},
    "cantidad": int,
}
CART = {"cliente_id": str, "items": [ITEM], "fecha_actualizacion": ISO}


def sent(shop: Shop) -> dict[str, Any]:
    """The body of section 1, with a product of this shop."""
    product = shop.product()
    return {
        "items": [
            {
                "itemId": product,
                "item": {
                    "_id": product,
                    "codigo": "string",
                    "nombre": "string",
                    "descripcion": "string",
                    "precio": 10.5,
                    "imagenes": ["string"],
                },
                "cantidad": 1,
            }
        ]
    }


def test_section_1_the_cart(shop: Shop, buyer: Buyer) -> None:
    none = buyer.get("/carrito")
    assert none.status == 404
    assert is_like(none.json, {"message": "Carrito no encontrado"})
    body = sent(shop)
    saved = buyer.put("/carrito", body)
    assert saved.status == 200
    assert is_like(saved.json, {"message": "Carrito guardado exitosamente", **CART})
    assert saved.json["items"] == body["items"]
    found = buyer.get("/carrito")
    assert found.status == 200
    assert is_like(found.json, CART)
    assert (found.json["cliente_id"], found.json["items"]) == (buyer.id, body["items"])


def test_section_2_the_drafts(buyer: Buyer) -> None:
    complaint, message = {"titulo": "string", "descripcion": "string"}, {"asunto": "string", "mensaje": "string"}
    assert is_like(buyer.get("/borradores").json, {"reclamo": None, "soporte": None})
    for kind, body in (("reclamo", complaint), ("soporte", message)):
        saved = buyer.put(f"/borradores/{kind}", body)
        assert saved.status == 200
        assert is_like(
            saved.json, {"message": "Borrador guardado exitosamente", "tipo": kind, "fecha_actualizacion": ISO}
        )
        assert is_like(buyer.get("/borradores").json, {kind: {**body, "fecha_actualizacion": ISO}})
    for kind in ("reclamo", "soporte"):
        discarded = buyer.delete(f"/borradores/{kind}")
        assert (discarded.status, discarded.json) == (200, {"message": "Borrador eliminado exitosamente"})


def test_section_3_the_preferences(buyer: Buyer) -> None:
    body = {"vista_activa": "catalogo", "configuraciones": {"notificaciones": True, "tema": "dark"}}
    saved = buyer.put("/preferencias", body)
    assert saved.status == 200
    assert is_like(saved.json, {"message": "Preferencias guardadas exitosamente", **body, "fecha_actualizacion": ISO})
    assert is_like(buyer.get("/preferencias").json, {**body, "fecha_actualizacion": ISO})


def test_section_4_what_is_sent_removes_its_draft(buyer: Buyer) -> None:
    buyer.put("/borradores/reclamo", {"titulo": "string", "descripcion": "string"})
    assert buyer.http.post("/tienda/reclamos", json={"titulo": "string", "descripcion": "string"}).status == 200
    assert buyer.get("/borradores").json["reclamo"] is None


def test_section_5_the_protection(shop: Shop, buyer: Buyer) -> None:
    for path in ("/carrito", "/borradores", "/preferencias"):
        assert shop.stranger.get(buyer.path + path).status == 401
        assert shop.buyer().http.get(buyer.path + path).status == 403


def test_section_6_saving_everything(shop: Shop, buyer: Buyer) -> None:
    body = {
        "carrito": sent(shop),
        "borradores": {
            "reclamo": {"titulo": "string", "descripcion": "string"},
            "soporte": {"asunto": "string", "mensaje": "string"},
        },
        "preferencias": {"vista_activa": "carrito", "configuraciones": {"notificaciones": False, "tema": "light"}},
    }
    said = {"message": "Datos auto-guardados exitosamente"}
    changed = ("carrito_actualizado", "borradores_actualizados", "preferencias_actualizadas")
    assert buyer.post("/auto-guardar", body).json == {**said, **dict.fromkeys(changed, True)}
    nothing = {"carrito": None, "borradores": None, "preferencias": None}
    assert buyer.post("/auto-guardar", nothing).json == {**said, **dict.fromkeys(changed, False)}


def test_section_9_the_whole_flow(shop: Shop) -> None:
    first = shop.buyer("lupe")
    loaded = [first.get(path) for path in ("/carrito", "/borradores", "/preferencias")]
    assert [answer.status for answer in loaded] == [404, 200, 200]
    assert first.put("/carrito", sent(shop)).status == 200
    assert first.put("/borradores/reclamo", {"titulo": "...", "descripcion": "..."}).status == 200
    assert first.http.post("/tienda/reclamos", json={"titulo": "...", "descripcion": "..."}).status == 200
    assert first.http.post("/tienda/auth/clientes/logout/").status == 200
    login = shop.login("lupe")
    assert is_like(login.json, {"cliente_id": first.id, "access_token": str})
    again = shop.signed_in(first.id, "lupe")
    assert len(again.get("/carrito").json["items"]) == 1
    assert again.get("/borradores").json["reclamo"] is None
