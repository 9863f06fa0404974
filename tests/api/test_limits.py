"""Rate limits: exact under concurrency, apart by policy and subject, open without Redis, shown in headers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest
from redis.asyncio import Redis

from api import limits, runtime
from api.limits import Limits, Policy, Verdict
from api.office import contract as office
from api.pazz import contract as pazz
from tests.support.http import PASSWORD, Client, World

FIVE = Policy("five", 5, 60)
THREE = Policy("three", 3, 60)
ME = "/pazz/api/v1/auth/me"


def statuses(world: World, client: Client, calls: int, path: str) -> list[int]:
    return sorted(answer.status for answer in world.at_once(*(client.asking("GET", path) for _ in range(calls))))


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A Redis that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def callers_of(server: socket.socket) -> int:
    """How many connected to it since this was asked last."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


# --- over the wire


def test_of_many_calls_at_once_exactly_the_limit_passes(world: World) -> None:
    client = world.signed_in(world.user())
    limit = pazz.PER_USER.limit
    assert statuses(world, client, limit + 20, ME) == [200] * limit + [429] * 20


def test_two_processes_count_together(world: World) -> None:
    who = world.user()
    here, there = world.signed_in(who), world.another_process().signed_in(who)
    limit = pazz.PER_USER.limit
    answers = world.at_once(*(client.asking("GET", ME) for _ in range(limit) for client in (here, there)))
    assert sum(answer.status == 200 for answer in answers) == limit


def test_a_refusal_says_when_to_come_back(world: World) -> None:
    client = world.signed_in(world.user())
    began = time.time()
    first = client.get(ME)
    assert first.headers["x-ratelimit-limit"] == "100"
    assert first.headers["x-ratelimit-remaining"] == "99"
    assert began + 60 <= int(first.headers["x-ratelimit-reset"]) <= time.time() + 61
    assert "retry-after" not in first.headers
    statuses(world, client, 99, ME)
    refused = client.get(ME)
    assert refused.status == 429, refused
    assert refused.headers["x-ratelimit-remaining"] == "0"
    wait = int(refused.headers["retry-after"])
    assert began + 60 - time.time() <= wait <= 60
    assert refused.json["error"] == {
        "code": "RATE_LIMITED",
        "message": f"Demasiadas solicitudes. Intenta de nuevo en {wait} segundos",
    }


def test_one_user_does_not_use_up_the_calls_of_another(world: World) -> None:
    greedy, other = world.signed_in(world.user()), world.signed_in(world.user())
    statuses(world, greedy, 120, ME)
    assert greedy.get(ME).status == 429
    assert other.get(ME).status == 200


def test_a_frontend_counts_for_itself(world: World) -> None:
    manager = world.signed_in(world.user("manager"))
    answer = manager.get("/office/auth/me")
    assert answer.headers["x-ratelimit-limit"] == str(office.PER_USER.limit)
    assert manager.get("/office/auth/me").headers["x-ratelimit-remaining"] == str(office.PER_USER.limit - 2)


def test_calls_that_nobody_may_make_are_not_counted(world: World) -> None:
    client = world.signed_in(world.user())
    for _ in range(3):
        assert world.visitor().get(ME).status == 401
        assert client.get("/pazz/nothing").status == 404
    assert client.get(ME).headers["x-ratelimit-remaining"] == "99"


@pytest.mark.parametrize(("path", "status"), [("/pazz/api/v1/auth/login", 401), ("/office/auth/login", 401)])
def test_an_account_takes_ten_attempts(world: World, path: str, status: int) -> None:
    who = world.user("partner" if "pazz" in path else "manager")
    wrong = {"email": who.email, "password": "not it, sorry"}
    calls = [world.visitor().asking("POST", path, json=wrong) for _ in range(12)]
    assert sorted(answer.status for answer in world.at_once(*calls)) == [status] * 10 + [429] * 2
    right = world.visitor().post(path, json={"email": who.email.upper(), "password": PASSWORD})
    assert right.status == 429, "the right password, too, in whatever letters the address is written"
    assert int(right.headers["retry-after"]) > 800


def test_an_address_takes_thirty_attempts_whatever_the_account(world: World) -> None:
    calls = [
        world.visitor().asking("POST", "/office/auth/login", json={"email": f"a{n}@b.example", "password": "x"})
        for n in range(33)
    ]
    assert sorted(answer.status for answer in world.at_once(*calls)) == [401] * 30 + [429] * 3


def test_limits_are_open_when_redis_is_away(world: World) -> None:
    process = world.another_process(redis_url="redis://127.0.0.1:1/0")
    client = process.signed_in(world.user())
    assert statuses(world, client, 130, ME) == [200] * 130
    assert "x-ratelimit-limit" not in client.get(ME).headers


def test_a_redis_that_hangs_costs_one_caller_its_patience(world: World, silent_server: socket.socket) -> None:
    world.patch.setattr(runtime, "REDIS_PATIENCE", 0.3)
    world.patch.setattr(limits, "OPEN", 3_600.0)
    address = f"redis://127.0.0.1:{silent_server.getsockname()[1]}/0"
    client = world.another_process(redis_url=address).signed_in(world.user())
    assert client.get(ME).status == 200
    assert callers_of(silent_server) > 0
    assert [client.get(ME).status for _ in range(4)] == [200] * 4
    assert callers_of(silent_server) == 0, "nobody waits for it again"


def test_limits_go_on_after_redis_was_emptied(world: World) -> None:
    client = world.signed_in(world.user())
    client.get(ME)
    world.house.redis.flushdb()
    world.house.redis.script_flush()
    assert client.get(ME).headers["x-ratelimit-remaining"] == "99"


# --- the counting itself


def count(redis_url: str, *calls: list[tuple[Policy, str]]) -> list[Verdict]:
    """Make these calls one after the other."""

    async def make() -> list[Verdict]:
        async with Redis.from_url(redis_url) as redis:
            counting = Limits(redis)
            found = [await counting.count(*checks) for checks in calls]
        return [verdict for verdict in found if verdict is not None]

    return asyncio.run(make())


def test_a_call_that_one_policy_refuses_counts_for_none(redis_url: str) -> None:
    both = [(FIVE, "a"), (THREE, "b")]
    verdicts = count(redis_url, *[both] * 4, [(FIVE, "a")])
    assert [verdict.allowed for verdict in verdicts] == [True, True, True, False, True]
    assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0, 1]
    assert verdicts[3].limit == 3, "the one that refuses speaks"


def test_of_two_that_refuse_the_longer_wait_is_told(redis_url: str) -> None:
    brief, long = Policy("brief", 1, 2), Policy("long", 1, 600)
    for order in ([(brief, "a"), (long, "a")], [(long, "b"), (brief, "b")]):
        refused = count(redis_url, order, order)[1]
        assert not refused.allowed
        assert refused.retry_after > 500


def test_the_window_slides(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time()
    allowed: list[bool] = []
    for later in (0, 30, 59.9, 60, 60, 89.9, 90):
        monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda later=later: began + later))
        allowed += [verdict.allowed for verdict in count(redis_url, [(Policy("two", 2, 60), "a")])]
    assert allowed == [True, True, False, True, False, False, True]


def test_nothing_is_left_of_a_window_that_passed(redis_url: str) -> None:
    async def ttl() -> int:
        async with Redis.from_url(redis_url) as redis:
            await Limits(redis).count((FIVE, "a"))
            return await redis.pttl("limit:five:a")

    assert 0 < asyncio.run(ttl()) <= 60_000
