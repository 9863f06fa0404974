"""Contacts, groups, and who is in which."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.business import made
from tests.support.http import Client, World

API = "/scheduler/api"
PEDRO = {"name": "Pedro Núñez", "phone": "+5215598772310"}


def test_a_contact_has_the_shape_of_the_document(ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "VIP"})
    answer = ana.post(f"{API}/contacts", json={**PEDRO, "email": "P@Example.mx", "groups": [group]})
    assert answer.status == 201, answer
    assert {name: answer.json[name] for name in ("name", "phone", "email", "is_active", "groups")} == {
        "name": "Pedro Núñez",
        "phone": "+5215598772310",
        "email": "p@example.mx",
        "is_active": True,
        "groups": [group],
    }
    assert ana.get(f"{API}/contacts/{answer.json['id']}").json == answer.json
    assert ana.get(f"{API}/contacts").json["items"] == [answer.json]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("+56912345678", "+56912345678"),
        ("+1234567890", "+1234567890"),
        ("+52 (155) 9877-2310", "+5215598772310"),
        ("005215598772310", "+5215598772310"),
        ("+٥٢١٥٥٩٨٧٧٢٣١٠", "+5215598772310"),
        ("\u202a+52 155 9877 2310\u202c", "+5215598772310"),
        ("+123456789012345", "+123456789012345"),
        ("+12", "+12"),
    ],
)
def test_a_number_is_kept_in_one_form(ana: Client, written: str, stored: str) -> None:
    assert ana.post(f"{API}/contacts", json={"name": "Pedro", "phone": written}).json["phone"] == stored


@pytest.mark.parametrize("written", ["5512345678", "+0123456789", "+1234567890123456", "+52abc", "+1", "+", "call me"])
def test_a_number_without_a_country_is_none(ana: Client, written: str) -> None:
    answer = ana.post(f"{API}/contacts", json={"name": "Pedro", "phone": written})
    assert answer.status == 422, answer
    assert "phone" in answer.json["error"]["details"]


def test_a_number_stands_once_in_each_phone_book(world: World, ana: Client) -> None:
    contact = made(ana, f"{API}/contacts", PEDRO)
    again = ana.post(f"{API}/contacts", json={"name": "Otro", "phone": "+52 155 9877 2310"})
    assert (again.status, again.json["error"]["code"]) == (409, "PHONE_EXISTS")
    made(world.signed_in(world.user("agent")), f"{API}/contacts", PEDRO)
    second = made(ana, f"{API}/contacts", {"name": "Ana", "phone": "+5215598772311"})
    assert ana.put(f"{API}/contacts/{second}", json={"phone": PEDRO["phone"]}).status == 409
    assert ana.put(f"{API}/contacts/{contact}", json={"phone": "+5215598772399"}).status == 200
    assert ana.put(f"{API}/contacts/{second}", json={"phone": PEDRO["phone"]}).status == 200, "it is free again"
    assert ana.delete(f"{API}/contacts/{second}").status == 204
    made(ana, f"{API}/contacts", PEDRO)


def test_of_two_who_add_a_number_at_once_one_succeeds(world: World, ana: Client) -> None:
    answers = world.at_once(*(ana.asking("POST", f"{API}/contacts", json=PEDRO) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


def test_a_deleted_contact_is_forgotten_in_the_log_too(world: World, ana: Client) -> None:
    contact = made(ana, f"{API}/contacts", PEDRO)
    ana.delete(f"{API}/contacts/{contact}")
    world.react()
    added = next(event for event in world.events() if getattr(event.event, "contact", None) == contact)
    assert getattr(added.event, "phone", None) == "∅"
    assert ana.get(f"{API}/contacts/{contact}").status == 404


def test_contacts_are_found_by_name_number_and_address(ana: Client) -> None:
    made(ana, f"{API}/contacts", {**PEDRO, "email": "pedro@example.mx"})
    made(ana, f"{API}/contacts", {"name": "محمد 100%", "phone": "+966501234567", "is_active": False})

    def found(**query: Any) -> list[str]:
        return [row["name"] for row in ana.get(f"{API}/contacts", params=query).json["items"]]

    assert found(search="nunez") == ["Pedro Núñez"]
    assert found(search="9877") == found(search="EXAMPLE.mx") == ["Pedro Núñez"]
    assert found(search="%") == found(search="محمد") == found(is_active="false") == ["محمد 100%"]
    assert found(sort="-name")[0] == "محمد 100%"
    assert found(search="nobody") == []


def test_names_stand_as_in_a_phone_book(ana: Client) -> None:
    """Whatever their letter case, and with accents."""
    wanted = ["Álvaro", "ana", "Beto", "Ñandú", "Óscar", "zoe"]
    for number, name in enumerate(wanted[::-1]):
        made(ana, f"{API}/contacts", {"name": name, "phone": f"+52155987700{number}"})
    for name in wanted[:0:-1]:
        made(ana, f"{API}/groups", {"name": name})
    for what, expected in (("contacts", wanted), ("groups", wanted[1:])):
        for sort, order in (("name", expected), ("-name", expected[::-1])):
            rows = ana.get(f"{API}/{what}", params={"sort": sort}).json["items"]
            assert [row["name"] for row in rows] == order, (what, sort)


def test_a_group_counts_its_contacts(ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Clientes", "description": "Los de siempre"})
    one = made(ana, f"{API}/contacts", PEDRO)
    two = made(ana, f"{API}/contacts", {"name": "Ana", "phone": "+5215598772311", "is_active": False})
    added = ana.post(f"{API}/groups/{group}/contacts", json={"contactIds": [one, two, one]})
    assert (added.status, added.json["contact_count"], added.json["active_count"]) == (200, 2, 1)
    assert ana.post(f"{API}/groups/{group}/contacts", json={"contact_ids": [one]}).json["contact_count"] == 2
    assert [row["id"] for row in ana.get(f"{API}/groups/{group}/contacts").json["items"]] == [two, one]
    assert ana.delete(f"{API}/groups/{group}/contacts/{one}").status == 204
    assert ana.delete(f"{API}/groups/{group}/contacts/{one}").status == 404
    assert ana.get(f"{API}/groups/{group}").json["contact_count"] == 1
    assert ana.get(f"{API}/contacts/{one}").json["groups"] == []
    assert ana.put(f"{API}/contacts/{one}", json={"groups": [group]}).json["groups"] == [group]
    ana.delete(f"{API}/contacts/{one}")
    assert ana.get(f"{API}/groups/{group}").json["contact_count"] == 1


def test_a_group_has_a_name_of_its_own(world: World, ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Clientes"})
    assert ana.post(f"{API}/groups", json={"name": " CLIENTES "}).json["error"]["code"] == "NAME_EXISTS"
    assert ana.put(f"{API}/groups/{group}", json={"name": "clientes", "description": "x"}).json["name"] == "clientes"
    assert ana.put(f"{API}/groups/{group}", json={"name": "Otros"}).status == 200
    world.forget_limits()
    made(ana, f"{API}/groups", {"name": "Clientes"})
    made(world.signed_in(world.user("agent")), f"{API}/groups", {"name": "Clientes"})


def test_a_group_goes_when_nothing_waits_for_it(ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Clientes"})
    contact = made(ana, f"{API}/contacts", {**PEDRO, "groups": [group]})
    later = "2099-01-01T00:00:00Z"
    message = made(ana, f"{API}/messages", {"content": "Hola", "groups": [group]})
    assert ana.post(f"{API}/messages/{message}/schedule", json={"scheduled_for": later}).status == 422
    soon = ana.post(f"{API}/messages/{message}/schedule", json={"scheduled_for": _soon()})
    assert soon.status == 200, soon
    refused = ana.delete(f"{API}/groups/{group}")
    assert (refused.status, refused.json["error"]["code"]) == (409, "GROUP_IN_USE")
    ana.post(f"{API}/messages/{message}/cancel")
    assert ana.delete(f"{API}/groups/{group}").status == 204
    assert ana.get(f"{API}/contacts/{contact}").json["groups"] == []
    assert ana.get(f"{API}/groups/{group}").status == 404


def _soon() -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def test_five_groups_in_a_minute_are_enough(ana: Client) -> None:
    answers = [ana.post(f"{API}/groups", json={"name": f"Grupo {number}"}) for number in range(6)]
    assert [answer.status for answer in answers] == [201] * 5 + [429]
    assert answers[-1].headers["x-ratelimit-limit"] == "5"


def test_what_belongs_to_others_stays_theirs(world: World, ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Clientes"})
    contact = made(ana, f"{API}/contacts", PEDRO)
    other, admin = world.signed_in(world.user("agent")), world.signed_in(world.user("admin"))
    with world.unchanged():
        for method, path, body in (
            ("GET", f"groups/{group}", None),
            ("PUT", f"groups/{group}", {"name": "Mío"}),
            ("DELETE", f"groups/{group}", None),
            ("GET", f"groups/{group}/contacts", None),
            ("POST", f"groups/{group}/contacts", {"contact_ids": [contact]}),
            ("GET", f"contacts/{contact}", None),
            ("PUT", f"contacts/{contact}", {"name": "Mío"}),
            ("DELETE", f"contacts/{contact}", None),
        ):
            assert other.send(method, f"{API}/{path}", json=body).status == 403, path
        own = other.post(f"{API}/contacts", json={"name": "A", "phone": "+5215500000000", "groups": [group]})
        assert own.status == 404
    assert other.get(f"{API}/contacts").json["total"] == other.get(f"{API}/groups").json["total"] == 0
    assert admin.get(f"{API}/contacts").json["total"] == admin.get(f"{API}/groups").json["total"] == 1
    assert admin.get(f"{API}/contacts?created_by=nobody").json["total"] == 0
    mine = made(other, f"{API}/contacts", {"name": "B", "phone": "+5215500000001"})
    mixed = admin.post(f"{API}/groups/{group}/contacts", json={"contact_ids": [mine]})
    assert mixed.status == 404, "a group holds contacts of one phone book"
