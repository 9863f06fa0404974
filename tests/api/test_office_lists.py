"""The office's lists: what there is, page by page and by what staff look for, and never another organisation's."""

from __future__ import annotations

import json
from typing import Any

from api.office import audit
from tests.support.business import business, made
from tests.support.http import Client, World


def whole(client: Client, path: str, limit: int, **wanted: Any) -> list[str]:
    """The ids of a list, read to its end."""
    found: list[str] = []
    after = ""
    while True:
        answer = client.get(path, params={"limit": limit, "after": after, **wanted})
        assert answer.status == 200, answer
        assert len(answer.json["items"]) <= limit
        found += [item["id"] for item in answer.json["items"]]
        if answer.json["next"] is None:
            return found
        after = answer.json["next"]


def test_an_empty_list_is_empty(world: World) -> None:
    manager = world.signed_in(world.user("manager", organization=world.organization("new")))
    for path in ("customers", "deals", "commissions"):
        assert manager.get(f"/office/{path}").json == {"items": [], "next": None}


def test_customers_are_listed_page_by_page_and_by_who_looks_after_them(world: World) -> None:
    here, other = business(world), business(world, "other")
    more = [made(here.office, "/office/customers", {"name": f"Número {number}"}) for number in range(4)]
    assert whole(here.office, "/office/customers", 2) == sorted([here.customer, *more])
    assert whole(here.office, "/office/customers", 5, assigned_to=here.partner.id) == [here.customer]
    assert whole(here.office, "/office/customers", 5, assigned_to=other.partner.id) == []
    listed = here.office.get("/office/customers", params={"assigned_to": here.partner.id}).json["items"]
    assert listed == [here.office.get(f"/office/customers/{here.customer}").json]


def test_deals_are_listed_page_by_page_and_by_customer(world: World) -> None:
    here, other = business(world), business(world, "other")
    body = {"customer": here.customer, "partner": here.partner.id, "title": "SUV", "value": 350_000.5}
    more = [made(here.office, "/office/deals", body) for _ in range(3)]
    lonely = made(here.office, "/office/customers", {"name": "Sin trato"})
    assert whole(here.office, "/office/deals", 2) == sorted([here.deal, *more])
    assert whole(here.office, "/office/deals", 4, customer=here.customer) == sorted([here.deal, *more])
    for customer in (lonely, other.customer):
        assert whole(here.office, "/office/deals", 4, customer=customer) == []
    listed = here.office.get("/office/deals").json["items"]
    assert listed == [here.office.get(f"/office/deals/{item['id']}").json for item in listed]


def test_commissions_are_listed_page_by_page_and_by_where_they_stand(world: World) -> None:
    here = business(world)
    business(world, "other")
    body = {"deal": here.deal, "rate": 2}
    earned = [made(here.office, "/office/commissions", {**body, "earned": True}) for _ in range(3)]
    assert whole(here.office, "/office/commissions", 2) == sorted([here.commission, *earned])
    assert whole(here.office, "/office/commissions", 2, status="earned") == sorted(earned)
    here.office.post(f"/office/commissions/{earned[0]}/pay")
    assert whole(here.office, "/office/commissions", 2, status="paid") == [earned[0]]
    assert whole(here.office, "/office/commissions", 2, status="pending") == [here.commission]
    listed = here.office.get("/office/commissions").json["items"]
    assert listed == [here.office.get(f"/office/commissions/{item['id']}").json for item in listed]


def test_what_is_no_page_is_refused(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    for path in ("customers", "deals", "commissions"):
        for wrong in ({"limit": 0}, {"limit": 201}, {"limit": "x"}, {"after": "x" * 101}):
            assert manager.get(f"/office/{path}", params=wrong).status == 400, (path, wrong)
    assert manager.get("/office/commissions", params={"status": "lost"}).status == 400


def test_a_wrong_parameter_is_named_as_it_was_written(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    for name in ("from", "to", "after", "limit"):
        answer = manager.get("/office/audit/events", params={name: "ayer" * 200})
        assert list(answer.json["error"]["details"]) == [name]


def test_a_time_of_the_audit_is_a_time_and_no_number(world: World) -> None:
    here = business(world)
    for name in ("from", "to"):
        for wrong in ("2026", "0.5", "1e3", "2026-11-21", "2026-11-21T10:00:00", "", "ayer"):
            answer = here.office.get("/office/audit/events", params={name: wrong})
            assert answer.status == 400, (name, wrong, answer)
            assert list(answer.json["error"]["details"]) == [name]

    def found(**period: str) -> int:
        return len(here.office.get("/office/audit/events", params={"stream": "customer-*", **period}).json["items"])

    assert (found(), found(to="2025-01-01T00:00:00Z"), found(to="2999-01-01T00:00:00-06:00")) == (1, 0, 1)
    assert found(**{"from": "2025-01-01T00:00:00Z"}) == 1


def test_what_happened_is_exported_line_by_line_as_it_is_listed(world: World) -> None:
    world.patch.setattr(audit, "PAGE", 3)
    here = business(world)
    business(world, "other")

    def exported(**wanted: str) -> list[Any]:
        answer = here.office.get("/office/audit/events/export", params=wanted)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
        return [json.loads(line) for line in answer.text.splitlines()]

    def listed(**wanted: str) -> list[Any]:
        return here.office.get("/office/audit/events", params={"limit": 500, **wanted}).json["items"]

    assert exported() == listed()
    assert len(listed()) > 2 * 3
    for wanted in ({"stream": "customer-*"}, {"name": "DealOpened"}, {"after": str(listed()[2]["position"])}):
        assert exported(**wanted) == listed(**wanted) != []
    assert exported(name="Nothing") == []
    assert here.office.get("/office/audit/events/export", params={"from": "ayer"}).status == 400
    assert world.signed_in(world.user("sales")).get("/office/audit/events/export").status == 403


def test_what_names_something_that_is_not_there_says_so_in_the_description(world: World) -> None:
    described = world.signed_in(world.user("manager")).get("/office/docs/openapi.json").json["paths"]
    for path in ("/customers", "/deals", "/commissions"):
        assert "404" in described[path]["post"]["responses"], path
