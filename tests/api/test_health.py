"""Health, readiness and metrics: what a supervisor and Prometheus are told."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import access, health, hub
from eventstore import lane
from eventstore import log as logs
from tests.support.http import Answer, Client, Process, World, until

NOWHERE = {"database_url": "postgresql://127.0.0.1:1/nothing", "redis_url": "redis://127.0.0.1:1/0"}


def do_not_wait(world: World) -> None:
    """A process that starts without its database gives up looking for it soon."""
    for module in (access, hub):
        world.patch.setattr(module, "FIRST_LOOK", 0.05)


def ready(process: Process) -> Answer:
    return process.visitor().get("/health/ready")


def samples(client: Client, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by its labels: frontend, method, route, status."""
    order = ("frontend", "method", "route", "status")
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        tuple(sample.labels[label] for label in order if label in sample.labels): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_a_process_is_alive_whatever_is_away(world: World) -> None:
    do_not_wait(world)
    answer = world.another_process(**NOWHERE).visitor().get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_a_process_is_ready_when_its_dependencies_answer(world: World) -> None:
    world.settle()
    answers: list[Answer] = []  # for a dependency that took two seconds it is not ready at once
    until(lambda: answers.append(ready(world.process)) or answers[-1].status == 200, lambda: answers)
    answer = answers[-1]
    assert answer.json["ready"] is True
    assert answer.json["views_lag_events"] == 0
    checks = answer.json["dependencies"]
    assert set(checks) == {"database", "redis"}
    assert all(check["ok"] and check["error"] is None and check["milliseconds"] > 0 for check in checks.values())


def test_a_process_without_redis_is_not_ready_and_says_why(world: World) -> None:
    answer = ready(world.another_process(redis_url=NOWHERE["redis_url"]))
    assert answer.status == 503
    assert answer.json["dependencies"]["database"]["ok"] is True
    assert answer.json["dependencies"]["redis"]["ok"] is False
    assert "refused" in answer.json["dependencies"]["redis"]["error"].lower() or "111" in answer.text


@pytest.mark.parametrize("path", ["/health/ready", "/scheduler/api/health", "/scheduler/api/health/db"])
def test_a_probe_does_not_wait_for_a_server_that_stands_still(world: World, path: str) -> None:
    """Nor for the driver, which tells it first that nobody asks any more."""
    world.patch.setattr(health, "PATIENCE", 0.1)
    world.patch.setattr(logs, "head_of", stuck := Stuck())
    answer = world.visitor().get(path)
    assert answer.status == 503
    assert not stuck.over.is_set()
    world.loop.run(stuck.end())


class Stuck:
    """A question that is not answered, and not called off either."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def __call__(self, _: object) -> int:
        while not self.over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.over.wait()
        return 0

    async def end(self) -> None:
        self.over.set()


def test_a_process_without_a_database_is_not_ready_and_refuses_in_order(world: World) -> None:
    do_not_wait(world)
    token = world.signed_in(world.user()).headers
    process = world.another_process(database_url=NOWHERE["database_url"])
    process.runtime.pool.timeout = 600  # a probe must not wait for it
    answer = ready(process)
    process.runtime.pool.timeout = 0.1
    world.patch.setattr(lane, "PATIENCE", 0.1)
    assert answer.status == 503
    assert answer.json["dependencies"]["database"]["ok"] is False
    assert answer.json["views_lag_events"] is None
    goal = {"amount": 30_000, "month": "diciembre", "year": 2030}
    client = Client(process, token)
    read, write = world.at_once(
        client.asking("GET", "/pazz/api/v1/goals/current"), client.asking("POST", "/pazz/api/v1/goals", json=goal)
    )
    for refused in (read, write):
        assert (refused.status, refused.json["error"]["code"]) == (503, "UNAVAILABLE"), refused


@pytest.mark.parametrize(
    ("away", "back"),
    [
        ("alter table views.goals rename to gone", "alter table views.gone rename to goals"),
        ("alter table views.goals rename earned to gone", "alter table views.goals rename gone to earned"),
    ],
)
def test_what_reads_a_view_that_is_not_built_yet_is_to_be_tried_again(world: World, away: str, back: str) -> None:
    client = world.signed_in(world.user("partner"))
    with psycopg.connect(world.settings.database_url, autocommit=True) as connection:
        connection.execute(away)
        try:
            answer = client.get("/pazz/api/v1/goals/current")
        finally:
            connection.execute(back)
    assert (answer.status, answer.json["error"]["code"]) == (503, "UNAVAILABLE")
    assert client.get("/pazz/api/v1/goals/current").status == 200


def test_views_that_lag_are_shown_and_make_nobody_unready(world: World) -> None:
    behind = world.another_process()
    world.settle()
    behind.runtime.horizon._moved = lambda position: None  # it hears no more of the projector
    world.processes.remove(behind)  # nobody waits for it
    try:
        world.organization()
        answer = ready(behind)
    finally:
        behind.close()
    assert answer.status == 200
    assert answer.json["ready"] is True
    assert answer.json["views_lag_events"] >= 1


def test_requests_are_counted_by_route_and_not_by_path(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    counts = "bitacora_request_seconds_count"
    key = ("office", "GET", "/users/{user_id}", "404")
    before = samples(world.visitor(), counts)
    for number in range(3):
        manager.get(f"/office/users/nobody_{number}")
    for number in range(3):
        world.visitor().get(f"/pazz/nothing/{number}")
        world.visitor().send(f"NONSENSE{number}", "/pazz/api/v1/goals")
    world.visitor().get("/health")
    after = samples(world.visitor(), counts)
    assert after[key] - before.get(key, 0) == 3
    assert after["house", "GET", "/health", "200"] > before.get(("house", "GET", "/health", "200"), 0)
    assert after["pazz", "GET", "-", "404"] - before.get(("pazz", "GET", "-", "404"), 0) == 3
    assert after["pazz", "other", "-", "405"] - before.get(("pazz", "other", "-", "405"), 0) == 3
    assert not [labels for labels in after if "nobody_" in str(labels) or "NONSENSE" in str(labels)]


def test_the_time_of_requests_falls_into_buckets(world: World) -> None:
    world.visitor().get("/health")
    text = world.visitor().get("/metrics").text
    assert 'bitacora_request_seconds_bucket{frontend="house",le="0.005",method="GET",route="/health"' in text


def test_what_the_writer_did_is_counted(world: World) -> None:
    before = samples(world.visitor(), "bitacora_writer_events")[()]
    manager = world.signed_in(world.user("manager"))
    assert manager.post("/office/customers", json={"name": "Pedro"}).status == 201
    assert samples(world.visitor(), "bitacora_writer_events")[()] >= before + 1
    until(lambda: samples(world.visitor(), "bitacora_views_position")[()] == world.head)


def test_metrics_say_what_they_are(world: World) -> None:
    answer = world.visitor().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE bitacora_request_seconds histogram" in answer.text
