"""The first journey: a partner sets a goal, a commission moves it, and the push arrives in a real socket.io-client.

Everything is real: the processes that `scripts/up` starts, HTTP between them and the test, and the client from npm that
the dashboard uses, once with the address of the server and once with the mount behind it, which becomes a namespace.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest

from scripts.demo import PASSWORD
from tests.journeys.system import Browser, System, require_client
from tests.support.http import until

PAZZ = "/pazz/api/v1"
MONTHS = ("Enero", "Febrero", "Marzo", "Abril", "Mayo", "Junio", "Julio", "Agosto", "Septiembre", "Octubre",
          "Noviembre", "Diciembre")  # fmt: skip


@pytest.fixture
def more() -> dict[str, str]:
    """Settings that a journey wants to be otherwise."""
    return {}


@pytest.fixture
def system(database_url: str, redis_url: str, more: dict[str, str]) -> Iterator[System]:
    """The system, running."""
    require_client()
    with tempfile.TemporaryDirectory(prefix="bitacora-journey-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        running = System(Path(directory), database_url, redis_url)
        running.env |= more
        try:
            running.start()
            yield running
        finally:
            running.close()


class Staff:
    """What an admin does in the office."""

    def __init__(self, system: System) -> None:
        self.system = system
        login = {"email": "admin@acme.example", "password": PASSWORD}
        self.token = system.post("/office/auth/login", body=login)["access_token"]
        self.partner = self.create(
            "users", name="Rosa Díaz", email="rosa@acme.example", password="una clave larga", role="partner"
        )
        self.customer = self.create("customers", name="Pedro Juan Gutiérrez", assigned_to=self.partner)
        self.deal = self.sell(1_245_000)

    def create(self, what: str, **body: Any) -> str:
        return self.system.post(f"/office/{what}", self.token, body)["id"]

    def sell(self, value: float) -> str:
        """The customer wants a car."""
        car = {"title": "BMW Serie 4", "vehicle_make": "BMW", "vehicle_model": "Serie 4", "value": value}
        return self.create("deals", customer=self.customer, partner=self.partner, **car)

    def move(self, stage: str) -> None:
        assert self.system.post(f"/office/deals/{self.deal}/stage", self.token, {"stage": stage})["stage"] == stage

    def earn(self, amount: float, deal: str = "") -> str:
        """The partner earns a commission on a deal, the first one unless it is named."""
        return self.create("commissions", deal=deal or self.deal, rate=2, amount=amount, earned=True)


@pytest.mark.timeout(300)
def test_the_first_journey(system: System, database_url: str) -> None:
    staff = Staff(system)

    # A partner signs in and sets a goal.
    login = {"email": "rosa@acme.example", "password": "una clave larga"}
    session = system.post(f"{PAZZ}/auth/login", body=login)["data"]
    token = session["token"]
    assert session["user"]["id"] == staff.partner
    assert system.get(f"{PAZZ}/user/profile", token)["data"]["accumulatedSales"] == 0
    now = system.get(f"{PAZZ}/goals/current", token)["data"]
    assert "createdAt" not in now, "nobody has chosen a goal yet"
    wanted = {"amount": 25_000, "month": now["month"].lower(), "year": now["year"]}
    chosen = system.post(f"{PAZZ}/goals", token, wanted)["data"]
    assert (chosen["amount"], chosen["month"]) == (25_000, now["month"])

    browsers = [Browser(system.address, token), Browser(f"{system.address}/pazz", token)]
    stranger = Browser(system.address, "no token")
    try:
        assert stranger.hear("connect_error") == ["UNAUTHORIZED"]
        for browser in browsers:
            browser.hear("connect")

        # A deal moves on, a commission is earned: the goal moves once, and the pushes say what GET says.
        for stage in ("documentation", "approval", "financing"):
            staff.move(stage)
        first = staff.earn(20_000)
        heard_by_all(system, browsers, token, 20_000, current=20_000, achieved=False)
        assert system.get(f"{PAZZ}/user/profile", token)["data"]["accumulatedSales"] == 1_245_000

        # The next one reaches the goal, the one after that does not reach it again.
        staff.earn(5_500.5)
        heard_by_all(system, browsers, token, 5_500.5, current=25_500.5, achieved=True)
        staff.earn(1_000)
        heard_by_all(system, browsers, token, 1_000, current=26_500.5, achieved=True)
        assert counted(database_url, "GoalAchieved") == 1
        assert counted(database_url, "CommissionCounted") == 3

        # It is paid out.
        assert system.post(f"/office/commissions/{first}/pay", staff.token)["status"] == "paid"
        assert system.get(f"/office/commissions/{first}", staff.token)["paid_at"]

        # The API's process dies: another takes its place, the dashboards find back and go on hearing.
        system.kill_api()
        for browser in browsers:
            browser.hear_connect_again()
        assert system.get(f"{PAZZ}/goals/current", token)["data"]["currentAmount"] == 26_500.5
        staff.earn(100, staff.sell(3_500_000))  # which makes a master of the partner
        heard_by_all(system, browsers, token, 100, "level:upgraded", current=26_600.5, achieved=True)
        assert system.get(f"{PAZZ}/user/profile", token)["data"]["currentLevel"] == "master"

        # The whole system is stopped and started: nothing is lost, the tokens still hold.
        assert system.stop() == 0, system.told()
        system.start()
        for browser in browsers:
            browser.hear_connect_again()
        staff.earn(200)
        heard_by_all(system, browsers, token, 200, current=26_800.5, achieved=True)

        # A refresh token that comes a second time, not just after the first, ends the sign-in, sockets too.
        fresh = system.post(f"{PAZZ}/auth/refresh", body={"refreshToken": session["refreshToken"]})["data"]
        assert system.get(f"{PAZZ}/auth/me", fresh["token"])["data"]["email"] == "rosa@acme.example"
        a_minute_passes(database_url)
        again = system.call("POST", f"{PAZZ}/auth/refresh", body={"refreshToken": session["refreshToken"]})
        assert again.status == 401, again
        for browser in browsers:
            assert browser.hear("disconnect") == ["io server disconnect"]
        assert system.call("GET", f"{PAZZ}/auth/me", fresh["token"]).status == 401
        assert system.call("POST", f"{PAZZ}/auth/refresh", body={"refreshToken": fresh["refreshToken"]}).status == 401
    finally:
        for browser in (*browsers, stranger):
            browser.close()

    # Signing in again, and out.
    second = system.post(f"{PAZZ}/auth/login", body=login)["data"]
    assert system.post(f"{PAZZ}/auth/logout", second["token"])["success"] is True
    assert system.call("GET", f"{PAZZ}/auth/me", second["token"]).status == 401
    assert not [
        line for name in ("serve", "projector", "feed", "clock") for line in system.log(name) if '"error"' in line
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("more", [{"BITACORA_ACCESS_TOKEN_SECONDS": "8"}])
def test_a_dashboard_comes_back_with_the_token_that_it_was_opened_with(system: System) -> None:
    """Its token expires, then the process that serves dies. The client finds back by itself, as long as somebody is
    signed in; one that was never connected is not let in with the same token."""
    session = system.post(f"{PAZZ}/auth/login", body={"email": "socia@acme.example", "password": PASSWORD})["data"]
    browsers = [Browser(f"{system.address}{path}", session["token"]) for path in ("", "/pazz")]
    try:
        for browser in browsers:
            browser.hear("connect")
        expires = jwt.decode(session["token"], options={"verify_signature": False})["exp"]
        until(lambda: time.time() > expires)
        assert system.call("GET", f"{PAZZ}/auth/me", session["token"]).status == 401
        system.kill_api()
        for browser in browsers:
            browser.hear_connect_again()
        stranger = Browser(system.address, session["token"])
        browsers.append(stranger)
        assert stranger.hear("connect_error") == ["UNAUTHORIZED"]

        session = system.post(f"{PAZZ}/auth/refresh", body={"refreshToken": session["refreshToken"]})["data"]
        now = system.get(f"{PAZZ}/goals/current", session["token"])["data"]
        wanted = {"amount": 61_000, "month": now["month"], "year": now["year"]}
        system.post(f"{PAZZ}/goals", session["token"], wanted)
        for browser in browsers[:2]:
            assert browser.hear("goal:updated")[0]["amount"] == 61_000

        # What would have started another process dies as well: `scripts/up` starts it again, and says so.
        system.kill_server()
        for browser in browsers[:2]:
            browser.hear_connect_again()
        until(lambda: "serve ended with exit code -9 and is started again" in system.told(), system.told)
        until(lambda: "serve is back after " in system.told(), system.told)
        session = system.post(f"{PAZZ}/auth/refresh", body={"refreshToken": session["refreshToken"]})["data"]
        system.post(f"{PAZZ}/auth/logout", session["token"])
        for browser in browsers[:2]:
            assert browser.hear("disconnect") == ["io server disconnect"]
    finally:
        for browser in browsers:
            browser.close()


def heard_by_all(
    system: System, browsers: list[Browser], token: str, amount: float, *also: str, current: float, achieved: bool
) -> None:
    """Every dashboard hears of the commission and of the goal, once, and of the goal what GET says."""
    for browser in browsers:
        heard = browser.hear_all("goal:updated", "commission:earned", *also)
        assert heard["commission:earned"]["amount"] == amount
        assert (heard["goal:updated"]["currentAmount"], heard["goal:updated"]["achieved"]) == (current, achieved)
        assert heard["goal:updated"] == system.get(f"{PAZZ}/goals/current", token)["data"]
    assert all(browser.is_silent() for browser in browsers)


def a_minute_passes(database_url: str) -> None:
    """Since refresh tokens were traded."""
    earlier = "update sign_ins set rotated_at = array(select t - interval '1 minute' from unnest(rotated_at) t)"
    with psycopg.connect(database_url) as connection:
        connection.execute(earlier)


def counted(database_url: str, name: str) -> int:
    """How often something happened to the partner of this journey."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "select count(*) from events where name = %s and data ->> 'partner' <> 'usr_socia'", [name]
        ).fetchone()
    assert row is not None
    return row[0]
