"""Goals over HTTP: set, changed, moved by commissions, closed with their month."""

from __future__ import annotations

from tests.support.http import World


def test_a_partner_sees_the_goal_they_set(world: World) -> None:
    client = world.signed_in(world.user("partner"))
    answer = client.post("/pazz/api/v1/goals", json={"amount": 30_000, "month": "octubre", "year": 2030})
    assert answer.status == 201, answer
