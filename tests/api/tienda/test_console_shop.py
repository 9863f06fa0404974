"""The shop at the office's console: products, shoppers with their carts, and what they ask of support."""

from __future__ import annotations

from typing import Any

import pytest

from api.office import contract, products, shoppers, support_requests
from tests.api.test_console import ROOT, signed_in
from tests.api.tienda.conftest import Buyer, Shop, item
from tests.support.browsers import Browser
from tests.support.http import Answer

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 1234567*9 }} \u0645\u0631\u062d\u0628\u0627"
PRODUCT = {
    "code": "PTA-70",
    "name": "Puerta de cedro",
    "description": "Maciza\nA mano",
    "category": "Puertas",
    "price": "3150.50",
    "cost": "1200",
    "images": "https://cdn.example.mx/a.jpg\nhttps://cdn.example.mx/b.jpg",
}


@pytest.fixture
def browser(shop: Shop) -> Browser:
    """The console of the shop's admin."""
    return signed_in(shop.world, shop.world.user("admin", organization=shop.organization))


def press(browser: Browser, page: str, form: str, **written: Any) -> Answer:
    """Send a form of a page."""
    assert browser.open(ROOT + page).status == 200
    return browser.press(f"form-{form}", **written)


# --- products


def test_a_product_is_added_corrected_removed_and_put_back(shop: Shop, browser: Browser) -> None:
    assert press(browser, "/products/new", "new", **PRODUCT).status == 200
    assert "The product was added." in browser.page.text
    page = browser.at.removeprefix(ROOT).split("?")[0]
    shown = shop.office.get(f"/office{page}").json
    assert (shown["code"], shown["price"], shown["cost"], shown["active"]) == ("PTA-70", 3150.5, 1200, True)
    assert shown["images"] == ["https://cdn.example.mx/a.jpg", "https://cdn.example.mx/b.jpg"]
    assert shown["description"] == "Maciza\nA mano"
    assert press(browser, page, "change", price="2999", category="", active=[]).status == 200
    changed = {"price": 2999, "category": None, "active": False}
    assert shop.office.get(f"/office{page}").json == {**shown, **changed}, "what was not touched is as it was"
    assert press(browser, page, "remove").status == 200
    assert shop.office.get(f"/office{page}").json["removed"] is True
    assert {form for form in browser.page.forms if form.startswith("form-")} == {"form-restore"}
    browser.open(f"{ROOT}/products")
    assert "PTA-70" not in browser.page.text
    browser.open(f"{ROOT}/products?removed=true")
    assert "PTA-70" in browser.page.text
    assert press(browser, page, "restore").status == 200
    assert shop.office.get(f"/office{page}").json["removed"] is False


@pytest.mark.parametrize(
    ("name", "value"),
    [("code", ""), ("name", "x" * 2_000), ("price", "free"), ("price", ""), ("cost", "-1"), ("images", "x" * 20_000)],
)
def test_what_is_wrong_with_a_product_stands_beside_its_field(
    shop: Shop, browser: Browser, name: str, value: str
) -> None:
    with shop.world.unchanged():
        answer = press(browser, "/products/new", "new", **{**PRODUCT, name: value})
    form = browser.page.forms["form-new"]
    assert (answer.status, set(form.errors)) == (400, {name})
    assert (form.values[name], form.values["category"]) == ([value], ["Puertas"])


def test_a_code_that_is_taken_is_told(shop: Shop, browser: Browser) -> None:
    shop.product(code="PTA-70")
    with shop.world.unchanged():
        assert press(browser, "/products/new", "new", **PRODUCT).status == 409
    assert browser.page.forms["form-new"].message


# --- shoppers


def test_a_cart_is_looked_at_and_put_back(shop: Shop, buyer: Buyer, browser: Browser) -> None:
    door = shop.product()
    for lines in ([item(door, 2)], [item(door, 5)], []):
        assert buyer.save(*lines).status == 200
    page = f"/shoppers/{buyer.id}"
    browser.open(f"{ROOT}/shoppers")
    assert browser.page.links["Lupe Mora"] == ROOT + page
    browser.open(ROOT + page)
    assert "It is empty." in browser.page.text
    assert f"{door} : 5" in browser.page.text
    assert press(browser, page, "restore", version="2").status == 200
    assert "The cart was put back." in browser.page.text
    assert "Puerta de roble 5" in browser.page.text
    assert [line["quantity"] for line in shop.office.get(f"/office{page}/cart").json["items"]] == [5]
    for version, status in (("99", 404), ("two", 400), ("", 400)):
        with shop.world.unchanged():
            assert press(browser, page, "restore", version=version).status == status
        assert set(browser.page.forms["form-restore"].errors) == {"version"}


def test_a_shopper_is_deactivated_reactivated_and_erased(shop: Shop, buyer: Buyer, browser: Browser) -> None:
    page = f"/shoppers/{buyer.id}"
    assert press(browser, page, "deactivate").status == 200
    assert shop.login(buyer.username).status != 200
    assert press(browser, page, "reactivate").status == 200
    assert shop.login(buyer.username).status == 200
    with shop.world.unchanged():
        assert press(browser, page, "erase").status == 400
    assert press(browser, page, "erase", sure="yes").status == 200
    assert shop.office.get(f"/office{page}").json["erased"] is True
    assert "Lupe" not in browser.page.text
    assert not [form for form in browser.page.forms if form.startswith("form-")]


# --- support


def test_support_requests_are_worked_through(shop: Shop, buyer: Buyer, browser: Browser) -> None:
    ids = []
    for number in range(2):
        sent = buyer.post("/reclamo", {"titulo": f"Puerta {number}", "descripcion": "Llegó rota", "pedido_id": "ped_1"})
        ids.append(sent.json["ticket"]["id"])
    browser.open(f"{ROOT}/support")
    assert "Llegó rota" in browser.page.text
    assert browser.press(f"form-status-{ids[0]}", status="in_progress").status == 200
    assert "the shopper sees it" in browser.page.text
    assert "Puerta 0" not in browser.page.text
    browser.open(f"{ROOT}/support?status=in_progress")
    assert browser.press(f"form-status-{ids[0]}", status="resolved").status == 200
    assert browser.at.startswith(f"{ROOT}/support?status=in_progress")
    assert "There is nothing to show." in browser.page.text
    states = {one["id"]: one["estado"] for one in buyer.get("/soporte-reclamos").json}
    assert states == {ids[0]: "resuelto", ids[1]: "pendiente"}
    browser.open(f"{ROOT}/support")
    with shop.world.unchanged():
        assert browser.press(f"form-status-{ids[1]}", status="lost").status == 400
        assert set(browser.page.forms[f"form-status-{ids[1]}"].errors) == {"status"}
    assert browser.open(f"{ROOT}/support?status=lost").status == 400
    for offset in ("x", "-1", "9" * 30):
        assert browser.open(f"{ROOT}/support?offset={offset}").status == 400


def test_support_requests_go_on_page_by_page(shop: Shop, buyer: Buyer, browser: Browser) -> None:
    titles = [f"Caso {number:02}" for number in range(51)]
    for title in titles:
        buyer.post("/reclamo", {"titulo": title, "descripcion": "Rota"})
        shop.world.forget_limits()
    browser.open(f"{ROOT}/support")
    first = {title for title in titles if title in browser.page.text}
    assert len(first) == 50
    browser.open(browser.page.links["Next page"])
    assert {title for title in titles if title in browser.page.text} == set(titles) - first
    assert "Next page" not in browser.page.links
    browser.open(browser.page.links["First page"])
    assert {title for title in titles if title in browser.page.text} == first


# --- all of them


def test_each_role_sees_them_and_only_managers_their_forms(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    buyer.save(item(door))
    ticket = buyer.post("/soporte", {"asunto": "Factura", "mensaje": "No la encuentro"}).json["ticket"]["id"]
    moves = support_requests.move.opt.get("roles", contract.MANAGERS)
    for role in sorted(contract.STAFF):
        who = signed_in(shop.world, shop.world.user(role, organization=shop.organization))  # type: ignore[arg-type]
        for path, sees, sends in (
            ("/products", products.list_page, None),
            (f"/products/{door}", products.show, products.change),
            ("/products/new", products.create, products.create),
            ("/shoppers", shoppers.list_page, None),
            (f"/shoppers/{buyer.id}", shoppers.show, shoppers.erase),
            ("/support", support_requests.list_page, support_requests.move),
        ):
            answer = who.open(ROOT + path)
            assert answer.status == (200 if role in sees.opt.get("roles", contract.MANAGERS) else 403), (role, path)
            offered = [form for form in who.page.forms if form.startswith("form-")]
            allowed = sends is not None and role in sends.opt.get("roles", contract.MANAGERS)
            assert bool(offered) == allowed, (role, path)
        if role not in moves:
            proof = who.page.forms[f"{ROOT}/sign-out"].values["proof"]
            with shop.world.unchanged():
                sent = {"proof": proof, "status": ["resolved"]}
                assert who.send(f"{ROOT}/support/{ticket}/status", sent).status == 403
                assert who.send(f"{ROOT}/products/{door}/remove", {"proof": proof}).status == 403


def test_what_belongs_to_another_shop_is_not_there(shop: Shop, buyer: Buyer) -> None:
    door = shop.product()
    ticket = buyer.post("/soporte", {"asunto": "Factura", "mensaje": "No"}).json["ticket"]["id"]
    stranger = signed_in(shop.world, shop.world.user("admin", organization=shop.world.organization("other")))
    proof = stranger.page.forms[f"{ROOT}/sign-out"].values["proof"]
    with shop.world.unchanged():
        for path in (f"/products/{door}", f"/shoppers/{buyer.id}"):
            assert stranger.open(ROOT + path).status == 404
        for path in (f"/products/{door}/remove", f"/shoppers/{buyer.id}/deactivate", f"/support/{ticket}/status"):
            assert stranger.send(ROOT + path, {"proof": proof, "status": ["resolved"]}).status == 404, path
        assert "Factura" not in stranger.open(f"{ROOT}/support").text


def test_what_shoppers_write_is_never_markup(shop: Shop, buyer: Buyer, browser: Browser) -> None:
    door = shop.product(name=HOSTILE, category=HOSTILE[:60], description=HOSTILE)
    buyer.save(item(door, 2, nombre=HOSTILE))
    sent = {"titulo": HOSTILE, "descripcion": HOSTILE, "pedido_id": HOSTILE[:40], "archivos": [{"n": HOSTILE}]}
    assert buyer.post("/reclamo", sent).status == 200
    for path in ("/products", f"/products/{door}", f"/shoppers/{buyer.id}", "/support"):
        assert browser.open(ROOT + path).status == 200
        assert not {"script", "img"} & {tag for tag, _ in browser.page.elements}, path
        assert not [found for _, found in browser.page.elements if any(name.startswith("on") for name in found)]
        assert HOSTILE in browser.page.text, path
        assert str(1234567 * 9) not in browser.page.text, path
        ids = [found["id"] for _, found in browser.page.elements if "id" in found]
        assert len(ids) == len(set(ids)), f"{path}: an id twice"
