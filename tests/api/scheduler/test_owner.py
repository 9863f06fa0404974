"""Everybody has their own things, admins see everybody's, and nobody sees another organisation's: on every route."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain import notification
from tests.support.business import made
from tests.support.http import Answer, Client, World
from tests.support.messages import API, NOW, code, do, draft
from tests.support.routes import Route, routes, sample

pytestmark = pytest.mark.usefixtures("at_noon")
OWN_ONLY = "/api/notifications/"
"""What nobody else sees, not even an admin."""


def raised(world: World, user: str, name: str = "ntf_1") -> str:
    asked = notification.RaiseNotification(
        notification=name,
        user=user,
        kind="message_sent",
        level="success",
        entity="message",
        entity_id="msg_1",
        facts={"sent": 3, "failed": 0},
        now=NOW,
    )
    world.run(notification.DECIDER, notification.stream(world.own, name), asked)
    return name


@pytest.fixture
def ids(world: World, ana: Client, group: str) -> dict[str, str]:
    """The ids of what is Ana's, by the names that paths give them."""
    assert ana.signed
    upload = ana.post(
        f"{API}/contacts/import", body=b"name,phone\nEva,+5215598770009\n", headers={"content-type": "text/csv"}
    )
    assert upload.status == 202, upload
    return {
        "message_id": draft(ana, group),
        "group_id": group,
        "contact_id": ana.get(f"{API}/contacts").json["items"][0]["id"],
        "import_id": upload.json["id"],
        "notification_id": raised(world, ana.signed.user.id),
    }


def owned(world: World) -> Iterator[Route]:
    for route in routes(world.process.door):
        if route.frontend == "scheduler" and route.parameters and not route.is_public:
            yield route


def call(client: Client, route: Route, ids: dict[str, str]) -> Answer:
    """A call with nothing in its body that could be wrong, or not there, for another reason."""
    body = {name: value for name, value in sample(route.body).items() if "group" not in name} if route.body else None
    return client.send(route.method, route.at(ids), json=body)


def test_there_are_routes_to_try(world: World) -> None:
    assert len(list(owned(world))) >= 25


def test_what_is_somebody_elses_is_refused_on_every_route(world: World, ids: dict[str, str]) -> None:
    others = [world.signed_in(world.user(role)) for role in ("agent", "sales", "manager")]
    with world.unchanged():
        for route in owned(world):
            for other in others:
                world.forget_limits()
                answer = call(other, route, ids)
                assert code(answer) == (403, "NOT_YOURS"), (str(route), answer)


def test_for_another_organisation_it_is_not_there_on_any_route(world: World, ids: dict[str, str]) -> None:
    stranger = world.signed_in(world.user("admin", organization=world.organization("other")))
    with world.unchanged():
        for route in owned(world):
            world.forget_limits()
            answer = call(stranger, route, ids)
            assert answer.status == 404, (str(route), answer)


def test_an_admin_sees_everything_but_what_others_were_told(world: World, ids: dict[str, str]) -> None:
    admin = world.signed_in(world.user("admin"))
    for route in owned(world):
        if route.method == "GET":
            answer = call(admin, route, ids)
            assert answer.status == 200, (str(route), answer)
    with world.unchanged():
        for route in owned(world):
            if OWN_ONLY in route.path:
                assert code(call(admin, route, ids)) == (403, "NOT_YOURS"), str(route)


def test_lists_show_ones_own_and_an_admin_everybodys_or_those_of_whom_they_ask_for(
    world: World, ana: Client, ids: dict[str, str]
) -> None:
    assert ana.signed
    other, admin = world.signed_in(world.user("agent")), world.signed_in(world.user("admin"))
    stranger = world.signed_in(world.user("admin", organization=world.organization("other")))
    theirs = made(other, f"{API}/messages", {"content": "De otro"})
    for path, count in (("messages", 1), ("groups", 1), ("contacts", 3)):
        assert ana.get(f"{API}/{path}").json["total"] == count
        assert ana.get(f"{API}/{path}?created_by={other.signed and other.signed.user.id}").json["total"] == count
        assert admin.get(f"{API}/{path}?created_by={ana.signed.user.id}").json["total"] == count
        assert stranger.get(f"{API}/{path}").json["total"] == 0
        assert stranger.get(f"{API}/{path}?created_by={ana.signed.user.id}").json["total"] == 0
    assert [row["id"] for row in other.get(f"{API}/messages").json["items"]] == [theirs]
    assert {row["id"] for row in admin.get(f"{API}/messages").json["items"]} == {ids["message_id"], theirs}
    assert ana.get(f"{API}/notifications").json["total"] == 1
    assert admin.get(f"{API}/notifications").json["total"] == 0


def test_figures_count_ones_own_and_an_admins_everybodys(world: World, ana: Client, ids: dict[str, str]) -> None:
    admin = world.signed_in(world.user("admin"))
    other = world.signed_in(world.user("agent"))
    made(other, f"{API}/messages", {"content": "De otro"})
    totals = {who: client.get(f"{API}/analytics/dashboard").json for who, client in
              (("ana", ana), ("other", other), ("admin", admin))}  # fmt: skip
    assert {who: found["total_messages"] for who, found in totals.items()} == {"ana": 1, "other": 1, "admin": 2}
    assert {who: found["total_contacts"] for who, found in totals.items()} == {"ana": 3, "other": 0, "admin": 3}
    assert {client.get(f"{API}/analytics/messages").json["total"] for client in (ana, other)} == {1}
    assert admin.get(f"{API}/analytics/messages").json["total"] == 2
    assert [client.get(f"{API}/analytics/groups").json["total"] for client in (ana, other, admin)] == [1, 0, 1]


def test_a_message_of_an_admins_doing_stays_its_owners(world: World, ana: Client, ids: dict[str, str]) -> None:
    assert ana.signed
    admin = world.signed_in(world.user("admin"))
    copy = do(admin, ids["message_id"], "duplicate").json
    assert copy["created_by"] == ana.signed.user.id
    assert ana.get(f"{API}/messages/{copy['id']}").status == 200
    assert admin.put(f"{API}/messages/{copy['id']}", json={"content": "Corregido"}).json["content"] == "Corregido"


def test_what_a_body_names_of_somebody_else_is_not_there(world: World, ana: Client, ids: dict[str, str]) -> None:
    other = world.signed_in(world.user("agent"))
    mine = made(other, f"{API}/messages", {"content": "Hola"})
    with world.unchanged():
        for answer in (
            other.post(f"{API}/messages", json={"content": "Hola", "groups": [ids["group_id"]]}),
            other.put(f"{API}/messages/{mine}", json={"group_ids": [ids["group_id"]]}),
            other.post(f"{API}/contacts", json={"name": "X", "phone": "+5215598770099", "groups": [ids["group_id"]]}),
        ):
            assert code(answer) == (404, "GROUP_NOT_FOUND"), answer


def test_a_deletion_that_is_repeated_with_its_key_is_answered_as_it_was(
    world: World, ana: Client, ids: dict[str, str]
) -> None:
    """On every route: what it was about is gone, and who asks again did not hear of it."""
    assert do(ana, ids["message_id"], "schedule").status == 200
    deletions = [route for route in owned(world) if route.method == "DELETE"]
    other = world.signed_in(world.user("agent"))
    assert len(deletions) == 6
    for route in sorted(deletions, key=lambda route: -route.path.count("/")):
        if route.parameters == ["group_id"]:
            ids["group_id"] = made(ana, f"{API}/groups", {"name": "Otro"})
        keyed = ana.with_headers(idempotency_key=str(route))
        first, again = (keyed.delete(route.at(ids)) for _ in range(2))
        assert (first.status, again.status, again.body) == (204, 204, b""), (str(route), first, again)
        assert again.headers["idempotency-replayed"] == "true"
        refused = keyed.delete(f"{API}/contacts/cnt_else")
        assert code(refused) == (409, "IDEMPOTENCY_KEY_REUSED"), str(route)
        assert other.with_headers(idempotency_key=str(route)).delete(route.at(ids)).status in (403, 404), str(route)
    assert world.visitor().with_headers(idempotency_key="k").delete(f"{API}/contacts/cnt_else").status == 401
