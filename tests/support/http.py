"""A running backend for tests: the front door, the projector and the reactions, on a database that tests share.

    def test_a_partner_sees_their_goal(world: World) -> None:
        partner = world.user("partner")
        client = world.signed_in(partner)
        answer = client.post("/pazz/api/v1/goals", json={"amount": 30_000, "month": "octubre", "year": 2025})
        assert answer.status == 201, answer
        assert client.get("/pazz/api/v1/goals/current").json["data"] == answer.json["data"]

Starting all of it takes a second, so it is started once per worker and never emptied. Every test therefore works in
organisations of its own: `world.organization` makes a new one each time, whatever it is called. Limits and reactions
that earlier tests left behind are forgotten before each test.

What happens in the background happens when a test says so: `world.react()` performs every reaction that is due, and
theirs, and returns when the views show it; `world.strike()` does what is due by the time that it is. Commands over HTTP
wait for the views by themselves.
"""

from __future__ import annotations

from tests.support.callers import PASSWORD, Answer, Client, User
from tests.support.house import CHEAP, CHEAP_HASH, ORIGIN, SHOP, House, house, redis_address
from tests.support.processes import Loop, Process
from tests.support.waiting import PATIENCE, free_port, is_open, until
from tests.support.world import World, world

__all__ = [
    "CHEAP",
    "CHEAP_HASH",
    "ORIGIN",
    "PASSWORD",
    "PATIENCE",
    "SHOP",
    "Answer",
    "Client",
    "House",
    "Loop",
    "Process",
    "User",
    "World",
    "free_port",
    "house",
    "is_open",
    "redis_address",
    "until",
    "world",
]
