"""The office's console: who gets in, what each may see, what a page must never do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from api.office import audit, commissions, contract, customers, deals, promotions, users
from domain.values import ROLES
from tests.support.browsers import FORM, Browser, Page
from tests.support.business import Business, business, made
from tests.support.http import PASSWORD, Answer, User, World
from tests.support.routes import sample

ROOT = "/office/console"
SIGN_IN = f"{ROOT}/sign-in"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 1234567*9 }} \u0645\u0631\u062d\u0628\u0627 "


def signed_in(world: World, who: User) -> Browser:
    """Somebody at the console, who came in by its form."""
    browser = Browser(world.visitor())
    browser.open(SIGN_IN)
    answer = browser.press(SIGN_IN, email=who.email, password=PASSWORD)
    assert (answer.status, browser.at) == (200, f"{ROOT}/"), answer
    return browser


def pages(here: Business) -> dict[str, Any]:
    """Every page, and the route of the API that it shows or that its form is for."""
    return {
        "/customers": customers.list_page,
        "/customers/new": customers.create,
        f"/customers/{here.customer}": customers.show,
        "/deals": deals.list_page,
        "/deals/new": deals.create,
        f"/deals/{here.deal}": deals.show,
        "/commissions": commissions.list_page,
        f"/commissions/{here.commission}": commissions.show,
        "/promotions": promotions.list_page,
        "/promotions/new": promotions.create,
        f"/promotions/{here.promotion}": promotions.show,
        "/users": users.list_page,
        "/users/new": users.create,
        f"/users/{here.partner.id}": users.show,
        "/audit": audit.list_events,
    }


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


# --- who may see what


@pytest.mark.parametrize("role", sorted(contract.STAFF))
def test_each_role_sees_the_pages_whose_routes_it_may_call_and_only_their_forms(world: World, role: Any) -> None:
    here = business(world)
    browser = signed_in(world, world.user(role, organization=here.organization))
    for path, route in pages(here).items():
        allowed = role in route.opt.get("roles", contract.MANAGERS)
        answer = browser.open(ROOT + path)
        assert answer.status == (200 if allowed else 403), (path, answer)
        if not allowed:
            assert f"The role {role} may not do or see this." in browser.page.text
        offered = {form for form in browser.page.forms if form.startswith("form-")}
        assert bool(offered) == (role in contract.MANAGERS and path.count("/") > 1), (path, offered)
        assert ("History" in browser.page.text) == (
            path.count("/") > 1 and "new" not in path and role in audit.AUDITORS
        )
    assert (f"{ROOT}/audit" in browser.page.links.values()) == (role in audit.AUDITORS)


@pytest.mark.parametrize("role", sorted(contract.STAFF - contract.MANAGERS))
def test_a_form_sent_by_who_may_not_changes_nothing(world: World, role: Any) -> None:
    here = business(world)
    browser = signed_in(world, world.user(role, organization=here.organization))
    proof = browser.page.forms[f"{ROOT}/sign-out"].values["proof"]
    with world.unchanged():
        for path in (
            "/customers/new",
            f"/customers/{here.customer}/assign",
            "/deals/new",
            f"/deals/{here.deal}/loss",
            f"/deals/{here.deal}/commission",
            f"/commissions/{here.commission}/earn",
            "/promotions/new",
            f"/promotions/{here.promotion}/end",
            "/users/new",
            f"/users/{here.partner.id}/deactivate",
        ):
            assert browser.send(ROOT + path, {"proof": proof}).status in (400, 403), path
            world.forget_limits()
        browser.send(f"{ROOT}/commissions/{here.commission}/earn", {"proof": proof})
        assert f"The role {role} may not do or see this." in browser.page.text


def test_what_belongs_to_another_organisation_is_not_there(world: World) -> None:
    theirs = business(world, "theirs")
    browser = signed_in(world, world.user("admin"))
    proof = browser.page.forms[f"{ROOT}/sign-out"].values["proof"]
    with world.unchanged():
        for path in pages(theirs):
            if path.count("/") > 1 and "new" not in path:
                assert browser.open(ROOT + path).status == 404, path
                assert "There is nothing here" in browser.page.text
        for path in (
            f"/customers/{theirs.customer}/assign",
            f"/deals/{theirs.deal}/loss",
            f"/deals/{theirs.deal}/commission",
            f"/commissions/{theirs.commission}/earn",
            f"/promotions/{theirs.promotion}/end",
            f"/users/{theirs.partner.id}/deactivate",
        ):
            answer = browser.send(ROOT + path, {"proof": proof, "rate": ["2"]})
            assert answer.status == 404, (path, answer)
        for path in ("/customers", "/deals", "/commissions", "/promotions", "/audit"):
            text = browser.open(ROOT + path).text
            assert not any(known in text for known in theirs.ids.values()), path


@pytest.mark.parametrize("path", ["/nothing", "/customers/nobody", "/commissions/a%2Fb/c/d"])
def test_what_is_not_there_is_a_page_that_says_so(world: World, path: str) -> None:
    browser = signed_in(world, world.user("manager"))
    answer = browser.open(ROOT + path)
    assert answer.status == 404, answer
    assert "There is nothing here" in browser.page.text
    assert answer.headers["x-request-id"] in browser.page.text


def test_another_method_is_a_405(world: World) -> None:
    browser = signed_in(world, world.user("manager"))
    for method, path in (("DELETE", "/customers"), ("POST", "/customers"), ("GET", "/sign-out")):
        answer = browser.call(method, ROOT + path, body=b"", headers=FORM)
        assert answer.status == 405, (method, path, answer)


# --- what every page is like


def everything(world: World, browser: Browser, here: Business) -> Iterator[tuple[str, Answer]]:
    """Every page there is, with what can go wrong among them."""
    for path in ("/", *pages(here), "/nothing", "/customers/nobody", "/audit?from=x", "/commissions?status=x"):
        yield path, browser.open(ROOT + path)


def test_every_answer_has_strict_headers(world: World) -> None:
    here = business(world)
    browser = signed_in(world, here.manager)
    style = next(found["href"] for tag, found in browser.page.elements if tag == "link" and "style" in found["rel"])
    seen = [answer for _, answer in everything(world, browser, here)]
    seen += [world.visitor().get(path) for path in (SIGN_IN, f"{ROOT}/customers", style)]
    seen += [browser.send(f"{ROOT}/customers/new", {})]
    for answer in seen:
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'", "so no scripts either"
        assert "script-src" not in policy
        assert policy["style-src"] == policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer is not seen[-2]:
            assert answer.headers["cache-control"] == "no-store"
    assert seen[-2].headers["content-type"].startswith("text/css")
    assert "immutable" in seen[-2].headers["cache-control"]


def test_what_people_write_is_never_markup(world: World) -> None:
    here = business(world)
    name = HOSTILE + "x" * (120 - len(HOSTILE))
    office = here.office
    person = made(office, "/office/customers", {"name": name, "assigned_to": here.partner.id})
    body = {"customer": person, "partner": here.partner.id, "title": name, "value": 5, "vehicle_make": name}
    deal = made(office, "/office/deals", body)
    promotion = sample(promotions.NewPromotion) | {
        "levels": [],
        "title": name,
        "subtitle": name,
        "regions": [name[:40]],
    }
    offer = made(office, "/office/promotions", promotion)
    commission = made(office, "/office/commissions", {"deal": deal, "rate": 2})
    user = {"name": name, "email": f"x{world.head}@example.mx", "password": "a long secret", "role": "viewer"}
    viewer = made(office, "/office/users", {**user, "region": name[:40]})
    browser = signed_in(world, here.manager)
    shown = {
        f"/customers/{person}": name,
        "/customers": name,
        f"/deals/{deal}": name,
        "/deals": name,
        f"/commissions/{commission}": name,
        "/commissions": name,
        f"/promotions/{offer}": name,
        "/promotions": name,
        f"/users/{viewer}": name,
        "/users": name,
        f"/audit?stream={HOSTILE.replace('&', '')}": "",
        f"/deals/new?customer={HOSTILE}": "",
    }
    for path, text in shown.items():
        answer = browser.open(ROOT + path)
        assert answer.status == 200, (path, answer)
        check_tame(browser.page, path)
        assert " ".join(text.split()) in browser.page.text, path
    browser.open(f"{ROOT}/customers/new")
    browser.press("form-new", name=HOSTILE, email=HOSTILE, phone=HOSTILE)
    check_tame(browser.page, "a form that comes back")
    assert browser.page.forms["form-new"].values["email"] == [HOSTILE]
    stranger = Browser(world.visitor())
    stranger.open(SIGN_IN, next=HOSTILE)
    stranger.press(SIGN_IN, email=HOSTILE, password="x")
    check_tame(stranger.page, "sign-in")
    assert stranger.page.forms[SIGN_IN].values["email"] == [HOSTILE]


def check_tame(page: Page, where: str) -> None:
    """No element or attribute that we do not write ourselves."""
    for tag, attributes in page.elements:
        assert tag not in ("script", "img", "iframe", "object", "style"), (where, tag)
        assert not any(name.startswith("on") or name == "style" for name in attributes), (where, attributes)
    assert str(1234567 * 9) not in page.text, f"{where} computed what somebody wrote"


def test_pages_are_whole_for_everybody_and_ask_nothing_of_other_hosts(world: World) -> None:
    here = business(world)
    browser = signed_in(world, here.manager)
    for path, _ in everything(world, browser, here):
        found = browser.page.elements
        labels = {attributes.get("for") for tag, attributes in found if tag == "label"}
        for tag, attributes in found:
            for where in ("href", "src", "action"):
                address = attributes.get(where, "/")
                assert address.startswith(("/", "#", "?", "data:,")), (path, address)
                assert not address.startswith("//"), (path, address)
            if tag in ("select", "textarea") or (tag == "input" and attributes["type"] not in ("hidden", "checkbox")):
                assert attributes["id"] in labels, (path, attributes)
            if tag == "th":
                assert attributes.get("scope") == "col", path
        ids = [attributes["id"] for _, attributes in found if "id" in attributes]
        assert len(ids) == len(set(ids)), f"{path}: an id twice"
        assert [tag for tag, _ in found].count("h1") == 1, path
        assert ("html", {"lang": "en"}) in found
        posting = [form for form in browser.page.forms.values() if form.method == "post"]
        assert all(form.values["proof"][0] for form in posting), f"{path}: a form without proof"


def test_times_are_those_of_the_organisation(world: World) -> None:
    world.time_is(datetime(2026, 3, 1, 5, 30, tzinfo=UTC))
    here = business(world)
    browser = signed_in(world, here.manager)
    answer = browser.open(f"{ROOT}/customers/{here.customer}")
    assert '<time datetime="2026-02-28T23:30:00-06:00">28 Feb 2026 23:30</time>' in answer.text


def test_an_office_that_is_served_alone_has_its_console(world: World) -> None:
    alone = world.another_process(only="office")
    browser = Browser(alone.visitor())
    browser.open("/console")
    assert browser.at == "/console/sign-in"
    browser.press("/console/sign-in", email=world.user("manager").email, password=PASSWORD)
    assert browser.at == "/console/"
    assert browser.open("/console/customers").status == 200
    assert browser.page.links["Deals"] == "/console/deals"


def test_the_roles_of_the_staff_are_all_tested() -> None:
    assert set(ROLES) - {"partner"} == contract.STAFF
