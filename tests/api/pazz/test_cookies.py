"""Browsers that keep the tokens in cookies: the header comes first, and changes need a proof besides (C9)."""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from tests.support.http import ORIGIN, PASSWORD, Answer, Client, World

AUTH = "/pazz/api/v1/auth"
GOALS = "/pazz/api/v1/goals"
GOAL = {"amount": 30_000, "month": "diciembre", "year": 2030}


def cookies_of(answer: Answer) -> dict[str, Morsel[str]]:
    """The cookies that an answer sets."""
    found: dict[str, Morsel[str]] = {}
    for line in answer.headers.get_list("set-cookie"):
        found.update(SimpleCookie(line))
    return found


class Browser:
    """Somebody whose browser keeps cookies and sends them along."""

    def __init__(self, client: Client, email: str) -> None:
        self.client = client
        answer = client.post(f"{AUTH}/login", json={"email": email, "password": PASSWORD})
        assert answer.status == 200, answer
        self.session = answer.json["data"]
        self.jar: dict[str, str] = {}
        self.keep(answer)

    def keep(self, answer: Answer) -> None:
        for name, cookie in cookies_of(answer).items():
            self.jar[name] = cookie.value

    def send(self, method: str, path: str, *, proof: str | None = None, **more: object) -> Answer:
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())}
        if proof is not None:
            headers["x-csrf-token"] = proof
        answer = self.client.send(method, path, headers={**headers, **more.pop("headers", {})}, **more)  # type: ignore[arg-type, dict-item]
        self.keep(answer)
        return answer


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world.visitor(), world.user("partner").email)


def test_a_browser_is_given_cookies_that_no_script_can_read(world: World) -> None:
    user = world.user("partner")
    answer = world.visitor().post(f"{AUTH}/login", json={"email": user.email, "password": PASSWORD})
    cookies = cookies_of(answer)
    assert set(cookies) == {"pazz_access", "pazz_refresh", "pazz_csrf"}
    for name, cookie in cookies.items():
        assert (cookie["path"], cookie["samesite"], cookie["secure"]) == ("/pazz", "Lax", "")
        assert bool(cookie["httponly"]) is (name != "pazz_csrf"), name
    session = answer.json["data"]
    assert cookies["pazz_access"].value == session["token"]
    assert cookies["pazz_csrf"].value == session["csrfToken"]
    assert answer.headers["cache-control"] == "no-store"


def test_in_production_they_travel_encrypted_only(world: World) -> None:
    process = world.another_process(environment="production")
    answer = process.visitor().post(f"{AUTH}/login", json={"email": world.user().email, "password": PASSWORD})
    assert all(cookie["secure"] for cookie in cookies_of(answer).values())


def test_a_frontend_served_alone_has_its_cookies_at_the_root(world: World) -> None:
    process = world.another_process(only="pazz")
    body = {"email": world.user().email, "password": PASSWORD}
    answer = process.visitor().post("/api/v1/auth/login", json=body)
    assert {cookie["path"] for cookie in cookies_of(answer).values()} == {"/"}


def test_what_changes_nothing_needs_the_cookie_only(browser: Browser) -> None:
    assert browser.send("GET", f"{GOALS}/current").status == 200
    me = browser.send("GET", f"{AUTH}/me")
    assert me.headers["x-csrf-token"] == browser.session["csrfToken"]


def test_a_page_of_another_origin_that_was_loaded_anew_can_read_its_proof(browser: Browser) -> None:
    me = browser.send("GET", f"{AUTH}/me", headers={"origin": ORIGIN})
    assert me.headers["access-control-allow-origin"] == ORIGIN
    assert "X-CSRF-Token" in me.headers["access-control-expose-headers"]


def test_a_page_of_another_origin_that_was_loaded_after_its_access_token_ran_out_can_refresh(browser: Browser) -> None:
    del browser.jar["pazz_access"]  # which a browser forgets when the token expires
    late = browser.send("GET", f"{GOALS}/current", headers={"origin": ORIGIN})
    assert (late.status, late.headers["access-control-allow-origin"]) == (401, ORIGIN)
    assert browser.send("POST", f"{AUTH}/refresh", proof=late.headers["x-csrf-token"]).status == 200
    assert browser.send("GET", f"{GOALS}/current").status == 200


def test_who_shows_a_header_or_no_refresh_token_is_told_no_proof(world: World, browser: Browser) -> None:
    bad = browser.send("GET", f"{AUTH}/me", headers={"authorization": "Bearer nonsense"})
    for answer in (bad, world.visitor().get(f"{AUTH}/me")):
        assert answer.status == 401
        assert "x-csrf-token" not in answer.headers


@pytest.mark.parametrize("proof", [None, "", "0" * 40, "of another sign-in"])
def test_a_change_by_cookie_alone_is_refused(world: World, browser: Browser, proof: str | None) -> None:
    if proof == "of another sign-in":
        proof = Browser(world.visitor(), world.user("partner").email).session["csrfToken"]
    with world.unchanged():
        answer = browser.send("POST", GOALS, proof=proof, json=GOAL)
    assert (answer.status, answer.json["error"]["code"]) == (403, "CSRF_TOKEN_INVALID")
    for path in ("logout", "refresh"):
        assert browser.send("POST", f"{AUTH}/{path}", proof=proof, json={}).status == 403
    assert browser.send("GET", f"{GOALS}/current").status == 200


def test_a_change_with_the_proof_is_made(browser: Browser) -> None:
    assert browser.send("POST", GOALS, proof=browser.session["csrfToken"], json=GOAL).status == 201


def test_the_header_comes_first_and_needs_no_proof(world: World, browser: Browser) -> None:
    bea = world.signed_in(world.user("partner", name="Bea"))
    by_header = {"authorization": bea.headers["authorization"]}
    assert browser.send("GET", f"{AUTH}/me", headers=by_header).json["data"]["name"] == "Bea"
    assert browser.send("POST", GOALS, headers=by_header, json=GOAL).status == 201
    bad = {"authorization": "Bearer nonsense"}
    assert browser.send("GET", f"{AUTH}/me", headers=bad).status == 401, "a bad header is not overlooked"


@pytest.mark.parametrize("sent", [{}, {"json": {}}, {"json": {"refreshToken": None}}], ids=["nothing", "{}", "null"])
def test_a_sign_in_is_refreshed_by_cookie(browser: Browser, sent: dict[str, Any]) -> None:
    before = dict(browser.jar)
    answer = browser.send("POST", f"{AUTH}/refresh", proof=browser.session["csrfToken"], **sent)
    assert answer.status == 200, answer
    assert browser.jar["pazz_refresh"] != before["pazz_refresh"]
    assert browser.jar["pazz_csrf"] == before["pazz_csrf"], "the proof lasts as long as the sign-in"
    assert browser.send("GET", f"{AUTH}/me").status == 200
    del browser.jar["pazz_refresh"]
    assert browser.send("POST", f"{AUTH}/refresh", json={}).status == 401


def test_signing_out_takes_the_cookies_back(browser: Browser) -> None:
    kept = dict(browser.jar)
    assert browser.send("POST", f"{AUTH}/logout", proof=browser.session["csrfToken"]).status == 200
    assert set(browser.jar.values()) == {""}
    browser.jar = kept
    assert browser.send("GET", f"{AUTH}/me").status == 401


def test_another_frontend_does_not_take_them(browser: Browser) -> None:
    assert browser.send("GET", "/office/auth/me").status == 401
