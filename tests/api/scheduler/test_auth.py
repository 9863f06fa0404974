"""Signing in to the Scheduler: both names for the address, a token for a day, five attempts in a quarter of an hour."""

from __future__ import annotations

import time

import jwt
import pytest

from tests.support.http import PASSWORD, Client, World
from tests.support.messages import API, code

LOGIN = f"{API}/auth/login"


@pytest.mark.parametrize("name", ["email", "username"])
def test_login_refresh_me_and_logout(world: World, name: str) -> None:
    who = world.user("agent", name="Luz Vega")
    answer = world.visitor().post(LOGIN, json={name: who.email, "password": PASSWORD})
    assert answer.status == 200, answer
    signed = answer.json
    assert signed["user"] == {"id": who.id, "name": "Luz Vega", "email": who.email, "role": "agent"}
    assert (signed["token_type"], signed["expires_in"]) == ("Bearer", 24 * 3600)
    assert (signed["token"], signed["refreshToken"]) == (signed["access_token"], signed["refresh_token"])
    claims = jwt.decode(signed["access_token"], options={"verify_signature": False})
    assert abs(claims["exp"] - time.time() - 24 * 3600) < 60
    luz = Client(world.process, {"authorization": f"Bearer {signed['access_token']}"})
    assert luz.get(f"{API}/auth/me").json == signed["user"]
    refreshed = world.visitor().post(f"{API}/auth/refresh", json={"refreshToken": signed["refresh_token"]})
    assert refreshed.status == 200, refreshed
    assert refreshed.json["refresh_token"] != signed["refresh_token"]
    luz = Client(world.process, {"authorization": f"Bearer {refreshed.json['access_token']}"})
    left = luz.post(f"{API}/auth/logout")
    assert (left.status, left.body) == (204, b"")
    assert code(luz.get(f"{API}/auth/me")) == (401, "UNAUTHORIZED")
    again = world.visitor().post(f"{API}/auth/refresh", json={"refresh_token": refreshed.json["refresh_token"]})
    assert again.status == 401


def test_the_lifetime_of_a_token_is_a_setting(world: World) -> None:
    who = world.user("agent")
    brief = world.another_process(scheduler_token_seconds=60)
    before = time.time()
    answer = brief.visitor().post(LOGIN, json={"email": who.email, "password": PASSWORD})
    assert answer.json["expires_in"] == 60
    claims = jwt.decode(answer.json["token"], options={"verify_signature": False})
    assert before - 1 <= claims["exp"] - 60 <= time.time() + 1


def test_who_may_not_come_in_is_told_so(world: World) -> None:
    who, partner = world.user("agent"), world.user("partner")
    wrong = {"email": who.email, "password": "not the password"}
    assert code(world.visitor().post(LOGIN, json=wrong)) == (401, "INVALID_CREDENTIALS")
    assert code(world.visitor().post(LOGIN, json={"password": PASSWORD})) == (401, "INVALID_CREDENTIALS")
    other_role = {"email": partner.email, "password": PASSWORD}
    assert code(world.visitor().post(LOGIN, json=other_role)) == (403, "ROLE_NOT_ALLOWED")


def test_an_address_tries_five_times_in_a_quarter_of_an_hour(world: World) -> None:
    who = world.user("agent")
    wrong = {"email": who.email, "password": "not the password"}
    answers = [world.visitor().post(LOGIN, json=wrong) for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    refused = answers[-1]
    assert refused.headers["x-ratelimit-limit"] == "5"
    assert 800 < int(refused.headers["retry-after"]) <= 900
    assert refused.json["error"]["message"].startswith("Demasiadas solicitudes. Intenta de nuevo en ")
    right = world.visitor().post(LOGIN, json={"email": world.user("agent").email, "password": PASSWORD})
    assert right.status == 429, "another account from the same address, too"
