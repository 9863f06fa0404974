"""Groups and who is in them: listed, found, corrected, with bounds that hold."""

from __future__ import annotations

from typing import Any

import pytest

from domain import contact as contacts
from domain.contact import ContactGrouped
from tests.support.business import made
from tests.support.http import Client, World

API = "/scheduler/api"


def people(world: World, client: Client, count: int, **more: Any) -> list[str]:
    calls = (
        client.asking("POST", f"{API}/contacts", json={"name": f"P{number:03}", "phone": f"+5255{number:08}", **more})
        for number in range(count)
    )
    return [answer.json["id"] for answer in world.at_once(*calls)]


def names(client: Client, path: str, **query: Any) -> list[str]:
    return [row["name"] for row in client.get(f"{API}/{path}", params=query).json["items"]]


def test_groups_are_listed_in_the_order_that_is_asked_for_and_found_by_name(world: World, ana: Client) -> None:
    for name in ("Taller", "árbol", "Árboles viejos", "VIP 100%"):
        made(ana, f"{API}/groups", {"name": name})
    by_name = names(ana, "groups")
    assert sorted(by_name) == sorted(["Taller", "árbol", "Árboles viejos", "VIP 100%"])
    assert names(ana, "groups", sort="-name") == by_name[::-1]
    assert names(ana, "groups", sort="created_at") == ["Taller", "árbol", "Árboles viejos", "VIP 100%"]
    assert names(ana, "groups", sort="-created_at") == ["VIP 100%", "Árboles viejos", "árbol", "Taller"]
    assert set(names(ana, "groups", search="ÁRBOL")) == {"árbol", "Árboles viejos"}
    assert names(ana, "groups", search="100%") == ["VIP 100%"]
    assert names(ana, "groups", search="_") == []
    assert ana.get(f"{API}/groups", params={"sort": "phone"}).status == 422


def test_a_group_is_described_and_called_otherwise(world: World, ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "  Clientes  ", "description": "Los de\nsiempre"})
    path = f"{API}/groups/{group}"
    assert (ana.get(path).json["name"], ana.get(path).json["description"]) == ("Clientes", "Los de\nsiempre")
    assert ana.put(path, json={"description": None}).json["description"] == ""
    assert ana.put(path, json={"name": "Amigos"}).json == ana.get(path).json
    with world.unchanged():
        assert ana.put(path, json={"name": "Amigos"}).status == ana.put(path, json={}).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": None},
        {"name": "x" * 101},
        {"name": "a\u0007"},
        {"name": "x", "more": 1},
    ],
)
def test_a_group_needs_a_name_that_can_be_read(world: World, ana: Client, body: dict[str, Any]) -> None:
    with world.unchanged():
        answer = ana.post(f"{API}/groups", json=body)
    assert answer.status == 422, answer
    assert answer.json["error"]["details"]


def test_of_many_who_make_the_same_group_one_does(world: World, ana: Client) -> None:
    answers = world.at_once(*(ana.asking("POST", f"{API}/groups", json={"name": "VIP"}) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 4
    assert answers[0].headers["x-ratelimit-limit"] == "5"


def test_many_join_at_once_and_are_counted(world: World, ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Todos"})
    everybody = people(world, ana, 120)
    added = ana.post(f"{API}/groups/{group}/contacts", json={"contact_ids": everybody})
    assert (added.status, added.json["contact_count"], added.json["active_count"]) == (200, 120, 120)
    listed = [name for page in (1, 2) for name in names(ana, f"groups/{group}/contacts", page=page, page_size=100)]
    assert listed == [f"P{number:03}" for number in range(120)]
    assert names(ana, f"groups/{group}/contacts", search="p117") == ["P117"]
    assert names(ana, f"groups/{group}/contacts", sort="-name", page_size=1) == ["P119"]
    assert names(ana, "contacts", group_id=group, page_size=1) == ["P000"]
    too_many = ana.post(f"{API}/groups/{group}/contacts", json={"contact_ids": [f"c{n}" for n in range(501)]})
    assert too_many.status == 422


def test_one_who_is_not_there_keeps_all_out(world: World, ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Todos"})
    known = people(world, ana, 2)
    with world.unchanged():
        answer = ana.post(f"{API}/groups/{group}/contacts", json={"contact_ids": [*known, "cnt_nobody"]})
        assert (answer.status, answer.json["error"]["details"]["contact"]) == (404, "cnt_nobody")
        assert ana.post(f"{API}/groups/{group}/contacts", json={"contact_ids": []}).status == 200
        for method, path in (("GET", "groups/nobody/contacts"), ("DELETE", f"groups/nobody/contacts/{known[0]}")):
            assert ana.send(method, f"{API}/{path}").status == 404


def test_whoever_joins_a_group_at_the_moment_when_it_goes_is_in_none(world: World, ana: Client) -> None:
    group, kept = (made(ana, f"{API}/groups", {"name": name}) for name in ("Va", "Queda"))
    contact = made(ana, f"{API}/contacts", {"name": "Rosa", "phone": "+525541107788"})
    assert ana.delete(f"{API}/groups/{group}").status == 204
    owner = ana.signed.user.id  # type: ignore[union-attr]
    joined = ContactGrouped(contact=contact, owner=owner, groups=(group, kept), at=world.now)
    world.given(contacts.stream(world.own, contact), joined)
    assert ana.get(f"{API}/contacts/{contact}").json["groups"] == [kept]


def test_a_contact_is_corrected_field_by_field(world: World, ana: Client) -> None:
    contact = made(ana, f"{API}/contacts", {"name": "Rosa", "phone": "+525541107788", "email": "r@example.mx"})
    path = f"{API}/contacts/{contact}"
    assert ana.put(path, json={"email": None}).json["email"] is None
    assert ana.put(path, json={"name": "  Rosa   Núñez "}).json["name"].startswith("Rosa")
    assert ana.put(path, json={"isActive": False}).json["is_active"] is False
    assert ana.put(path, json={"phone": "+52 55 4110 7788"}).json["phone"] == "+525541107788", "the same number"
    with world.unchanged():
        for wrong in (
            {"name": ""},
            {"phone": "55"},
            {"email": "nobody"},
            {"is_active": None},
            {"groups": "x"},
            {"x": 1},
        ):
            assert ana.put(path, json=wrong).status == 422, wrong
        assert ana.put(path, json={"groups": ["grp_nobody"]}).status == 404
    assert ana.put(f"{API}/contacts/cnt_nobody", json={"name": "X"}).status == 404


def test_whoever_takes_no_messages_is_skipped(world: World, ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Todos"})
    message = made(ana, f"{API}/messages", {"content": "Hola", "groups": [group]})
    one, *_ = people(world, ana, 3, groups=[group])
    assert ana.get(f"{API}/messages/{message}/preview").json["recipient_count"] == 3
    ana.put(f"{API}/contacts/{one}", json={"is_active": False})
    preview = ana.get(f"{API}/messages/{message}/preview").json
    assert (preview["recipient_count"], preview["inactive"]) == (2, 1)
    shown = ana.get(f"{API}/groups/{group}").json
    assert (shown["contact_count"], shown["active_count"]) == (3, 2)
