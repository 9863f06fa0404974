"""The office's console: who gets in, how long, and whose forms are taken."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from api.office import contract
from tests.support.browsers import FORM, Browser
from tests.support.http import PASSWORD, User, World

ROOT = "/office/console"
SIGN_IN = f"{ROOT}/sign-in"


def signed_in(world: World, who: User) -> Browser:
    """Somebody at the console, who came in by its form."""
    browser = Browser(world.visitor())
    browser.open(SIGN_IN)
    answer = browser.press(SIGN_IN, email=who.email, password=PASSWORD)
    assert (answer.status, browser.at) == (200, f"{ROOT}/"), answer
    return browser


def routes(world: World, method: str) -> Iterator[str]:
    """The paths of the console that take this method and are not for everybody, as a browser asks for them."""
    for route in world.process.door._inner["office"]["console"].routes:
        handler, _ = (route.route_handler_map if isinstance(route, HTTPRoute) else {}).get(method, (None, None))
        if handler is not None and not handler.opt.get("public"):
            yield ROOT + route.path_format.replace("{action}", "change").replace("{", "").replace("}", "")


# --- coming in and going out


def test_staff_sign_in_with_the_form_and_are_kept_in_cookies_that_only_the_console_is_sent(world: World) -> None:
    who = world.user("manager")
    browser = Browser(world.visitor())
    browser.open(ROOT)
    assert browser.at == SIGN_IN
    proof = browser.page.forms[SIGN_IN].values["proof"]
    sent = {"email": [f" {who.email.upper()} "], "password": [PASSWORD], "proof": proof}
    body = "&".join(f"{name}={value[0].replace('@', '%40')}" for name, value in sent.items()).encode()
    answer = browser.call("POST", SIGN_IN, body=body, headers=FORM)
    assert (answer.status, answer.headers["location"]) == (303, f"{ROOT}/")
    cookies = {name: one for line in answer.headers.get_list("set-cookie") for name, one in SimpleCookie(line).items()}
    assert set(cookies) == {"console_access", "console_refresh"}
    for cookie in cookies.values():
        assert (cookie["path"], cookie["samesite"], bool(cookie["httponly"])) == (ROOT, "Strict", True)
        assert (cookie["max-age"], cookie["expires"]) == ("", ""), "gone with the browser"
    assert browser.open(f"{ROOT}/").status == 200
    assert who.name in browser.page.text


def test_in_production_the_cookies_travel_over_https_only(world: World) -> None:
    process = world.another_process(environment="production")
    answer = process.visitor().get(SIGN_IN)
    assert "Secure" in answer.headers["set-cookie"]


def test_a_wrong_password_is_told_and_the_address_stays_in_the_form(world: World) -> None:
    who = world.user("manager")
    browser = Browser(world.visitor())
    browser.open(SIGN_IN)
    for email in (who.email, "nobody@example.mx"):
        answer = browser.press(SIGN_IN, email=email, password="not the password")
        form = browser.page.forms[SIGN_IN]
        assert answer.status == 401
        assert form.message == "Wrong e-mail address or password."
        assert (form.values["email"], form.values["password"]) == ([email], [""])
        assert "console_access" not in browser.cookies


@pytest.mark.parametrize("role", ["partner", "shopper"])
def test_who_is_not_of_the_office_does_not_come_in(world: World, role: Any) -> None:
    who = world.shopper() if role == "shopper" else world.user(role)
    browser = Browser(world.visitor())
    browser.open(SIGN_IN)
    answer = browser.press(SIGN_IN, email=who.email, password=PASSWORD)
    assert answer.status == (401 if role == "shopper" else 403)
    assert browser.page.forms[SIGN_IN].message
    assert "console_access" not in browser.cookies


def test_the_limit_of_signing_in_is_the_one_of_the_api(world: World) -> None:
    who = world.user("manager")
    browser = Browser(world.visitor())
    browser.open(SIGN_IN)
    for _ in range(contract.LOGIN_PER_ACCOUNT.limit):
        assert browser.press(SIGN_IN, email=who.email, password="wrong").status == 401
    answer = browser.press(SIGN_IN, email=who.email, password=PASSWORD)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "too many requests" in browser.page.forms[SIGN_IN].message.lower()
    login = {"email": who.email, "password": PASSWORD}
    assert world.visitor().post("/office/auth/login", json=login).status == 429


def test_one_comes_back_to_the_page_that_was_asked_for_and_never_anywhere_else(world: World) -> None:
    who = world.user("manager")
    browser = Browser(world.visitor())
    browser.open(f"{ROOT}/commissions?status=earned")
    browser.press(SIGN_IN, email=who.email, password=PASSWORD)
    assert browser.at == f"{ROOT}/commissions?status=earned"
    for elsewhere in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/a\r\nset-cookie: x=y",
        "javascript:1",
    ):
        stranger = Browser(world.visitor())
        stranger.open(SIGN_IN, next=elsewhere)
        proof = stranger.page.forms[SIGN_IN].values["proof"][0]
        fields = {"email": [who.email], "password": [PASSWORD], "proof": [proof], "next": [elsewhere]}
        stranger.send(SIGN_IN, fields)
        assert stranger.at.startswith(f"{ROOT}/"), elsewhere
        assert "x" not in stranger.cookies


def test_a_link_from_elsewhere_signs_nobody_out(world: World) -> None:
    browser = signed_in(world, world.user("manager"))
    kept, browser.cookies = browser.cookies, {}  # a browser keeps them back where another site leads here
    browser.open(f"{ROOT}/deals?limit=5")
    assert not {"console_access", "console_refresh"} & set(browser.cookies)
    stale = browser.call("GET", f"{ROOT}/deals")
    assert not stale.headers.get_list("set-cookie"), "nothing is taken from a browser that sent nothing"
    browser.cookies = {**browser.cookies, **kept}
    assert browser.open(browser.page.links["Go on"]).status == 200
    assert browser.at == f"{ROOT}/deals?limit=5"


def test_every_page_and_every_form_wants_somebody_who_signed_in(world: World) -> None:
    with world.unchanged():
        for path in routes(world, "GET"):
            answer = world.visitor().get(path)
            assert (answer.status, answer.headers["location"].split("?")[0]) == (303, SIGN_IN), path
            forged = world.visitor().get(path, headers={"cookie": "console_access=a.b.c; console_refresh=x"})
            assert forged.status == 303, path
        for path in routes(world, "POST"):
            answer = world.visitor().post(path, body=b"name=Nobody", headers=FORM)
            assert (answer.status, answer.headers["location"]) == (303, f"{SIGN_IN}?done=ended"), path


def test_an_access_token_that_ran_out_is_renewed_on_the_way(world: World) -> None:
    browser = signed_in(world, world.user("manager"))
    before = dict(browser.cookies)
    del browser.cookies["console_access"]
    assert browser.open(f"{ROOT}/customers").status == 200
    assert browser.at == f"{ROOT}/customers"
    assert browser.cookies["console_refresh"] != before["console_refresh"]
    del browser.cookies["console_access"]
    browser.open(f"{ROOT}/customers/new")
    del browser.cookies["console_access"]
    answer = browser.press("form-new", name="Entered on the way")
    assert answer.status == 200
    assert "The customer was entered." in browser.page.text


def test_who_signs_out_is_out(world: World) -> None:
    browser = signed_in(world, world.user("manager"))
    kept = dict(browser.cookies)
    answer = browser.press(f"{ROOT}/sign-out")
    assert (answer.status, browser.at) == (200, f"{SIGN_IN}?done=out")
    assert not {"console_access", "console_refresh"} & set(browser.cookies)
    browser.cookies = kept
    assert browser.open(f"{ROOT}/customers").status == 200
    assert browser.at.startswith(SIGN_IN), "the tokens of the cookies are worth nothing any more"


def test_who_is_deactivated_is_out_at_once(world: World) -> None:
    who = world.user("manager")
    browser = signed_in(world, who)
    admin = world.signed_in(world.user("admin", organization=who.organization))
    assert admin.post(f"/office/users/{who.id}/standing", json={"active": False}).status == 200
    browser.open(f"{ROOT}/customers")
    assert browser.at.startswith(SIGN_IN)


# --- forms that somebody else had sent


def test_a_form_that_was_not_shown_to_this_sign_in_changes_nothing(world: World) -> None:
    who = world.user("admin")
    browser, other = signed_in(world, who), signed_in(world, who)
    strange = other.page.forms[f"{ROOT}/sign-out"].values["proof"][0]
    paths = [*routes(world, "POST")]
    assert len(paths) > 8
    with world.unchanged():
        for path in paths:
            for fields in ({}, {"proof": [""]}, {"proof": [strange]}, {"proof": ["\u00e9"]}):
                answer = browser.send(path, {"name": ["Forged"], **fields})
                assert answer.status == 403, (path, fields)
                assert "Nothing was changed" in browser.page.text
    assert browser.open(f"{ROOT}/").status == 200, "nor was anybody signed out"


def test_nobody_is_signed_in_by_a_form_of_somebody_else(world: World) -> None:
    who = world.user("manager")
    there = Browser(world.visitor())
    there.open(SIGN_IN)
    fields = {"email": [who.email], "password": [PASSWORD], "proof": there.page.forms[SIGN_IN].values["proof"]}
    here = Browser(world.visitor())
    assert here.send(SIGN_IN, fields).status == 403
    here.open(SIGN_IN)
    assert here.send(SIGN_IN, fields).status == 403
    assert "console_access" not in here.cookies


def test_what_is_no_form_is_refused(world: World) -> None:
    browser = signed_in(world, world.user("manager"))
    with world.unchanged():
        for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
            answer = browser.call("POST", f"{ROOT}/customers/new", body=b"{}", headers={"content-type": kind})
            assert answer.status == 415
        many = b"&".join(b"a=1" for _ in range(500))
        for body in (b"name=%ff", b"\xff=1", many):
            assert browser.call("POST", f"{ROOT}/customers/new", body=body, headers=FORM).status == 400
        huge = b"name=" + b"x" * (world.settings.max_body_bytes + 1)
        assert browser.call("POST", f"{ROOT}/customers/new", body=huge, headers=FORM).status == 413


def test_an_office_that_is_served_alone_has_its_console(world: World) -> None:
    alone = world.another_process(only="office")
    browser = Browser(alone.visitor())
    browser.open("/console")
    assert browser.at == "/console/sign-in"
    browser.press("/console/sign-in", email=world.user("manager").email, password=PASSWORD)
    assert browser.at == "/console/"
    assert browser.open("/console/customers").status == 200
    assert browser.page.links["Deals"] == "/console/deals"
