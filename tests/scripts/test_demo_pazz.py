"""The demo partner's dashboard looks alive on the first start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts import demo
from tests.support.http import House, World


@pytest.fixture
def world(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A house of its own: in the others' the demo may have been made, and what follows from it been forgotten."""
    house = House(database_url, redis_url)
    yield World(house, monkeypatch)
    house.close()


def test_the_demo_partner_sees_past_months_clients_and_promotions(world: World) -> None:
    demo.run(world.settings)
    world.settle()
    world.react()
    world.strike()
    login = {"email": "socia@acme.example", "password": demo.PASSWORD}
    session = world.visitor().post("/pazz/api/v1/auth/login", json=login).json["data"]
    client = world.visitor().with_headers(authorization=f"Bearer {session['token']}")

    def shown(path: str):
        return client.get(f"/pazz/api/v1/{path}").json["data"]

    profile = shown("user/profile")
    assert (profile["currentLevel"], profile["levelProgress"]["percentageComplete"]) == ("starter", 89.3)
    history = shown("goals/history")["goals"]
    assert [goal["achieved"] for goal in history] == [True, False, False]
    assert shown("goals/current")["currentAmount"] == 13_500
    promotions = shown("promotions/active")
    assert [promotion["title"] for promotion in promotions["promotions"]] == ["BMW Serie 4"]
    assert promotions["metadata"]["nextPromotion"]["title"] == "Mazda CX-5"
    waiting = shown("clients/attention-required")
    assert {client["priority"] for client in waiting["clients"]} == {"high", "medium", "low"}
    assert waiting["metadata"]["byStatus"] == {"prequalification": 2, "documentation": 1, "approval": 1, "financing": 0}
    for client_id in (waiting["clients"][0]["id"], "client_marta"):
        assert shown(f"clients/{client_id}")["timeline"]
    summary = shown("commissions/summary")
    assert (summary["earned"]["amount"], summary["pending"]["amount"]) == (13_500, 12_800)
    assert demo.run(world.settings) is False
