"""Ten sends a minute for each user: scheduling, resuming and retrying are sends, and nothing else is."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from tests.support.http import Client, World
from tests.support.messages import API, NOW, SOON, brought, code, do, draft

pytestmark = pytest.mark.usefixtures("at_noon")


def test_ten_sends_in_a_minute_are_enough(ana: Client, group: str) -> None:
    messages = [draft(ana, group, content=f"Hola {number}") for number in range(11)]
    answers = [do(ana, message, "schedule") for message in messages]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert [int(answer.headers["x-ratelimit-remaining"]) for answer in answers] == [*range(9, -1, -1), 0]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"10"}
    refused = answers[-1]
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert 0 < int(refused.headers["x-ratelimit-reset"]) - time.time() <= 61
    assert code(refused) == (429, "RATE_LIMITED")
    assert ana.get(f"{API}/messages/{messages[-1]}").json["status"] == "draft", "nothing was done"


def test_every_way_to_send_counts_and_nothing_else_does(world: World, ana: Client, group: str) -> None:
    paused, failed = brought(world, ana, group, "paused"), brought(world, ana, group, "failed", content="Otra")
    world.forget_limits()
    first = do(ana, paused, "resume")
    assert (first.status, first.headers["x-ratelimit-remaining"]) == (200, "9")
    assert do(ana, failed, "retry").headers["x-ratelimit-remaining"] == "8"
    world.time_is(NOW + timedelta(minutes=1))  # at the same moment it would be the same command again
    for _ in range(8):
        assert do(ana, failed, "retry").status == 409, "refused for another reason, and counted"
    assert do(ana, failed, "retry").status == do(ana, paused, "resume", scheduled_for=SOON).status == 429
    assert do(ana, paused, "pause").status == 200
    assert do(ana, paused, "cancel").status == 200
    assert do(ana, paused, "duplicate").status == 201
    draft(ana, group)


def test_every_user_has_their_own_ten(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    for _ in range(11):
        do(ana, message, "schedule")
    admin = world.signed_in(world.user("admin"))
    other = draft(ana, group, content="Otra")
    assert do(ana, other, "schedule").status == 429
    assert do(admin, other, "schedule").status == 200
