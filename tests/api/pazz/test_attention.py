"""Clients who need attention: when, whose, in what order, and with which words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.pazz import phrases
from domain.deal import ACTIVITIES
from domain.pipeline import VEHICLE_FINANCING
from tests.api.pazz.conftest import NOW, Broker

MINUTE = timedelta(minutes=1)


def shown(broker: Broker) -> list[tuple[str, str]]:
    return [(client["id"], client["priority"]) for client in broker.attention()["clients"]]


@pytest.mark.parametrize(
    ("stage", "passed", "appears"),
    [
        ("prequalification", timedelta(hours=47, minutes=59), False),
        ("prequalification", timedelta(hours=48), False),
        ("prequalification", timedelta(hours=48, minutes=1), True),
        ("documentation", timedelta(hours=71, minutes=59), False),
        ("documentation", timedelta(hours=72), False),
        ("documentation", timedelta(hours=72, minutes=1), True),
        ("approval", timedelta(days=6, hours=23, minutes=59), False),
        ("approval", timedelta(days=7), False),
        ("approval", timedelta(days=7, minutes=1), True),
        ("financing", timedelta(days=7), False),
        ("financing", timedelta(days=7, minutes=1), True),
    ],
)
def test_a_client_appears_by_time_alone_once_the_limit_is_past(
    broker: Broker, stage: str, passed: timedelta, appears: bool
) -> None:
    broker.file(stage=stage)
    broker.time_is(NOW + passed)
    assert bool(broker.attention()["clients"]) is appears
    assert broker.attention()["metadata"]["byStatus"][stage] == int(appears)


@pytest.mark.parametrize(
    ("inactive", "value", "days", "priority"),
    [
        (timedelta(0), 400_000, 0, "low"),
        (timedelta(hours=23, minutes=59), 400_000, 0, "low"),
        (timedelta(days=1), 400_000, 1, "low"),
        (timedelta(days=2, hours=23, minutes=59), 400_000, 2, "low"),
        (timedelta(days=3), 400_000, 3, "medium"),
        (timedelta(days=7), 400_000, 7, "medium"),
        (timedelta(days=7, minutes=1), 400_000, 7, "high"),
        (timedelta(days=30), 400_000, 30, "high"),
        (timedelta(0), 500_000, 0, "low"),
        (timedelta(0), 500_000.01, 0, "high"),
    ],
)
def test_priority_and_days_go_by_inactivity_and_value(
    broker: Broker, inactive: timedelta, value: float, days: int, priority: str
) -> None:
    file = broker.file(value=value)
    broker.later(days=60)
    broker.tell(file, "activities", kind="access")
    broker.later(seconds=inactive.total_seconds())
    (client,) = broker.attention()["clients"]
    assert (client["daysInactive"], client["priority"]) == (days, priority)


def test_high_priority_comes_first_then_whoever_was_not_seen_for_the_longest_time(broker: Broker) -> None:
    customers: dict[str, str] = {}
    for name, value, seen in [
        ("a", 1, 40),
        ("b", 900_000, 59),
        ("c", 1, 57),
        ("d", 1, 59.5),
        ("e", 1, 50),
        ("f", 1, 58),
    ]:
        broker.time_is(NOW)
        customers[name] = broker.customer(name)
        file = broker.file(customers[name], value=value)
        broker.later(days=seen)
        broker.tell(file, "activities", kind="access")
    broker.time_is(NOW + timedelta(days=60))
    names = {identity: name for name, identity in customers.items()}
    assert [(names[identity], priority) for identity, priority in shown(broker)] == [
        ("a", "high"),
        ("e", "high"),
        ("b", "high"),
        ("c", "medium"),
        ("f", "low"),
        ("d", "low"),
    ]


def test_moving_on_takes_a_client_off_the_list_until_the_next_limit(broker: Broker) -> None:
    file = broker.file()
    broker.later(hours=10)
    broker.tell(file, "activities", kind="call")
    broker.later(hours=39)
    assert len(shown(broker)) == 1
    broker.tell(file, "stage", stage="documentation")
    assert shown(broker) == []
    broker.later(hours=24)
    (client,) = broker.attention()["clients"]
    assert (client["status"], client["statusLabel"], client["nextAction"]) == (
        "documentation",
        "Documentación sin concluir",
        "complete_documentation",
    )


@pytest.mark.parametrize("end", ["delivered", "lost"])
def test_a_closed_file_needs_nothing_any_more(broker: Broker, end: str) -> None:
    file = broker.file()
    broker.later(days=30)
    assert len(shown(broker)) == 1
    if end == "lost":
        broker.tell(file, "loss")
    else:
        broker.tell(file, "stage", stage=end)
    assert shown(broker) == []


def test_only_the_callers_own_clients_are_shown(broker: Broker) -> None:
    bea = broker.world.user("partner", name="Bea")
    mine, hers = broker.customer("Mine"), broker.customer("Hers", partner=bea)
    broker.file(mine)
    broker.file(hers, partner=bea)
    broker.later(days=3)
    assert [identity for identity, _ in shown(broker)] == [mine]
    answer = broker.world.signed_in(bea).get("/pazz/api/v1/clients/attention-required")
    assert [client["id"] for client in answer.json["data"]["clients"]] == [hers]


def test_a_client_follows_whoever_looks_after_them(broker: Broker) -> None:
    bea = broker.world.user("partner", name="Bea")
    customer = broker.customer()
    broker.file(customer)
    broker.later(days=3)
    path = f"/office/customers/{customer}/assignment"
    assert broker.office.post(path, json={"assigned_to": bea.id}).status == 200
    assert shown(broker) == []
    hers = broker.world.signed_in(bea).get("/pazz/api/v1/clients/attention-required").json["data"]["clients"]
    assert [client["id"] for client in hers] == [customer]
    assert broker.office.post(path, json={"assigned_to": None}).status == 200
    assert [identity for identity, _ in shown(broker)] == [customer]  # the partner of the file, while nobody does


def test_a_client_with_two_files_is_shown_once_by_the_newest_that_is_open(broker: Broker) -> None:
    customer = broker.customer()
    broker.file(customer, title="first")
    broker.later(days=1)
    second = broker.file(customer, title="second", stage="documentation")
    broker.later(days=10)
    assert [client["status"] for client in broker.attention()["clients"]] == ["documentation"]
    broker.tell(second, "loss")
    assert [client["status"] for client in broker.attention()["clients"]] == ["prequalification"]


def test_limit_and_status_choose_and_the_counters_stay_whole(broker: Broker) -> None:
    for stage, number in {"prequalification": 3, "documentation": 2, "approval": 1, "financing": 1}.items():
        for _ in range(number):
            broker.file(stage=stage)
    broker.later(days=8)
    by_status = {"prequalification": 3, "documentation": 2, "approval": 1, "financing": 1}
    for query, length, total in [
        ({}, 7, 7),
        ({"limit": 2}, 2, 7),
        ({"status": "all", "limit": 50}, 7, 7),
        ({"status": "documentation"}, 2, 2),
        ({"status": "documentation", "limit": 1}, 1, 2),
        ({"status": "financing"}, 1, 1),  # C4
    ]:
        answer = broker.attention(**query)
        assert len(answer["clients"]) == length, query
        assert answer["metadata"] == {"total": total, "byStatus": by_status}, query


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 51}, {"limit": "many"}, {"status": "delivered"}, {"status": ""}, {"limit": -1}]
)
def test_a_query_out_of_bounds_is_refused(broker: Broker, query: dict[str, Any]) -> None:
    answer = broker.pazz.get("/pazz/api/v1/clients/attention-required", params=query)
    assert (answer.status, answer.json["error"]["code"]) == (400, "VALIDATION_FAILED")
    assert list(answer.json["error"]["details"]) == list(query)


def test_at_most_twenty_are_shown_when_none_says_how_many(broker: Broker) -> None:
    for _ in range(21):
        broker.file()
    broker.later(days=3)
    answer = broker.attention()
    assert (len(answer["clients"]), answer["metadata"]["total"]) == (20, 21)


def test_an_erased_client_is_gone_from_the_list(broker: Broker) -> None:
    customer = broker.customer()
    broker.file(customer)
    broker.later(days=3)
    assert broker.office.post(f"/office/customers/{customer}/erasure").status == 200
    assert broker.attention() == {
        "clients": [],
        "metadata": {
            "total": 0,
            "byStatus": {"prequalification": 0, "documentation": 0, "approval": 0, "financing": 0},
        },
    }


def test_what_is_not_known_of_a_client_is_left_out(broker: Broker) -> None:
    broker.file(broker.customer("Prince"))
    broker.later(days=3)
    (client,) = broker.attention()["clients"]
    assert "phone" not in client
    assert "email" not in client


@pytest.mark.parametrize("stage", phrases.STATUSES)
@pytest.mark.parametrize("days", [0, 2, 3, 6, 7, 40])
def test_there_is_a_message_for_every_status_and_inactivity(stage: str, days: int) -> None:
    said = phrases.message("Pedro Juan Gutiérrez", stage, days, "BMW Serie 4")
    assert said.startswith("Hola Pedro, ")
    assert (str(days) in said) is (days >= 3)
    assert ("BMW Serie 4" in said) is (days >= 7)
    assert phrases.message("Ana", stage, days, None) != said


def test_every_word_of_the_domain_has_its_own_here() -> None:
    assert set(phrases.LABELS) == set(phrases.NEXT_ACTIONS) == set(phrases.STAGES_BEGUN) == set(VEHICLE_FINANCING.names)
    assert set(phrases.ACTIVITIES) == set(ACTIVITIES) - {"access"}
    assert set(phrases.OPENINGS) == set(phrases.STATUSES)
