"""Somebody of the staff follows the card to the back office and works with its pages in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2
import pytest

from scripts.demo import PASSWORD
from tests.journeys.chromium import Chromium
from tests.journeys.system import System
from tests.support.http import PATIENCE, until

TABLE = "código;nombre;precio\nPTA-NUE-70;Puerta de cedro 70 cm;3.150,00\n"


class Pages:
    """The pages of the back office, as a person works with them."""

    def __init__(self, browser: Chromium) -> None:
        self.browser = browser

    def wait(self, selector: str) -> None:
        found = f"!!document.querySelector({json.dumps(selector)})"
        until(lambda: self.browser.tell(found), f"no {selector}")

    def press(self, selector: str) -> None:
        self.wait(selector)
        self.browser.click(selector)

    def open(self, operation: str) -> str:
        """Unfold an operation, ready to be tried."""
        block = f"#operations-{operation}"
        self.press(f"{block} .opblock-summary-control")
        self.press(f"{block} .try-out__btn")
        return block

    def fill(self, field: str, text: str) -> None:
        """Write into a field instead of what is there."""
        self.wait(field)
        self.browser.tell(f"(field => (field.focus(), field.select()))(document.querySelector({json.dumps(field)}))")
        self.browser.command("Input.insertText", text=text)

    def execute(self, block: str) -> tuple[int, str]:
        """Press the button: the status, and what was answered."""
        shown = f"{block} .live-responses-table .response-col_status"
        if self.browser.texts(shown):  # of the time before
            self.browser.click(f"{block} .btn-clear")
            until(lambda: not self.browser.texts(shown), "the answer stays")
        self.press(f"{block} .execute")
        self.wait(shown)
        status = self.browser.texts(shown)[-1]
        body = self.browser.texts(f"{block} .live-responses-table .highlight-code, {block} .live-responses-table pre")
        return int(re.findall(r"[0-9]{3}", status)[0]), "".join(body)


@pytest.mark.timeout(300)
def test_staff_find_the_back_office_and_work_in_it(system: System, directory: Path) -> None:
    for address in re.findall(r"http://\S+", system.told()):
        answer = httpx2.get(address, trust_env=False, timeout=PATIENCE, follow_redirects=True)
        assert answer.status_code == 200, f"the card leads to {address}"

    with Chromium(directory / "staff") as browser:
        pages = Pages(browser)
        browser.open(f"{system.address}/")
        pages.press('a[href="/office/docs"]')

        # Without a token nothing is shown.
        block = pages.open("customers-CustomersListPage")
        status, told = pages.execute(block)
        assert status == 401
        assert "sign in first" in told

        # They sign in on the page and hand it the token.
        block = pages.open("auth-AuthLoginLogin")
        pages.fill(f"{block} textarea", json.dumps({"email": "admin@acme.example", "password": PASSWORD}))
        status, told = pages.execute(block)
        assert status == 200, told
        token = re.findall(r'"access_token":\s*"([^"]+)"', told)[0]
        pages.press(".auth-wrapper .authorize")
        pages.fill(".auth-container input", token)
        pages.press(".auth-container button.authorize")
        pages.press(".btn-done")
        status, told = pages.execute("#operations-customers-CustomersListPage")
        assert status == 200
        assert "Carmen Ruiz" in told

        # A table with a wrong price is refused with its line, a right one comes in.
        block = pages.open("products-ProductsImportLoad")
        pages.fill(f"{block} textarea", TABLE)
        status, told = pages.execute(block)
        assert status == 400
        assert "line 2, column price, reason not an amount" in told
        pages.fill(f"{block} textarea", TABLE.replace("3.150", "3150"))
        status, told = pages.execute(block)
        assert status == 200
        assert re.search(r'"added":\s*1', told)

        work_at_the_console(system, pages)
    assert "PTA-NUE-70" in [product["code"] for product in system.get("/office/products", token)["items"]]
    assert system.get("/office/commissions/com_jorge", token)["status"] == "earned"


def work_at_the_console(system: System, pages: Pages) -> None:
    """They sign in at the console, find what is promised, and let it be earned; then they leave."""

    def press(selector: str) -> None:
        pages.wait(selector)
        until(lambda: pages.browser.tell("document.readyState === 'complete'"), "its style did not come")
        pages.browser.click(selector)  # where it stays now

    console = re.findall(r"http://\S+/office/console", system.told())[0]
    pages.browser.open(f"{console}/commissions?status=pending")
    pages.fill("#sign-in-email", "admin@acme.example")
    pages.fill("#sign-in-password", PASSWORD)
    press("main form button")
    press('a[href="/office/console/commissions/com_jorge"]')
    press("#form-earn button")
    pages.wait(".told")
    assert pages.browser.texts(".told") == ["The commission is earned."]
    assert pages.browser.texts("h1 + .pill") == ["earned"]
    assert pages.browser.tell("document.cookie") == "", "no script could read who is signed in"
    press(".who button")
    pages.wait("#sign-in-email")
