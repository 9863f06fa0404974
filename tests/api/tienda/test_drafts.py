"""Drafts of complaints and of messages to support."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.draft import MAX_TEXT, MAX_TITLE
from tests.api.tienda.conftest import Buyer, Shop

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)
WHEN = "2025-10-14T18:30:00.000Z"


def drafts(buyer: Buyer) -> Any:
    answer = buyer.get("/borradores")
    assert answer.status == 200, answer
    body = answer.json
    assert body.pop("borradores") == body
    return body


def test_in_the_beginning_there_are_none(buyer: Buyer) -> None:
    assert drafts(buyer) == {"reclamo": None, "soporte": None}


def test_what_was_begun_is_found_again(shop: Shop, buyer: Buyer) -> None:
    shop.world.time_is(NOW)
    saved = buyer.put("/borradores/reclamo", {"titulo": "La puerta", "descripcion": "Llegó rota"})
    assert saved.json == {
        "message": "Borrador guardado exitosamente",
        "tipo": "reclamo",
        "fecha_actualizacion": WHEN,
    }
    buyer.put("/borradores/soporte", {"asunto": "Factura", "mensaje": "No la encuentro"})
    assert drafts(buyer.another_device()) == {
        "reclamo": {"titulo": "La puerta", "descripcion": "Llegó rota", "fecha_actualizacion": WHEN},
        "soporte": {"asunto": "Factura", "mensaje": "No la encuentro", "fecha_actualizacion": WHEN},
    }


def test_what_a_save_does_not_mention_stays(buyer: Buyer) -> None:
    buyer.put("/borradores/soporte", {"asunto": "Factura", "mensaje": "No la encuentro"})
    buyer.put("/borradores/soporte", {"mensaje": "Ya la encontré"})
    buyer.put("/borradores/soporte", {"asunto": None, "zzz": 5})
    found = drafts(buyer)["soporte"]
    assert (found["asunto"], found["mensaje"]) == ("Factura", "Ya la encontré")


@pytest.mark.parametrize(
    "text",
    ["Con un espacio al final ", "línea\r\notra\tlínea\n", "", "   ", "<script>alert(1)</script>", "👩‍🔧 مرحبا á ß"],
)
def test_a_draft_is_kept_letter_by_letter(shop: Shop, buyer: Buyer, text: str) -> None:
    buyer.put("/borradores/reclamo", {"titulo": text, "descripcion": text})
    found = drafts(buyer)["reclamo"]
    assert (found["titulo"], found["descripcion"]) == (text, text)
    with shop.world.unchanged():
        buyer.put("/borradores/reclamo", {"titulo": text, "descripcion": text})


def test_a_save_that_changes_nothing_leaves_no_trace(shop: Shop, buyer: Buyer) -> None:
    shop.world.time_is(NOW)
    buyer.put("/borradores/reclamo", {"titulo": "La puerta"})
    with shop.world.unchanged():
        shop.world.time_is(NOW + timedelta(hours=1))
        assert buyer.put("/borradores/reclamo", {"titulo": "La puerta"}).json["fecha_actualizacion"] == WHEN


def test_a_draft_is_discarded_and_discarding_it_again_changes_nothing(shop: Shop, buyer: Buyer) -> None:
    buyer.put("/borradores/reclamo", {"titulo": "La puerta"})
    buyer.put("/borradores/soporte", {"asunto": "Factura"})
    assert buyer.delete("/borradores/reclamo").json == {"message": "Borrador eliminado exitosamente"}
    assert drafts(buyer)["reclamo"] is None
    assert drafts(buyer)["soporte"] is not None
    with shop.world.unchanged():
        assert buyer.delete("/borradores/reclamo").status == 200


@pytest.mark.parametrize("kind", ["RECLAMO", "reclamos", "otro", "null", "%20", "claim", "complaint"])
def test_there_are_two_kinds_of_draft(shop: Shop, buyer: Buyer, kind: str) -> None:
    with shop.world.unchanged():
        for answer in (buyer.put(f"/borradores/{kind}", {"titulo": "x"}), buyer.delete(f"/borradores/{kind}")):
            assert (answer.status, answer.json["message"]) == (400, "El tipo debe ser reclamo o soporte")


@pytest.mark.parametrize(
    "body",
    [
        {"titulo": 5},
        {"titulo": ["x"]},
        {"descripcion": {"a": 1}},
        {"titulo": "x" * (MAX_TITLE + 1)},
        {"descripcion": "x" * (MAX_TEXT + 1)},
        {"titulo": "nu\0lo"},
    ],
)
def test_what_is_no_text_of_its_length_is_refused(shop: Shop, buyer: Buyer, body: dict[str, Any]) -> None:
    with shop.world.unchanged():
        assert buyer.put("/borradores/reclamo", body).status == 422


def test_the_longest_draft_fits(buyer: Buyer) -> None:
    body = {"titulo": "ñ" * MAX_TITLE, "descripcion": "م" * MAX_TEXT}
    assert buyer.put("/borradores/reclamo", body).status == 200
    assert drafts(buyer)["reclamo"]["descripcion"] == "م" * MAX_TEXT


def test_what_somebody_writes_is_sealed_in_the_log(shop: Shop, buyer: Buyer) -> None:
    before = shop.world.head
    buyer.put("/borradores/soporte", {"asunto": "Mi dirección", "mensaje": "Calle 5"})
    rows = shop.world.house.connection.execute("select data from events where position > %s", [before]).fetchall()
    assert not any(b"Calle 5" in data or "dirección".encode() in data for (data,) in rows)
