"""Goals over HTTP: set, changed, moved by commissions, closed with their month; pushes say what GET says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain import commission, goal
from domain.commission import CommissionCancelled, CommissionEarned
from domain.goal import CommissionCounted, GoalAchieved, GoalRevised, GoalSet
from domain.values import Month
from eventstore import execute
from tests.support.http import Answer, Client, User, World
from tests.support.sockets import SocketIo

GOALS = "/pazz/api/v1/goals"
NOW = datetime(2025, 10, 15, 18, 0, tzinfo=UTC)
OCTOBER = {"amount": 25_000, "month": "octubre", "year": 2025}


@pytest.fixture
def partner(world: World) -> User:
    world.time_is(NOW)
    return world.user("partner")


@pytest.fixture
def client(world: World, partner: User) -> Client:
    return world.signed_in(partner)


def earned(partner: User, amount: int, number: int = 1, month: str = "2025-10", sale: int = 0) -> CommissionEarned:
    return CommissionEarned(
        commission=f"com_{number}",
        partner=partner.id,
        deal="deal_1",
        customer="client_1",
        amount=amount,
        rate=200,
        sale=sale,
        month=month,
        at=NOW,
    )


def earn(world: World, partner: User, amount: int, number: int = 1, month: str = "2025-10") -> None:
    """A commission of the partner is earned."""
    stream = commission.stream(partner.organization, f"com_{number}")
    world.given(stream, earned(partner, amount, number, month))


def happened(world: World, after: int) -> list[type]:
    return [type(recorded.event) for recorded in world.events(after)]


def details(answer: Answer) -> dict[str, list[str]]:
    assert answer.json["error"]["code"] == "GOAL_VALIDATION_FAILED", answer
    return answer.json["error"]["details"]


# --- setting


def test_a_goal_is_set_and_shown(world: World, client: Client) -> None:
    before = world.head
    answer = client.post(GOALS, json=OCTOBER)
    assert answer.status == 201, answer
    identity = answer.json["data"]["id"]
    assert identity.startswith("goal_")
    assert answer.json == {
        "success": True,
        "data": {
            "id": identity,
            "amount": 25_000,
            "currentAmount": 0,
            "month": "Octubre",
            "year": 2025,
            "achieved": False,
            "progress": 0.0,
            "remaining": 25_000,
            "earnedCommissions": 0,
            "exceededBy": 0,
            "createdAt": "2025-10-15T18:00:00Z",
        },
    }
    assert client.get(f"{GOALS}/current").json == answer.json
    assert happened(world, before) == [GoalSet]


def test_setting_it_again_changes_it(world: World, client: Client) -> None:
    first = client.post(GOALS, json=OCTOBER)
    before = world.head
    second = client.post(GOALS, json={**OCTOBER, "amount": 30_000.5, "month": "OCTUBRE"})
    assert (second.status, second.json["data"]["amount"]) == (200, 30_000.5)
    assert second.json["data"]["id"] == first.json["data"]["id"]
    again = client.post(GOALS, json={**OCTOBER, "amount": 30_000.5})
    assert (again.status, again.json) == (200, second.json)
    assert happened(world, before) == [GoalRevised]


def test_who_only_wants_to_create_is_told_that_it_is_there(world: World, client: Client) -> None:
    careful = client.with_headers(if_none_match="*")
    assert careful.post(GOALS, json=OCTOBER).status == 201
    with world.unchanged():
        answer = careful.post(GOALS, json={**OCTOBER, "amount": 30_000})
    assert answer.status == 409
    assert answer.json["error"] == {"code": "GOAL_ALREADY_EXISTS", "message": "Ya existe una meta para este mes"}


def test_a_clash_that_cannot_be_resolved_is_told_with_the_same_code(
    world: World, partner: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(GOALS, json=OCTOBER)
    elsewhere = world.another_process().signed_in(partner)
    assert elsewhere.post(GOALS, json={**OCTOBER, "amount": 30_000}).status == 200
    monkeypatch.setattr(execute, "ATTEMPTS", 1)  # this process still remembers the first amount
    with world.unchanged():
        answer = client.post(GOALS, json={**OCTOBER, "amount": 40_000})
    assert answer.status == 409
    assert answer.json["error"]["code"] == "GOAL_ALREADY_EXISTS"
    assert answer.json["error"]["message"] == "Alguien más hizo un cambio al mismo tiempo. Intenta de nuevo"


def test_a_hundred_identical_posts_at_once_make_one_goal(world: World, client: Client) -> None:
    before = world.head
    answers = world.at_once(*(client.asking("POST", GOALS, json=OCTOBER) for _ in range(100)))
    assert sorted(answer.status for answer in answers) == [200] * 99 + [201]
    assert len({answer.json["data"]["id"] for answer in answers}) == 1
    assert happened(world, before) == [GoalSet]


def test_a_hundred_posts_through_two_processes_make_one_goal(world: World, partner: User) -> None:
    clients = [world.signed_in(partner), world.another_process().signed_in(partner)]
    before = world.head
    answers = world.at_once(*(client.asking("POST", GOALS, json=OCTOBER) for _ in range(50) for client in clients))
    assert sorted(answer.status for answer in answers) == [200] * 99 + [201]
    assert happened(world, before) == [GoalSet]


def test_the_same_key_answers_as_before_and_another_body_is_refused(world: World, client: Client) -> None:
    keyed = client.with_headers(idempotency_key="the goal")
    first = keyed.post(GOALS, json=OCTOBER)
    again = keyed.post(GOALS, json=OCTOBER)
    assert (first.status, again.status) == (201, 201)
    assert again.json["data"]["id"] == first.json["data"]["id"]
    assert again.headers["idempotency-replayed"] == "true"
    with world.unchanged():
        other = keyed.post(GOALS, json={**OCTOBER, "amount": 30_000})
    assert (other.status, other.json["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"amount": 999.99}, {"amount": ["Debe ser mayor o igual a 1000"]}),
        ({"amount": 0}, {"amount": ["Debe ser mayor o igual a 1000"]}),
        ({"amount": -5_000}, {"amount": ["Debe ser mayor o igual a 1000"]}),
        ({"amount": 1_000_000.01}, {"amount": ["Debe ser menor o igual a 1000000"]}),
        ({"amount": 10**11}, {"amount": ["Debe ser menor o igual a 1000000"]}),
        ({"amount": 10**30}, {"amount": ["El valor está fuera de los límites permitidos"]}),
        ({"amount": 1e300}, {"amount": ["El valor está fuera de los límites permitidos"]}),
        ({"amount": 5_000.001}, {"amount": ["Debe ser una cantidad en pesos con dos decimales como máximo"]}),
        ({"amount": "25000"}, {"amount": ["El tipo de dato no es válido"]}),
        ({"amount": True}, {"amount": ["El tipo de dato no es válido"]}),
        ({"amount": None}, {"amount": ["El tipo de dato no es válido"]}),
        ({"month": "brumario"}, {"month": ["Debe ser el nombre de un mes, de Enero a Diciembre"]}),
        ({"month": ""}, {"month": ["Debe ser el nombre de un mes, de Enero a Diciembre"]}),
        ({"month": "10"}, {"month": ["Debe ser el nombre de un mes, de Enero a Diciembre"]}),
        ({"month": 10}, {"month": ["El tipo de dato no es válido"]}),
        ({"month": "x" * 10_000}, {"month": ["El valor está fuera de los límites permitidos"]}),
        ({"month": "septiembre"}, {"month": ["No se puede fijar la meta de un mes que ya cerró"]}),
        ({"year": 2024}, {"year": ["No se puede fijar la meta de un mes que ya cerró"]}),
        ({"year": 0}, {"year": ["El valor está fuera de los límites permitidos"]}),
        ({"year": 10_000}, {"year": ["El valor está fuera de los límites permitidos"]}),
        ({"year": 2031}, {"year": ["No puede ser posterior a 2030"]}),
        ({"year": 2025.5}, {"year": ["El valor está fuera de los límites permitidos"]}),
        ({"year": "2025"}, {"year": ["El tipo de dato no es válido"]}),
        ({"color": "azul"}, {"color": ["No se reconoce este campo"]}),
    ],
)
def test_a_goal_outside_the_rules_is_refused(
    world: World, client: Client, changed: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    with world.unchanged():
        answer = client.post(GOALS, json={**OCTOBER, **changed})
    assert answer.status == 400, answer
    assert details(answer) == expected


def test_every_wrong_field_is_told_at_once(client: Client) -> None:
    answer = client.post(GOALS, json={"amount": "mucho", "month": 10, "color": "azul"})
    assert details(answer) == {
        "amount": ["El tipo de dato no es válido"],
        "month": ["El tipo de dato no es válido"],
        "year": ["Es obligatorio"],
        "color": ["No se reconoce este campo"],
    }


def test_a_goal_that_is_too_small_is_refused_in_the_words_of_the_document(client: Client) -> None:
    answer = client.post(GOALS, json={**OCTOBER, "amount": 500})
    assert answer.json["error"] == {
        "code": "GOAL_VALIDATION_FAILED",
        "message": "La meta debe ser mayor o igual a $1,000",
        "details": {"amount": ["Debe ser mayor o igual a 1000"]},
    }


@pytest.mark.parametrize("name", ["Octubre", "octubre", " OCTUBRE "])
def test_a_month_may_be_written_in_any_letters(client: Client, name: str) -> None:
    assert client.post(GOALS, json={**OCTOBER, "month": name}).json["data"]["month"] == "Octubre"


def test_september_has_two_spellings(client: Client) -> None:
    answer = client.post(GOALS, json={**OCTOBER, "month": "Setiembre", "year": 2026})
    assert answer.json["data"]["month"] == "Septiembre", answer


@pytest.mark.parametrize("amount", [1_000, 1_000_000])
def test_both_limits_are_allowed(client: Client, amount: int) -> None:
    assert client.post(GOALS, json={**OCTOBER, "amount": amount}).status == 201


# --- the month


def test_a_month_begins_where_the_partners_are(world: World, client: Client) -> None:
    world.time_is(datetime(2025, 11, 1, 5, 59, tzinfo=UTC))  # still October in Mexico City
    assert client.get(f"{GOALS}/current").json["data"]["month"] == "Octubre"
    assert client.post(GOALS, json=OCTOBER).status == 201
    world.time_is(datetime(2025, 11, 1, 6, 0, tzinfo=UTC))
    assert client.get(f"{GOALS}/current").json["data"]["month"] == "Noviembre"
    assert details(client.post(GOALS, json=OCTOBER)) == {"month": ["No se puede fijar la meta de un mes que ya cerró"]}


def test_without_a_goal_there_is_an_implicit_one(world: World, client: Client) -> None:
    assert client.get(f"{GOALS}/current").json["data"] == {
        "id": "goal_2025-10",
        "amount": 25_000,
        "currentAmount": 0,
        "month": "Octubre",
        "year": 2025,
        "achieved": False,
        "progress": 0.0,
        "remaining": 25_000,
        "earnedCommissions": 0,
        "exceededBy": 0,
    }
    client.post(GOALS, json={**OCTOBER, "amount": 40_000})
    world.time_is(datetime(2025, 12, 2, tzinfo=UTC))
    assert client.get(f"{GOALS}/current").json["data"]["amount"] == 40_000, "the amount used last"


def test_past_goals_are_listed_newest_first(world: World, partner: User, client: Client) -> None:
    for number, (month, amount, reached) in enumerate(
        [("2025-03", 15_000_00, 14_500_00), ("2025-04", 20_000_00, 15_000_00), ("2025-05", 25_000_00, 26_500_00)]
    ):
        stream = goal.stream(partner.organization, partner.id, Month.parse(month))
        world.given(
            stream,
            GoalSet(goal=f"goal_{number}", partner=partner.id, month=month, amount=amount, at=NOW),
            CommissionCounted(commission=f"com_{number}", partner=partner.id, month=month, amount=reached, at=NOW),
        )
    client.post(GOALS, json=OCTOBER)
    answer = client.get(f"{GOALS}/history", params={"limit": 2})
    assert answer.status == 200
    data = answer.json["data"]
    assert data["goals"] == data["items"]
    assert [(entry["month"], entry["progress"], entry["exceededBy"]) for entry in data["goals"]] == [
        ("Mayo", 106.0, 1_500),
        ("Abril", 75.0, 0),
    ]
    assert data["goals"][0]["achieved"] is True
    assert data["pagination"] == {"total": 3, "limit": 2, "offset": 0, "hasMore": True}
    rest = client.get(f"{GOALS}/history", params={"limit": 2, "offset": 2}).json["data"]
    assert [entry["month"] for entry in rest["goals"]] == ["Marzo"]
    assert rest["pagination"]["hasMore"] is False


@pytest.mark.parametrize("query", ["limit=0", "limit=25", "limit=abc", "limit=-1", "offset=-1", "limit=1.5"])
def test_a_page_outside_the_limits_is_refused(client: Client, query: str) -> None:
    answer = client.get(f"{GOALS}/history?{query}")
    assert answer.status == 400
    assert list(details(answer)) == [query.split("=")[0]]


# --- progress


def test_commissions_move_the_goal_once_each(world: World, partner: User, client: Client) -> None:
    client.post(GOALS, json=OCTOBER)
    earn(world, partner, 20_000_00, 1)
    world.react()
    data = client.get(f"{GOALS}/current").json["data"]
    assert (data["currentAmount"], data["progress"], data["remaining"]) == (20_000, 80.0, 5_000)
    assert world.react() == 0
    for job in ("goal_progress", "level_progress"):  # a job that is done twice changes nothing
        with world.unchanged():
            world.loop.run(world.house.performer.perform(job, world.events()[-1].position))
    earn(world, partner, 6_500_00, 2)
    world.react()
    data = client.get(f"{GOALS}/current").json["data"]
    assert (data["currentAmount"], data["achieved"], data["progress"]) == (26_500, True, 106.0)
    assert (data["remaining"], data["exceededBy"], data["earnedCommissions"]) == (0, 1_500, 26_500)


def test_a_goal_is_achieved_once(world: World, partner: User, client: Client) -> None:
    client.post(GOALS, json=OCTOBER)
    before = world.head
    for number in (1, 2, 3):
        earn(world, partner, 15_000_00, number)
        world.react()
    assert happened(world, before).count(GoalAchieved) == 1


def test_a_commission_of_another_month_moves_that_months_goal(world: World, partner: User, client: Client) -> None:
    client.post(GOALS, json=OCTOBER)
    earn(world, partner, 20_000_00, month="2025-09")
    world.react()
    assert client.get(f"{GOALS}/current").json["data"]["currentAmount"] == 0


def test_a_cancelled_commission_no_longer_counts(world: World, partner: User, client: Client) -> None:
    client.post(GOALS, json=OCTOBER)
    earn(world, partner, 20_000_00)
    world.react()
    cancelled = CommissionCancelled(
        commission="com_1", partner=partner.id, month="2025-10", amount=20_000_00, sale=0, was_earned=True, at=NOW
    )
    world.given(commission.stream(partner.organization, "com_1"), cancelled)
    world.react()
    assert world.refused_jobs() == []
    assert client.get(f"{GOALS}/current").json["data"]["currentAmount"] == 0


def test_nobody_sees_the_goal_of_somebody_else(world: World, partner: User, client: Client) -> None:
    client.post(GOALS, json={**OCTOBER, "amount": 77_000})
    colleague = world.signed_in(world.user("partner"))
    namesake = world.signed_in(world.user("partner", organization=world.organization("other")))
    for other in (colleague, namesake):
        assert other.get(f"{GOALS}/current").json["data"]["amount"] == 25_000


# --- pushes


@pytest.mark.parametrize("namespace", ["/", "/pazz"])
def test_a_push_says_what_get_says(world: World, partner: User, client: Client, namespace: str) -> None:
    with SocketIo(world.address, {"token": client.token}, namespace) as dashboard:
        client.post(GOALS, json=OCTOBER)
        name, pushed, offset = dashboard.event()
        assert name == "goal:updated"
        assert pushed == client.get(f"{GOALS}/current").json["data"]
        assert offset == str(world.head)
        earn(world, partner, 25_000_00)
        world.react()
        events = {event[0]: event[1] for event in (dashboard.event(), dashboard.event())}
        assert events["goal:updated"] == client.get(f"{GOALS}/current").json["data"]
        assert events["goal:updated"]["achieved"] is True
        assert events["commission:earned"]["amount"] == 25_000


def test_pushes_are_for_their_partner_only(world: World, client: Client) -> None:
    colleague = world.signed_in(world.user("partner"))
    with SocketIo(world.address, {"token": colleague.token}) as other:
        client.post(GOALS, json=OCTOBER)
        assert other.event_if_any() is None


def test_another_month_is_not_pushed_as_the_current_one(world: World, client: Client) -> None:
    with SocketIo(world.address, {"token": client.token}) as dashboard:
        client.post(GOALS, json={**OCTOBER, "month": "diciembre"})
        client.post(GOALS, json=OCTOBER)
        assert dashboard.event()[1]["month"] == "Octubre"


def test_who_comes_back_gets_what_was_missed(world: World, client: Client) -> None:
    with SocketIo(world.address, {"token": client.token}) as dashboard:
        client.post(GOALS, json=OCTOBER)
        seen = dashboard.event()[2]
    client.post(GOALS, json={**OCTOBER, "amount": 50_000})
    for process in (world.process, world.another_process()):
        with SocketIo(process.address, {"token": client.token, "offset": seen}) as dashboard:
            name, pushed, _ = dashboard.event()
            assert (name, pushed["amount"]) == ("goal:updated", 50_000)
            assert dashboard.event_if_any() is None


@pytest.mark.parametrize("offset", ["-1", "1" * 30, True, 5, "", "٣", None, 1.5, [1]])
def test_a_place_to_resume_from_that_makes_no_sense_is_ignored(
    world: World, client: Client, offset: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with SocketIo(world.address, {"token": client.token, "offset": offset}) as dashboard:
        assert dashboard.event_if_any() is None
        client.post(GOALS, json=OCTOBER)
        assert dashboard.event()[0] == "goal:updated"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
