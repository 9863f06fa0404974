"""One client with everything that happened, for the partner who looks after them."""

from __future__ import annotations

from tests.api.pazz.conftest import Broker


def test_the_timeline_tells_in_spanish_what_happened_oldest_first(broker: Broker) -> None:
    customer = broker.customer()
    file = broker.file(customer)
    for what, body in [
        ("documents", {"name": "INE"}),
        ("activities", {"kind": "access"}),
        ("activities", {"kind": "call", "note": "Llamó por la tarde"}),
        ("progress", {"percentage": 60}),
        ("stage", {"stage": "documentation"}),
        ("documents", {"name": "Comprobante de domicilio"}),
        ("stage", {"stage": "approval"}),
        ("stage", {"stage": "financing"}),
        ("stage", {"stage": "delivered"}),
    ]:
        broker.later(hours=1)
        broker.tell(file, what, **body)
    found = broker.get(f"clients/{customer}")
    assert [(line["event"], line["description"], line["timestamp"][11:]) for line in found["timeline"]] == [
        ("prequalification_started", "Inició precalificación", "18:30:00Z"),
        ("document_uploaded", "Subió INE", "19:30:00Z"),
        ("call_made", "Se realizó una llamada", "21:30:00Z"),
        ("documentation_started", "Inició documentación", "23:30:00Z"),
        ("document_uploaded", "Subió Comprobante de domicilio", "00:30:00Z"),
        ("approval_started", "Pasó a aprobación", "01:30:00Z"),
        ("financing_started", "Pasó a financiamiento", "02:30:00Z"),
        ("vehicle_delivered", "Recibió su unidad", "03:30:00Z"),
    ]
    assert (found["status"], found["statusLabel"], found["progressPercentage"]) == ("delivered", "Unidad entregada", 60)


def test_a_file_that_was_given_up_says_so(broker: Broker) -> None:
    customer = broker.customer()
    broker.tell(broker.file(customer), "loss", reason="Compró otro")
    assert broker.get(f"clients/{customer}")["timeline"][-1]["description"] == "Se cerró el expediente"


def test_a_client_without_a_file_is_shown_before_the_first_step(broker: Broker) -> None:
    customer = broker.customer(email="pedro@example.com")
    assert broker.get(f"clients/{customer}") == {
        "id": customer,
        "name": "Pedro Juan Gutiérrez González",
        "email": "pedro@example.com",
        "phone": None,
        "status": "prequalification",
        "statusLabel": "Precalificación sin concluir",
        "startedAt": "2025-10-14T18:30:00Z",
        "lastAccessed": "2025-10-14T18:30:00Z",
        "progressPercentage": 0,
        "timeline": [],
        "vehicleInterest": None,
        "assignedPartner": {"id": broker.ana.id, "name": "Ana López"},
    }


def test_deals_of_other_pipelines_are_not_the_clients_file(broker: Broker) -> None:
    customer = broker.customer()
    sale = broker.file(customer, pipeline="sales", stage=None)
    broker.tell(sale, "documents", name="Oferta")
    found = broker.get(f"clients/{customer}")
    assert (found["timeline"], found["vehicleInterest"]) == ([], None)
    broker.later(days=30)
    assert broker.attention()["clients"] == []


def test_somebody_elses_client_is_forbidden_and_an_unknown_one_is_not_found(broker: Broker) -> None:
    bea = broker.world.user("partner", name="Bea")
    hers = broker.customer("Hers", partner=bea)
    broker.file(hers, partner=bea)
    for identity, status, code in [
        (hers, 403, "CLIENT_OF_ANOTHER_PARTNER"),
        ("client_nobody", 404, "NOT_FOUND"),
        ("x" * 500, 404, "NOT_FOUND"),
        ("attention-require", 404, "NOT_FOUND"),
    ]:
        answer = broker.pazz.get(f"/pazz/api/v1/clients/{identity}")
        assert (answer.status, answer.json["error"]["code"]) == (status, code), identity
    assert broker.world.signed_in(bea).get(f"/pazz/api/v1/clients/{hers}").status == 200


def test_another_organisations_client_is_not_found(broker: Broker) -> None:
    theirs = broker.world.organization("other")
    stranger = broker.world.user("partner", organization=theirs)
    manager = broker.world.signed_in(broker.world.user("manager", organization=theirs))
    body = {"name": "Theirs", "assigned_to": stranger.id}
    customer = manager.post("/office/customers", json=body).json["id"]
    assert broker.pazz.get(f"/pazz/api/v1/clients/{customer}").status == 404


def test_an_erased_client_is_not_found(broker: Broker) -> None:
    customer = broker.customer()
    broker.file(customer)
    broker.office.post(f"/office/customers/{customer}/erasure")
    assert broker.pazz.get(f"/pazz/api/v1/clients/{customer}").status == 404


def test_a_long_timeline_shows_its_newest_lines(broker: Broker) -> None:
    customer = broker.customer()
    file = broker.file(customer)
    calls = [
        broker.office.asking("POST", f"/office/deals/{file}/documents", json={"name": f"Documento {number}"})
        for number in range(205)
    ]
    for begin in range(0, len(calls), 50):
        broker.world.at_once(*calls[begin : begin + 50])
    lines = broker.get(f"clients/{customer}")["timeline"]
    assert len(lines) == 200
    assert {line["event"] for line in lines} == {"document_uploaded"}
