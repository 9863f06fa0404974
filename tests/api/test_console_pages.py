"""The console's pages: what each role may see, what belongs to others, and what a page must never do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from api.office import audit, commissions, contract, customers, deals, promotions, users, whatsapp
from domain.values import ROLES
from projections import customers as customer_view
from tests.api.test_console import ROOT, SIGN_IN, signed_in
from tests.support.browsers import FORM, Browser, Page
from tests.support.business import Business, business, made
from tests.support.http import Answer, World
from tests.support.routes import sample

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 1234567*9 }} \u0645\u0631\u062d\u0628\u0627 "


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
        "/whatsapp": whatsapp.show,
    }


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


def test_what_goes_wrong_on_our_side_is_a_page_that_tells_nothing_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(world, world.user("manager"))

    async def broken(*_: object) -> None:
        raise RuntimeError("the cellar is flooded")

    monkeypatch.setattr(customer_view, "page", broken)
    answer = browser.open(f"{ROOT}/customers")
    assert answer.status == 500
    assert "Something went wrong on our side, try again." in browser.page.text
    assert "cellar" not in answer.text


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


def test_the_roles_of_the_staff_are_all_tested() -> None:
    assert set(ROLES) - {"partner"} == contract.STAFF
