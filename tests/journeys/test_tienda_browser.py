"""A client fills a cart in a real browser, closes it, comes back and finds it.

On this device, on another one, after the system was stopped and started, and after the cart was emptied by accident and
somebody of the staff put it back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.demo import PASSWORD
from tests.journeys.chromium import Chromium
from tests.journeys.system import System


class Office:
    """What an admin does."""

    def __init__(self, system: System) -> None:
        self.system = system
        login = {"email": "admin@acme.example", "password": PASSWORD}
        self.token = system.post("/office/auth/login", body=login)["access_token"]

    def get(self, path: str) -> Any:
        return self.system.get(f"/office/{path}", self.token)

    def products(self) -> dict[str, str]:
        """The ids of the catalogue, by code."""
        return {product["code"]: product["id"] for product in self.get("products")["items"]}

    def shopper(self, username: str) -> str:
        return next(found["id"] for found in self.get("shoppers")["items"] if found["username"] == username)


@pytest.mark.timeout(300)
def test_a_cart_is_found_again(system: System, page: str, directory: Path) -> None:
    office = Office(system)
    address = f"{page}/tienda.html?api={system.address}/tienda"
    filled = ["2 × Puerta de roble 80 cm", "1 × Manija negra mate"]

    # Somebody registers, fills a cart, begins a complaint, and closes the browser.
    with Chromium(directory / "at home") as browser:
        browser.open(address)
        browser.shows("#estado", "fuera")
        browser.type("#usuario", "Nuria")
        browser.type("#password", "una clave")
        browser.click("#registrarse")
        browser.shows("#estado", "dentro")
        for code in ("PTA-ROB-80", "MAN-NEG-02", "PTA-ROB-80"):
            browser.click(f"[data-codigo={code}]")
        browser.shows("#estado", "guardado")
        browser.type("#reclamo", "La puerta llegó «rayada» 🚪")
        browser.shows("#estado", "borrador guardado")
        assert browser.texts("#carrito li") == filled

    # It comes back: signed in still, everything there.
    with Chromium(directory / "at home") as browser:
        browser.open(address)
        browser.shows("#estado", "dentro")
        assert browser.texts("#carrito li") == filled
        assert browser.tell("document.querySelector('#reclamo').value") == "La puerta llegó «rayada» 🚪"

    # The system is stopped and started; another device signs in.
    assert system.stop() == 0, system.told()
    system.start()
    with Chromium(directory / "at work") as browser:
        browser.open(address)
        browser.type("#usuario", "nuria")
        browser.type("#password", "otra clave")
        browser.click("#iniciar")
        browser.shows("#estado", "Usuario o contraseña incorrectos")
        browser.tell("document.querySelector('#password').value = ''")
        browser.type("#password", "una clave")
        browser.click("#iniciar")
        browser.shows("#estado", "dentro")
        assert browser.texts("#carrito li") == filled

        # One of the products leaves the inventory: it is named, and comes back with the product.
        handle = office.products()["MAN-NEG-02"]
        system.call("DELETE", f"/office/products/{handle}", office.token)
        browser.open(address)
        browser.shows("#faltan", "Manija negra mate")
        assert browser.texts("#carrito li") == filled[:1]
        system.post(f"/office/products/{handle}/restoration", office.token)
        browser.open(address)
        browser.shows("#faltan", "")
        browser.shows("#carrito li:last-child", filled[1])

        # The complaint is sent and its draft is gone.
        browser.click("#enviar")
        browser.shows("#estado", "reclamo enviado")
        assert browser.tell("document.querySelector('#reclamo').value") == ""

        # The cart is emptied by accident; somebody of the staff finds it in the history and puts it back.
        browser.click("#vaciar")
        browser.shows("#estado", "guardado")
        browser.open(address)
        browser.shows("#estado", "dentro")
        assert browser.texts("#carrito li") == []
        cart = f"shoppers/{office.shopper('Nuria')}/cart"
        history = office.get(f"{cart}/history")["items"]
        full = next(change["version"] for change in history if len(change["quantities"]) == 2)
        system.post(f"/office/{cart}/restoration", office.token, {"version": full})
        browser.open(address)
        browser.shows("#carrito li:last-child", filled[1])
        assert browser.texts("#carrito li") == filled

    tickets = office.get("support-requests")
    assert tickets[0]["text"] == "La puerta llegó «rayada» 🚪"
    logs = [line for name in ("serve", "projector", "feed", "clock") for line in system.log(name)]
    assert not [line for line in logs if '"error"' in line]
