"""The office over HTTP: accounts, customers, deals, commissions, in its own manners."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.commission import CommissionEarned, CommissionPaid, CommissionPromised
from domain.deal import DealStageChanged
from tests.support.business import business
from tests.support.http import Answer, World

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def names(world: World, after: int) -> list[str]:
    return [recorded.name for recorded in world.events(after)]


def error(answer: Answer) -> dict[str, Any]:
    return answer.json["error"]


# --- accounts


def test_an_account_is_created_and_shown(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    email = f"rosa{world.head}@example.mx"
    created = manager.post(
        "/office/users",
        json={
            "name": "  Rosa Díaz ",
            "email": email.upper(),
            "password": "a long secret",
            "role": "partner",
            "phone": "+52 1 55 9877 2310",
            "region": "centro",
        },
    )
    assert created.status == 201, created
    assert created.json == {
        "id": created.json["id"],
        "name": "Rosa Díaz",
        "email": email,
        "phone": "+5215598772310",
        "role": "partner",
        "region": "centro",
        "active": True,
    }
    assert manager.get(f"/office/users/{created.json['id']}").json == created.json


def test_an_account_is_corrected(world: World) -> None:
    here = business(world)
    path = f"/office/users/{here.partner.id}"
    before = here.office.get(path).json
    corrected = here.office.patch(path, json={"phone": "+52 55 1234 5678", "region": " Norte "})
    assert corrected.status == 200, corrected
    assert corrected.json == {**before, "phone": "+525512345678", "region": "Norte"}
    assert here.office.patch(path, json={"name": "Ana Díaz", "region": None}).json == {
        **corrected.json,
        "name": "Ana Díaz",
        "region": None,
    }
    admin = world.user("admin", organization=here.organization)
    with world.unchanged():
        assert here.office.patch(path, json={}).status == 200
        assert error(here.office.patch(path, json={"name": " "}))["details"].keys() == {"name"}
        assert here.office.patch(path, json={"email": "ana@example.mx"}).status == 400, "an address is claimed"
        assert here.office.patch("/office/users/nobody", json={"name": "X"}).status == 404
        assert error(here.office.patch(f"/office/users/{admin.id}", json={"name": "X"}))["code"] == "admin_only"


def test_two_accounts_cannot_share_an_address_not_even_at_once(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    other = world.signed_in(world.user("manager", organization=world.organization("other")))
    new = {"name": "Rosa", "email": f"two{world.head}@example.mx", "password": "a long secret", "role": "agent"}
    answers = world.at_once(
        *(client.asking("POST", "/office/users", json=new) for client in (manager, other) for _ in range(4))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {error(answer)["code"] for answer in answers if answer.status == 409} == {"value_taken"}


def test_accounts_are_listed_page_by_page(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    for _ in range(4):
        world.user("partner")
    first = manager.get("/office/users", params={"role": "partner", "limit": 3}).json
    assert len(first["items"]) == 3
    rest = manager.get("/office/users", params={"role": "partner", "limit": 3, "after": first["next"]}).json
    assert len(rest["items"]) == 1
    assert rest["next"] is None
    listed = [item["id"] for item in first["items"] + rest["items"]]
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("password", ["short", "", "x" * 201, "nul\0 in the middle", "line\nbreak"])
def test_a_password_that_nobody_should_choose_is_refused(world: World, password: str) -> None:
    manager = world.signed_in(world.user("manager"))
    new = {"name": "Rosa", "email": "rosa@example.mx", "password": password, "role": "partner"}
    with world.unchanged():
        answer = manager.post("/office/users", json=new)
    assert answer.status == 400, answer
    assert list(error(answer)["details"]) == ["password"]


def test_a_repeated_creation_leaves_a_changed_password_alone(world: World) -> None:
    manager = world.signed_in(world.user("manager")).with_headers(idempotency_key="new account")
    email = f"rosa{world.head}@example.mx"
    new = {"name": "Rosa", "email": email, "password": "the first secret", "role": "partner"}
    account = manager.post("/office/users", json=new).json["id"]
    other = world.user("partner")
    move = "update credentials set password_hash = (select password_hash from credentials where account = %s) "
    world.house.connection.execute(
        move + "where account = %s", [other.account, other.account.replace(other.id, account)]
    )
    again = manager.post("/office/users", json=new)
    assert (again.status, again.json["id"]) == (201, account)
    login = {"email": email, "password": other.password}
    assert world.visitor().post("/pazz/api/v1/auth/login", json=login).status == 200


def test_nobody_locks_themselves_out(world: World) -> None:
    admin = world.user("admin")
    client = world.signed_in(admin)
    path = f"/office/users/{admin.id}/standing"
    with world.unchanged():
        answer = client.post(path, json={"active": False})
        assert (answer.status, error(answer)["code"]) == (403, "own_account")
        assert client.post(path, json={"active": True}).status == 200
    assert client.get("/office/auth/me").status == 200
    other = world.signed_in(world.user("admin", organization=admin.organization))
    assert other.post(path, json={"active": False}).json["active"] is False


# --- what belongs to a deal


def test_a_deal_moves_through_its_stages(world: World) -> None:
    here = business(world)
    before = world.head
    moved = here.office.post(f"/office/deals/{here.deal}/stage", json={"stage": "documentation"})
    assert moved.status == 200, moved
    assert moved.json["stage"] == "documentation"
    assert here.office.get(f"/office/deals/{here.deal}").json == moved.json
    again = here.office.post(f"/office/deals/{here.deal}/stage", json={"stage": "documentation"})
    assert again.status == 200
    assert [type(recorded.event) for recorded in world.events(before)] == [DealStageChanged]


def test_a_stage_that_the_pipeline_does_not_have_is_refused(world: World) -> None:
    here = business(world)
    with world.unchanged():
        answer = here.office.post(f"/office/deals/{here.deal}/stage", json={"stage": "moon"})
    assert answer.status == 400
    assert error(answer)["code"] == "value_not_allowed"
    assert error(answer)["details"] == {"stage": [error(answer)["message"]]}
    assert "prequalification or documentation or" in error(answer)["message"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-0.01, "must be from 0 to 10,000,000,000,000"),
        (1e300, "must be from -10,000,000,000,000 to 10,000,000,000,000"),
        (10.005, "amount invalid"),
    ],
)
def test_a_value_outside_its_limits_is_refused_in_whole_units(world: World, value: float, message: str) -> None:
    here = business(world)
    new = {"customer": here.customer, "partner": here.partner.id, "title": "BMW", "value": value}
    with world.unchanged():
        answer = here.office.post("/office/deals", json=new)
    assert answer.status == 400, answer
    assert error(answer)["message"] == message
    assert error(answer)["details"] == {"value": [message]}


def test_a_commission_is_promised_earned_and_paid(world: World) -> None:
    world.time_is(datetime(2025, 11, 1, 5, 59, tzinfo=UTC))  # still October in Mexico City
    here = business(world)
    path = f"/office/commissions/{here.commission}"
    promised = here.office.get(path).json
    assert promised["status"] == "pending"
    assert (promised["amount"], promised["rate"], promised["sale"]) == (12_800.5, 2.0, 1_245_000)
    before = world.head
    earned = here.office.post(f"{path}/earn")
    assert earned.status == 200, earned
    assert (earned.json["status"], earned.json["month"]) == ("earned", "2025-10")
    assert here.office.post(f"{path}/earn").json == earned.json, "earned once, however often it is said"
    paid = here.office.post(f"{path}/pay").json
    assert paid["status"] == "paid"
    assert ISO.fullmatch(paid["paid_at"])
    assert here.office.post(f"{path}/pay").json == paid
    assert [type(recorded.event) for recorded in world.events(before)] == [CommissionEarned, CommissionPaid]
    refused = here.office.post(f"{path}/cancel")
    assert (refused.status, error(refused)["code"]) == (409, "commission_paid")


def test_a_commission_is_its_rate_of_the_deal_when_no_amount_is_given(world: World) -> None:
    here = business(world)
    before = world.head
    made = here.office.post("/office/commissions", json={"deal": here.deal, "rate": 2.5, "earned": True})
    assert made.status == 201, made
    assert (made.json["amount"], made.json["status"]) == (31_125, "earned")
    assert {type(recorded.event) for recorded in world.events(before)} <= {CommissionPromised, CommissionEarned}


@pytest.mark.parametrize("rate", [-0.01, 100.01, 2.555, 0.001])
def test_a_rate_is_in_hundredths_of_a_percent(world: World, rate: float) -> None:
    here = business(world)
    with world.unchanged():
        answer = here.office.post("/office/commissions", json={"deal": here.deal, "rate": rate})
    assert answer.status == 400, answer
    assert list(error(answer)["details"]) == ["rate"]


def test_a_commission_that_was_not_earned_cannot_be_paid(world: World) -> None:
    here = business(world)
    with world.unchanged():
        answer = here.office.post(f"/office/commissions/{here.commission}/pay")
    assert answer.status == 409, answer


def test_a_customer_is_corrected_and_their_partner_sees_it(world: World) -> None:
    here = business(world)
    path = f"/office/customers/{here.customer}"
    before = here.office.get(path).json
    corrected = here.office.patch(path, json={"name": "Pedro Juan Gutiérrez", "phone": "+52 55 1234 5678"})
    assert corrected.status == 200, corrected
    assert corrected.json == {**before, "name": "Pedro Juan Gutiérrez", "phone": "+525512345678"}
    shown = here.pazz.get(f"/pazz/api/v1/clients/{here.customer}").json["data"]
    assert shown["name"] == "Pedro Juan Gutiérrez"
    with world.unchanged():
        assert here.office.patch(path, json={"name": "Pedro Juan Gutiérrez"}).json == corrected.json
        assert here.office.patch(path, json={"name": None}).status == 400
        assert here.office.patch(path, json={"email": "nobody"}).status == 400
        assert here.office.patch("/office/customers/nobody", json={"name": "X"}).status == 404
    assert here.office.patch(path, json={"phone": None}).json == {**before, "name": "Pedro Juan Gutiérrez"}


def test_nobody_is_handed_to_somebody_who_cannot_sign_in(world: World) -> None:
    here = business(world)
    gone = world.user("partner", organization=here.organization)
    assert here.office.post(f"/office/users/{gone.id}/standing", json={"active": False}).status == 200
    deal = {"customer": here.customer, "partner": gone.id, "title": "BMW", "value": 1}
    asked: list[tuple[str, dict[str, object]]] = [
        ("/office/customers", {"name": "Rosa", "assigned_to": gone.id}),
        (f"/office/customers/{here.customer}/assignment", {"assigned_to": gone.id}),
        ("/office/deals", deal),
        (f"/office/deals/{here.deal}/partner", {"partner": gone.id}),
    ]
    for path, body in asked:
        with world.unchanged():
            refused = here.office.post(path, json=body)
        assert (refused.status, error(refused)["code"]) == (409, "user_inactive"), path


def test_what_was_accepted_is_answered_so_again_whoever_left_since(world: World) -> None:
    here = business(world)
    person = here.office.post("/office/customers", json={"name": "Rosa"}).json["id"]
    partner = world.user("partner", organization=here.organization)
    body = {"customer": person, "partner": partner.id, "title": "BMW", "value": 1}
    key = {"idempotency-key": "one deal"}
    first = here.office.post("/office/deals", json=body, headers=key)
    assert here.office.post(f"/office/users/{partner.id}/standing", json={"active": False}).status == 200
    assert here.office.post(f"/office/customers/{person}/erasure").status == 200
    again = here.office.post("/office/deals", json=body, headers=key)
    assert (first.status, again.status, again.json["id"]) == (201, 201, first.json["id"])


def test_an_erased_customer_is_gone_from_views_and_log(world: World) -> None:
    here = business(world)
    erased = here.office.post(f"/office/customers/{here.customer}/erasure")
    assert erased.status == 200, erased
    assert (erased.json["name"], erased.json["erased"]) == ("", True)
    world.react()
    assert world.refused_jobs() == []
    read = [recorded for recorded in world.events() if recorded.stream.endswith(here.customer)]
    assert read
    assert all("Pedro" not in repr(recorded.event) for recorded in read)
    assert here.office.get(f"/office/customers/{here.customer}").json == erased.json
    deal = {"customer": here.customer, "partner": here.partner.id, "title": "BMW", "value": 1}
    refused = here.office.post("/office/deals", json=deal)
    assert (refused.status, refused.json["error"]["code"]) == (409, "customer_erased")


# --- once, and not twice


def test_the_same_key_and_body_answer_as_before(world: World) -> None:
    manager = world.signed_in(world.user("manager")).with_headers(idempotency_key="k1")
    first = manager.post("/office/customers", json={"name": "Pedro"})
    assert first.status == 201
    assert "idempotency-replayed" not in first.headers
    with world.unchanged():
        again = manager.post("/office/customers", json={"name": "Pedro"})
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["bitacora-position"] == first.headers["bitacora-position"]


def test_the_same_key_with_another_request_is_refused(world: World) -> None:
    manager = world.signed_in(world.user("manager")).with_headers(idempotency_key="k1")
    assert manager.post("/office/customers", json={"name": "Pedro"}).status == 201
    here = business(world)
    with world.unchanged():
        for path, body in (("customers", {"name": "Lucía"}), (f"deals/{here.deal}/stage", {"stage": "approval"})):
            answer = manager.post(f"/office/{path}", json=body)
            assert answer.status in (404, 409), answer
        answer = manager.post("/office/customers", json={"name": "Lucía"})
    assert (answer.status, error(answer)["code"]) == (409, "idempotency_key_reused")


def test_a_key_says_nothing_in_another_frontend(world: World) -> None:
    manager = world.signed_in(world.user("manager")).with_headers(idempotency_key="k1")
    assert manager.post("/office/customers", json={"name": "Pedro"}).status == 201
    assert manager.post("/scheduler/api/groups", json={"name": "Clientes"}).status == 201


def test_a_key_belongs_to_who_sent_it(world: World) -> None:
    key = {"idempotency_key": "k1"}
    one, two = (world.signed_in(world.user("manager")).with_headers(**key) for _ in range(2))
    first, second = (client.post("/office/customers", json={"name": "Pedro"}) for client in (one, two))
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] != second.json["id"]


def test_the_same_key_at_once_makes_one(world: World) -> None:
    manager = world.signed_in(world.user("manager")).with_headers(idempotency_key="k1")
    before = world.head
    answers = world.at_once(
        *(manager.asking("POST", "/office/customers", json={"name": "Pedro"}) for _ in range(30)),
    )
    assert {(answer.status, answer.json["id"]) for answer in answers} == {(201, answers[0].json["id"])}
    assert names(world, before) == ["CustomerAdded"]
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


def test_a_refused_request_may_be_corrected_under_its_key(world: World) -> None:
    manager = world.signed_in(world.user("manager")).with_headers(idempotency_key="k1")
    assert manager.post("/office/customers", json={"name": "   "}).status == 400
    assert manager.post("/office/customers", json={"name": "Pedro"}).status == 201


@pytest.mark.parametrize("key", ["", "k" * 201, "tab\tinside"])
def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    manager = world.signed_in(world.user("manager")).with_headers(idempotency_key=key)
    with world.unchanged():
        answer = manager.post("/office/customers", json={"name": "Pedro"})
    assert (answer.status, error(answer)["code"]) == (400, "idempotency_key_malformed")


# --- reading what one wrote


def test_every_command_says_where_it_is_and_a_reader_may_wait_for_it(world: World) -> None:
    here = business(world)
    answer = here.office.post("/office/customers", json={"name": "Pedro"})
    assert int(answer.headers["bitacora-position"]) == world.head
    assert "bitacora-lag" not in answer.headers
    other = world.another_process().signed_in(here.manager)
    headers = {"bitacora-at-least": answer.headers["bitacora-position"]}
    assert other.get(f"/office/customers/{answer.json['id']}", headers=headers).status == 200


def test_a_command_does_not_wait_for_ever_for_the_views(world: World) -> None:
    process = world.another_process(view_wait_seconds=0.05)
    client = process.signed_in(world.user("manager"))
    late = client.get("/office/auth/me", headers={"bitacora-at-least": str(world.head + 1_000)})
    assert late.status == 200
    assert 0.04 < float(late.headers["bitacora-lag"]) < 1
