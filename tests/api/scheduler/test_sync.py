"""What was done offline, done now: in order, once, with a result for each, and conflicts that say what is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import notification
from tests.support.business import made
from tests.support.http import Answer, Client, World

API = "/scheduler/api"
PEDRO = {"name": "Pedro Núñez", "phone": "+5215598772310"}


def operation(client_id: str, method: str, path: str, body: Any = None, at: datetime | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"client_id": client_id, "method": method, "path": f"/api/{path}"}
    if body is not None:
        found["body"] = body
    if at is not None:
        found["occurred_at"] = at.isoformat()
    return found


def replay(client: Client, *operations: dict[str, Any]) -> Any:
    answer = client.post(f"{API}/sync", json={"operations": list(operations)})
    assert answer.status == 200, answer
    assert [result["client_id"] for result in answer.json["results"]] == [one["client_id"] for one in operations]
    counted = {"applied": "applied", "replayed": "replayed", "conflicts": "conflict", "failed": "failed"}
    for total, status in counted.items():
        assert answer.json[total] == sum(result["status"] == status for result in answer.json["results"])
    return answer.json["results"]


def outcomes(results: Any) -> list[tuple[str, int]]:
    return [(result["status"], result["code"]) for result in results]


def raised(world: World, client: Client) -> str:
    """A notification of this client's user."""
    assert client.signed is not None
    organization = client.signed.user.organization
    identity = f"ntf_{len(world.events())}"
    asked = notification.RaiseNotification(
        notification=identity,
        user=client.signed.user.id,
        kind="message_sent",
        level="success",
        entity="message",
        entity_id="msg_1",
        facts={"sent": 1, "failed": 0},
        now=world.now,
    )
    world.run(notification.DECIDER, notification.stream(organization, identity), asked)
    return identity


def everything(seen: str, tomorrow: str) -> list[dict[str, Any]]:
    """Something of each kind, where what comes later speaks of what came before by its `client_id`."""
    return [
        operation("g", "POST", "groups", {"name": "Clientes"}),
        operation("g+", "PUT", "groups/g", {"description": "Los de siempre"}),
        operation("c", "POST", "contacts", {**PEDRO, "groups": ["g"]}),
        operation("d", "POST", "contacts", {"name": "Luz", "phone": "+5215598772311"}),
        operation("d+", "PUT", "contacts/d", {"isActive": False}),
        operation("gd", "POST", "groups/g/contacts", {"contact_ids": ["d"]}),
        operation("g-c", "DELETE", "groups/g/contacts/c"),
        operation("gc", "POST", "groups/g/contacts", {"contact_ids": ["c"]}),
        operation("m", "POST", "messages", {"content": "Hola", "groups": [{"id": "g"}]}),
        operation("m+", "PUT", "messages/m", {"content": "Hola a todos"}),
        operation("ms", "POST", "messages/m/schedule", {"scheduledFor": tomorrow}),
        operation("mp", "POST", "messages/m/pause", {"reason": "espera"}),
        operation("mr", "POST", "messages/m/resume"),
        operation("mc", "POST", "messages/m/cancel"),
        operation("mm", "POST", "messages/m/duplicate"),
        operation("m-", "DELETE", "messages/m"),
        operation("n", "POST", f"notifications/mark-read/{seen}"),
        operation("n-", "DELETE", f"notifications/{seen}"),
        operation("d-", "DELETE", "contacts/d"),
    ]


def test_everything_that_can_be_done_offline_is_done_in_order(world: World, ana: Client) -> None:
    doing = everything(raised(world, ana), (datetime.now(UTC) + timedelta(days=1)).isoformat())
    results = replay(ana, *doing)
    expected = {"POST": {201, 200}, "PUT": {200}, "DELETE": {204}}
    assert {result["status"] for result in results} == {"applied"}, results
    assert all(result["code"] in expected[one["method"]] for one, result in zip(doing, results, strict=True))
    assert [result["client_id"] for result in results if result["code"] == 201] == ["g", "c", "d", "m", "mm"]
    (group,) = ana.get(f"{API}/groups").json["items"]
    assert (group["description"], group["contact_count"]) == ("Los de siempre", 1)
    (copy,) = ana.get(f"{API}/messages").json["items"]
    assert (copy["content"], copy["status"], copy["groups"][0]["id"]) == ("[COPIA] Hola a todos", "draft", group["id"])
    assert ana.get(f"{API}/notifications").json["total"] == 0
    by_id = {result["client_id"]: result["body"] for result in results}
    assert by_id["mm"]["id"] == copy["id"]
    assert (by_id["ms"]["status"], by_id["mp"]["status"], by_id["mr"]["status"]) == ("scheduled", "paused", "scheduled")


def test_the_same_again_changes_nothing_and_answers_alike(world: World, ana: Client) -> None:
    doing = everything(raised(world, ana), (datetime.now(UTC) + timedelta(days=1)).isoformat())
    first = replay(ana, *doing)
    world.forget_limits()
    with world.unchanged():
        again = replay(ana, *doing)
    assert {result["status"] for result in again} == {"replayed"}
    for before, after in zip(first, again, strict=True):
        if before["client_id"] in ("g", "g+", "c", "gc"):
            assert (after["code"], after["body"]["id"]) == (before["code"], before["body"]["id"])
        elif before["code"] == 204:
            assert (after["code"], after["body"]) == (204, None)
        else:
            assert after["body"] is None or before["client_id"] == "gd", "what it was about is gone"
    assert ana.get(f"{API}/messages").json["total"] == 1


def test_a_queue_that_was_cut_short_goes_on_where_it_was(world: World, ana: Client) -> None:
    begun = [operation("g", "POST", "groups", {"name": "Clientes"}), operation("c", "POST", "contacts", PEDRO)]
    replay(ana, *begun)
    results = replay(ana, *begun, operation("gc", "POST", "groups/g/contacts", {"contacts": ["c"]}))
    assert outcomes(results) == [("replayed", 201), ("replayed", 201), ("applied", 200)]
    assert results[2]["body"]["contact_count"] == 1


def test_of_two_devices_with_the_same_queue_at_once_each_thing_is_done_once(world: World, ana: Client) -> None:
    doing = {"operations": [operation(f"c{number}", "POST", "contacts", {"name": "P", "phone": f"+52559877{number:04}"})
                            for number in range(10)]}  # fmt: skip
    answers: list[Answer] = world.at_once(*(ana.asking("POST", f"{API}/sync", json=doing) for _ in range(4)))
    assert {answer.status for answer in answers} == {200}
    ids = [[result["body"]["id"] for result in answer.json["results"]] for answer in answers]
    assert all(found == ids[0] for found in ids)
    assert ana.get(f"{API}/contacts").json["total"] == 10


def test_what_fails_does_not_stop_the_rest(world: World, ana: Client) -> None:
    results = replay(
        ana,
        operation("1", "POST", "contacts", {"name": "", "phone": "x"}),
        operation("2", "POST", "contacts", PEDRO),
        operation("3", "POST", "contacts", {**PEDRO, "name": "Otro"}),
        operation("4", "PUT", "contacts/nobody", {"name": "X"}),
        operation("5", "POST", "messages", {"content": "<script>alert(1)</script>"}),
        operation("6", "POST", "messages"),
        operation("7", "PUT", "contacts/2", {"name": "Pedro"}),
    )
    assert outcomes(results) == [
        ("failed", 422),
        ("applied", 201),
        ("conflict", 409),
        ("conflict", 404),
        ("failed", 422),
        ("failed", 400),
        ("applied", 200),
    ]
    assert set(results[0]["error"]["details"]) >= {"name"}
    assert results[2]["error"]["code"] == "PHONE_EXISTS"
    assert results[3]["error"]["message"] == "No se encontró lo que buscas"
    assert results[4]["error"]["details"]["content"] == ["No puede contener HTML ni scripts"]
    assert results[0]["body"] is None


def test_what_was_changed_elsewhere_later_is_a_conflict_that_shows_both(world: World, ana: Client) -> None:
    message = made(ana, f"{API}/messages", {"content": "Hola"})
    offline = datetime.now(UTC) - timedelta(minutes=5)
    with world.unchanged():
        (lost,) = replay(ana, operation("1", "PUT", f"messages/{message}", {"content": "Adiós"}, offline))
    assert (lost["status"], lost["code"], lost["error"]["code"]) == ("conflict", 409, "CHANGED_MEANWHILE")
    assert lost["current"] == ana.get(f"{API}/messages/{message}").json
    late = datetime.now(UTC) + timedelta(seconds=2)
    (won,) = replay(ana, operation("1", "PUT", f"messages/{message}", {"content": "Adiós"}, late))
    assert (won["status"], won["body"]["content"]) == ("applied", "Adiós")
    (stale,) = replay(ana, operation("2", "DELETE", f"messages/{message}", None, offline))
    assert (stale["status"], stale["current"]["content"]) == ("conflict", "Adiós")
    assert ana.get(f"{API}/messages/{message}").status == 200


def test_ones_own_earlier_operations_are_no_conflict(world: World, ana: Client) -> None:
    offline = datetime.now(UTC) - timedelta(minutes=5)
    results = replay(
        ana,
        operation("m", "POST", "messages", {"content": "Uno"}, offline),
        operation("m1", "PUT", "messages/m", {"content": "Dos"}, offline + timedelta(minutes=1)),
        operation("m2", "DELETE", "messages/m", None, offline + timedelta(minutes=2)),
    )
    assert outcomes(results) == [("applied", 201), ("applied", 200), ("applied", 204)]


def test_an_action_that_the_state_does_not_allow_is_a_conflict_with_the_state(world: World, ana: Client) -> None:
    message = made(ana, f"{API}/messages", {"content": "Hola"})
    (refused,) = replay(ana, operation("1", "POST", f"messages/{message}/pause"))
    assert (refused["status"], refused["code"], refused["error"]["code"]) == ("conflict", 409, "INVALID_STATE")
    assert refused["current"]["status"] == "draft"


def test_what_is_somebody_elses_stays_theirs(world: World, ana: Client) -> None:
    group = made(ana, f"{API}/groups", {"name": "Clientes"})
    contact = made(ana, f"{API}/contacts", PEDRO)
    message = made(ana, f"{API}/messages", {"content": "Hola", "groups": [group]})
    other = world.signed_in(world.user("agent"))
    stranger = world.signed_in(world.user("admin", organization=world.organization()))
    doing = [
        operation("1", "PUT", f"groups/{group}", {"name": "Mío"}),
        operation("2", "DELETE", f"contacts/{contact}"),
        operation("3", "POST", f"messages/{message}/cancel"),
        operation("4", "POST", f"groups/{group}/contacts", {"contact_ids": [contact]}),
        operation("5", "DELETE", f"messages/{message}", None, datetime.now(UTC) - timedelta(days=1)),
    ]
    with world.unchanged():
        found = replay(other, *doing)
        assert outcomes(found) == [("failed", 403)] * 5
        assert outcomes(replay(stranger, *doing)) == [("conflict", 404)] * 5
    assert all(result["current"] is None for result in found)
    assert outcomes(replay(other, operation("1", "POST", "contacts", PEDRO))) == [("applied", 201)]


@pytest.mark.parametrize("temp", ["t1", 1_772_452_800_000])
def test_a_message_may_be_named_as_the_browser_names_its_draft(ana: Client, temp: str | int) -> None:
    made, changed = replay(
        ana,
        operation("1", "POST", "messages", {"content": "Hola", "tempId": temp}),
        operation("2", "PUT", f"messages/{temp}", {"content": "Hola a todos"}),
    )
    assert (changed["code"], changed["body"]["id"]) == (200, made["body"]["id"])


def test_the_client_ids_of_two_users_are_two_things(world: World, ana: Client) -> None:
    other = world.signed_in(world.user("agent"))
    one, two = (replay(client, operation("c", "POST", "contacts", PEDRO))[0] for client in (ana, other))
    assert (one["status"], two["status"]) == ("applied", "applied")
    assert one["body"]["id"] != two["body"]["id"]


def test_a_client_id_that_is_used_for_something_else_is_refused(world: World, ana: Client) -> None:
    replay(ana, operation("c", "POST", "contacts", PEDRO))
    (again,) = replay(ana, operation("c", "POST", "contacts", {**PEDRO, "name": "Otro"}))
    assert (again["status"], again["code"], again["error"]["code"]) == ("conflict", 409, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    "path",
    [
        "/api/auth/logout",
        "/api/sync",
        "/api/contacts/import",
        "/api/contacts/import/",
        "/api/reports/export",
        "/office/users",
        "/api/messages?x=1",
        "api/messages",
        "http://elsewhere.example/api/messages",
        "",
    ],
)
def test_only_some_paths_can_be_replayed(world: World, ana: Client, path: str) -> None:
    with world.unchanged():
        (refused,) = replay(ana, {"client_id": "1", "method": "POST", "path": path, "body": {}})
    assert (refused["status"], refused["code"], refused["error"]["code"]) == ("failed", 422, "PATH_NOT_ALLOWED")


def test_no_path_leads_out_of_its_own_part(world: World, ana: Client) -> None:
    found = replay(ana, operation("1", "POST", "messages/../auth/logout"), operation("2", "POST", "contacts/%2e%2e"))
    assert {result["status"] for result in found} <= {"conflict", "failed"}
    assert ana.get(f"{API}/auth/me").status == 200


@pytest.mark.parametrize(
    "operations",
    [
        None,
        {},
        [7],
        [{"client_id": "1", "method": "GET", "path": "/api/messages"}],
        [{"client_id": "1", "method": "PATCH", "path": "/api/messages/1"}],
        [{"method": "POST", "path": "/api/messages"}],
        [{"client_id": "", "method": "POST", "path": "/api/messages"}],
        [{"client_id": "ñ", "method": "POST", "path": "/api/messages"}],
        [{"client_id": "x" * 101, "method": "POST", "path": "/api/messages"}],
        [operation("1", "POST", "messages", {}), operation("1", "POST", "groups", {})],
        [operation(f"{number}", "POST", "messages", {}) for number in range(201)],
        [{"client_id": "1", "method": "POST", "path": "/api/messages", "body": []}],
        [{"client_id": "1", "method": "POST", "path": "/api/messages", "occurred_at": "yesterday"}],
    ],
)
def test_a_queue_that_is_none_is_refused_as_a_whole(world: World, ana: Client, operations: Any) -> None:
    with world.unchanged():
        answer = ana.post(f"{API}/sync", json={"operations": operations})
    assert answer.status == 422, answer


def test_limits_hold_and_the_rest_is_done_later(world: World, ana: Client) -> None:
    doing = [operation(f"g{number}", "POST", "groups", {"name": f"Grupo {number}"}) for number in range(7)]
    assert outcomes(replay(ana, *doing)) == [("applied", 201)] * 5 + [("failed", 429)] * 2
    world.forget_limits()
    assert outcomes(replay(ana, *doing[5:])) == [("applied", 201)] * 2
    assert ana.get(f"{API}/groups").json["total"] == 7


def test_nothing_to_do_is_done_at_once_and_a_visitor_does_nothing(world: World, ana: Client) -> None:
    assert replay(ana) == []
    assert world.visitor().post(f"{API}/sync", json={"operations": []}).status == 401


def test_two_hundred_operations_go_through(world: World, ana: Client) -> None:
    people = ({"name": "P", "phone": f"+5255{number:08}"} for number in range(200))
    doing = [operation(f"c{number}", "POST", "contacts", person) for number, person in enumerate(people)]
    assert set(outcomes(replay(ana, *doing))) == {("applied", 201)}
    assert ana.get(f"{API}/contacts").json["total"] == 200
