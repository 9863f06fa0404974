"""Complaints and messages to support: sent, and their drafts gone in the same append."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.support_request import MAX_TEXT, MAX_TITLE
from tests.api.tienda.conftest import Buyer, Shop

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)
WHEN = "2025-10-14T18:30:00.000Z"
COMPLAINT = {"titulo": "La puerta", "descripcion": "Llegó rota\ny tarde"}
MESSAGE = {"asunto": "Factura", "mensaje": "No la encuentro"}


def test_a_complaint_is_sent_and_shown(shop: Shop, buyer: Buyer) -> None:
    shop.world.time_is(NOW)
    answer = buyer.post("/reclamo", {**COMPLAINT, "pedido_id": "ped_1", "archivos": ["https://a/b.jpg", {"n": 1}]})
    assert answer.status == 200, answer
    ticket = answer.json["ticket"]
    assert answer.json["message"] == "Reclamo enviado exitosamente"
    assert ticket.pop("_id") == ticket["id"]
    assert len(ticket.pop("id")) == 24
    assert ticket == {
        "cliente_id": buyer.id,
        "tipo": "reclamo",
        "estado": "pendiente",
        "titulo": "La puerta",
        "descripcion": "Llegó rota\ny tarde",
        "asunto": "La puerta",
        "mensaje": "Llegó rota\ny tarde",
        "pedido_id": "ped_1",
        "archivos": ["https://a/b.jpg", {"n": 1}],
        "datos_adicionales": None,
        "fecha_creacion": WHEN,
        "fecha_actualizacion": WHEN,
    }
    assert buyer.get("/soporte-reclamos").json == [answer.json["ticket"]]
    assert buyer.get("/datos-dashboard").json["tickets"] == [answer.json["ticket"]]


@pytest.mark.parametrize(
    ("path", "kind", "draft", "names"),
    [
        ("/reclamo", "reclamo", "reclamo", ("titulo", "descripcion")),
        ("/soporte", "soporte", "soporte", ("asunto", "mensaje")),
        ("/reclamo", "reclamo", "reclamo", ("asunto", "mensaje")),
        ("/soporte", "soporte", "soporte", ("titulo", "descripcion")),
    ],
)
@pytest.mark.parametrize("short", [False, True])
def test_sending_discards_the_draft_in_the_same_append(
    shop: Shop, buyer: Buyer, path: str, kind: str, draft: str, names: tuple[str, str], short: bool
) -> None:
    buyer.put("/borradores/reclamo", COMPLAINT)
    buyer.put("/borradores/soporte", MESSAGE)
    before = shop.world.head
    body = dict(zip(names, ("Hola", "Ayuda"), strict=True))
    aliases = {"/reclamo": "/tienda/reclamos", "/soporte": "/tienda/soporte"}
    answer = buyer.http.post(aliases[path], json=body) if short else buyer.post(path, body)
    assert answer.status == 200, answer
    ticket = answer.json["ticket"]
    assert (ticket["tipo"], ticket["titulo"], ticket["mensaje"]) == (kind, "Hola", "Ayuda")
    assert ticket["cliente_id"] == buyer.id
    assert shop.happened(before) == ["SupportRequestSubmitted", "DraftDiscarded"]
    assert len({recorded.recorded_at for recorded in shop.world.events(before)}) == 1
    found = buyer.get("/borradores").json
    assert found[draft] is None
    assert found[{"reclamo": "soporte", "soporte": "reclamo"}[draft]] is not None


def test_what_cannot_be_sent_leaves_the_draft(shop: Shop, buyer: Buyer) -> None:
    buyer.put("/borradores/reclamo", COMPLAINT)
    with shop.world.unchanged():
        assert buyer.post("/reclamo", {"titulo": "La puerta"}).status == 422
    assert buyer.get("/borradores").json["reclamo"]["titulo"] == "La puerta"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"titulo": "x"},
        {"descripcion": "x"},
        {"titulo": "  ", "descripcion": "x"},
        {"titulo": "x", "descripcion": "\n"},
        {"titulo": 5, "descripcion": "x"},
        {"titulo": "a\0b", "descripcion": "x"},
        {"titulo": "x" * (MAX_TITLE + 1), "descripcion": "x"},
        {"titulo": "x", "descripcion": "x" * (MAX_TEXT + 1)},
        {**COMPLAINT, "archivos": "x"},
        {**COMPLAINT, "archivos": [5]},
        {**COMPLAINT, "archivos": ["x" * 16_400]},
        {**COMPLAINT, "datos_adicionales": {"x": "y" * 16_400}},
        {**COMPLAINT, "datos_adicionales": []},
        {**COMPLAINT, "pedido_id": "x" * 101},
    ],
)
def test_what_is_no_request_is_refused(shop: Shop, buyer: Buyer, body: dict[str, Any]) -> None:
    with shop.world.unchanged():
        answer = buyer.post("/reclamo", body)
        assert answer.status == 422, answer


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/reclamo", {}, "titulo"),
        ("/reclamo", {"titulo": "x"}, "descripcion"),
        ("/reclamo", {"asunto": "x", "mensaje": " "}, "mensaje"),
        ("/soporte", {}, "asunto"),
        ("/soporte", {"asunto": " ", "mensaje": "x"}, "asunto"),
        ("/soporte", {"asunto": "x"}, "mensaje"),
        ("/soporte", {"titulo": "", "descripcion": "x"}, "titulo"),
    ],
)
def test_what_is_empty_is_named_as_the_client_named_it(
    shop: Shop, buyer: Buyer, path: str, body: dict[str, Any], field: str
) -> None:
    told = f"El campo {field} no puede estar vacío"
    assert buyer.post(path, body).json == {"message": told, "detail": told}


def test_what_cannot_be_printed_is_named_as_the_client_named_it(shop: Shop, buyer: Buyer) -> None:
    for field, body in {
        "asunto": {"asunto": "a\0", "mensaje": "x"},
        "mensaje": {"asunto": "x", "mensaje": "\0"},
    }.items():
        assert buyer.post("/soporte", body).json["detail"] == f"El campo {field} contiene caracteres no permitidos"


def test_requests_are_shown_newest_first_to_nobody_else(shop: Shop, buyer: Buyer) -> None:
    for number in range(3):
        shop.world.time_is(NOW + timedelta(minutes=number))
        buyer.post("/soporte", {"asunto": f"Número {number}", "mensaje": "x", "datos_adicionales": {"n": number}})
    found = buyer.get("/soporte-reclamos").json
    assert [ticket["datos_adicionales"]["n"] for ticket in found] == [2, 1, 0]
    assert shop.buyer().get("/soporte-reclamos").json == []


def test_a_retried_request_is_sent_once(shop: Shop, buyer: Buyer) -> None:
    key = {"idempotency-key": "one complaint"}
    first, again = (buyer.post("/reclamo", COMPLAINT, headers=key) for _ in range(2))
    assert first.json == again.json
    assert len(buyer.get("/soporte-reclamos").json) == 1


def test_staff_work_through_the_requests_and_the_client_sees_it(shop: Shop, buyer: Buyer) -> None:
    ticket = buyer.post("/reclamo", {**COMPLAINT, "datos_adicionales": {"a": [1]}}).json["ticket"]
    pending = shop.office.get("/office/support-requests").json
    assert [(request["id"], request["title"], request["extra"]) for request in pending] == [
        (ticket["id"], "La puerta", {"a": [1]})
    ]
    path = f"/office/support-requests/{ticket['id']}/status"
    for status, shown in (("in_progress", "en_proceso"), ("resolved", "resuelto"), ("pending", "pendiente")):
        assert shop.office.post(path, json={"status": status}).json["status"] == status
        assert buyer.get("/soporte-reclamos").json[0]["estado"] == shown
        assert len(shop.office.get("/office/support-requests", params={"status": status}).json) == 1
        with shop.world.unchanged():
            assert shop.office.post(path, json={"status": status}).status == 200
    assert shop.office.post(path, json={"status": "lost"}).status == 400
    elsewhere = shop.world.organization("other")
    other = shop.world.signed_in(shop.world.user("manager", organization=elsewhere))
    assert other.post(path, json={"status": "resolved"}).status == 404
    assert other.get("/office/support-requests").json == []
