"""A partner's dashboard in a real browser, on another origin than the API: what it fetches, what it is pushed, how it
stays signed in, and who is kept out.

The page does what the document's service layer does. Everything that it shows was entered through the office; only to
make a file two days old takes a look into the log's own drawer.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from domain import attention, deal
from domain.deal import DealOpened
from scripts.demo import PASSWORD
from tests.journeys.chromium import Chromium
from tests.journeys.system import System
from tests.support.http import PATIENCE, until
from tests.support.store import happened

API = "/pazz/api/v1"
ROSA = {"email": "rosa@acme.example", "password": "una Clave larga 1"}
NETWORK_ERROR = "Error de conexión. Verifica tu internet."
GETS = {
    "profile": "user/profile",
    "goal": "goals/current",
    "promotions": "promotions/active",
    "clients": "clients/attention-required",
    "commissions": "commissions/summary",
}


class Staff:
    """What an admin does in the office, for one partner."""

    def __init__(self, system: System) -> None:
        self.system = system
        login = {"email": "admin@acme.example", "password": PASSWORD}
        self.token = system.post("/office/auth/login", body=login)["access_token"]
        self.partner = self.create("users", name="Rosa Díaz", role="partner", **ROSA)
        self.client = self.create("customers", name="Luz Prieto", phone="+5215598772310", assigned_to=self.partner)
        buyer = self.create("customers", name="Juan Pérez", assigned_to=self.partner)
        self.sale = self.create("deals", customer=buyer, partner=self.partner, title="BMW", value=4_600_000)

    def create(self, what: str, **body: Any) -> str:
        return self.system.post(f"/office/{what}", self.token, body)["id"]

    def earn(self, amount: float) -> None:
        """The partner earns a commission."""
        self.create("commissions", deal=self.sale, rate=2, amount=amount, earned=True)

    def offer(self, title: str, begins: timedelta) -> None:
        """A promotion for every partner."""
        now = datetime.now(UTC)
        self.create(
            "promotions", title=title, subtitle="Gran Coupé", image_url="https://cdn.pazz.com/bmw.jpg",
            bonus_amount=100_000, original_price=1_245_000, final_price=1_145_000,
            valid_from=(now + begins).isoformat(), valid_to=(now + timedelta(days=1)).isoformat(),
        )  # fmt: skip


class Dashboard(Chromium):
    """The page, open in a browser."""

    def __init__(self, profile: Path, system: System, origin: str, *more: str) -> None:
        super().__init__(profile)
        self.system = system
        query = "&".join((f"api={system.address}/pazz", f"ws={system.address}/pazz", *more))
        self.address = f"{origin}/pazz.html?{query}"

    def sign_in(self, expected: str = "dentro") -> None:
        self.open(self.address)
        until(lambda: self.tell("$('estado').textContent"), "the page does not say who is there")
        for field, text in ROSA.items():
            self.type(f"#{field}", text)
        self.click("#entrar button")
        self.shows("#estado", expected)

    def set_goal(self, amount: str, expected: str = "meta guardada") -> None:
        self.tell("say(document.querySelector('#cantidad').value = '')")
        self.type("#cantidad", amount)
        self.click("#guardar")
        self.shows("#estado", expected)

    def hears(self, notice: str) -> None:
        """Wait until it tells its person."""
        until(lambda: notice in self.texts("#avisos li"), lambda: str((notice, self.texts("#avisos li"))))

    def asks(self, path: str, method: str = "GET", **more: Any) -> str:
        """What a call of the page comes to: `ok`, or the sentence that it shows."""
        call = f"request({json.dumps(method)}, '/api/v1/{path}', {json.dumps(more)})"
        return self.tell(f"{call}.then(() => 'ok', error => error.message)")

    def agrees(self, token: str) -> None:
        """Wait until all that the page holds, fetched or pushed, is what the API answers now."""
        deadline = time.monotonic() + PATIENCE
        for key, path in GETS.items():
            while (held := self.tell(f"cache.{key}")) != (now := self._now(key, path, token)):
                assert time.monotonic() < deadline, (key, held, now)
                time.sleep(0.5)  # the person may ask a hundred times a minute, the test and the page together

    def _now(self, key: str, path: str, token: str) -> Any:
        data = self.system.get(f"{API}/{path}", token)["data"]
        return data.get(key, data) if key in ("promotions", "clients") else data


@pytest.fixture
def staff(system: System) -> Staff:
    return Staff(system)


@pytest.mark.timeout(300)
def test_the_dashboard(system: System, staff: Staff, page: str, directory: Path, database_url: str) -> None:
    token = system.post(f"{API}/auth/login", body=ROSA)["data"]["token"]
    with Dashboard(directory / "rosa", system, page) as browser:
        browser.sign_in()
        browser.shows("#conexion", "conectado (1)")
        browser.shows("#nivel", "starter 2 % 0 %")
        browser.shows("#meta", "$0 de $25,000")
        browser.shows("#comisiones", "$0 (0) y $0")
        browser.agrees(token)

        # A goal, refused and set, as the document's form does it.
        browser.set_goal("999", "amount: Debe ser mayor o igual a 1000")
        browser.set_goal("30000")
        browser.shows("#meta", "$0 de $30,000")

        # A commission is earned: the goal moves, the level rises, the page is told without asking.
        staff.earn(20_000)
        browser.hears("¡Nueva comisión de $20,000!")
        browser.hears("Ahora eres master")
        browser.shows("#meta", "$20,000 de $30,000")
        browser.shows("#nivel", "master 2.5 % 57.5 %")
        browser.shows("#comisiones", "$20,000 (1) y $0")
        assert browser.tell("pushed['goal:updated']") == system.get(f"{API}/goals/current", token)["data"]
        assert browser.tell("pushed['level:upgraded']") == system.get(f"{API}/user/profile", token)["data"]
        line = browser.tell("pushed['commission:earned']")
        assert line.pop("amount") == 20_000
        assert [line] == system.get(f"{API}/commissions/summary", token)["data"]["breakdown"]

        # The processes that serve die. The page finds back by itself and goes on hearing.
        system.kill_api()
        until(lambda: browser.tell("connected") == 2, system.told)
        staff.earn(500.5)
        browser.hears("¡Nueva comisión de $500.5!")
        browser.shows("#meta", "$20,500.5 de $30,000")

        # The time of a promotion comes, and that of a file which stood still for two days.
        staff.offer("BMW Serie 4", begins=timedelta(seconds=2))
        browser.hears("Nueva promoción: BMW Serie 4")
        offers = system.get(f"{API}/promotions/active", token)["data"]["promotions"]
        assert browser.tell("pushed['promotion:new']") in offers
        neglect(database_url, staff)
        browser.hears("Nuevo cliente requiere atención: Luz Prieto")
        browser.shows("#clientes", "Luz Prieto: Precalificación sin concluir")
        notice = browser.tell("pushed['client:attention']")
        assert notice.pop("clientName") == "Luz Prieto"
        assert [notice] == system.get(f"{API}/clients/attention-required", token)["data"]["clients"]
        browser.click("#clientes li")
        browser.shows("#cliente", "Luz Prieto, Inició precalificación")
        browser.agrees(token)

        # What belongs to others, and what is nobody's.
        others = staff.create("customers", name="De otra", assigned_to="usr_socia")
        assert browser.asks(f"clients/{others}") == "Este cliente no está asignado a ti"
        assert browser.asks("clients/client_nadie") == "No se encontró lo que buscas"

        # It is away while more is earned and the process that would have told it dies: told when it is back.
        browser.tell("void socket.disconnect()")
        staff.earn(10_000)
        system.kill_api()
        until(lambda: is_ready(system), system.told)
        assert "¡Nueva comisión de $10,000!" not in browser.texts("#avisos li")
        browser.tell("void socket.connect()")
        browser.hears("¡Nueva comisión de $10,000!")
        browser.shows("#meta", "$30,500.5 de $30,000 ✓")
        browser.agrees(token)
        assert browser.texts("#avisos li").count("¡Nueva comisión de $500.5!") == 1

        # Its access token is no longer good: it gets another one and asks again.
        browser.tell("localStorage.setItem('token', 'caducado')")
        browser.set_goal("40000")
        assert browser.tell("retried") == 1
        assert browser.tell("kept('token')").count(".") == 2, "another access token"
        browser.shows("#meta", "$30,500.5 de $40,000")
        browser.open(browser.address)
        browser.shows("#estado", "dentro")
        browser.agrees(token)

    logs = [line for name in ("serve", "projector", "feed", "clock") for line in system.log(name)]
    assert not [line for line in logs if '"error"' in line]


@pytest.mark.timeout(300)
def test_tokens_that_the_browser_keeps(system: System, staff: Staff, page: str, stranger: str, directory: Path) -> None:
    with Dashboard(directory / "rosa", system, page, "cookies") as browser:
        browser.open(browser.address)
        browser.shows("#estado", "Tu sesión no es válida o ha expirado")
        browser.sign_in()
        assert browser.tell("Object.keys(localStorage)") == []
        browser.set_goal("30000")

        # Loaded anew, it has nothing but the cookies: it learns the CSRF token from an answer.
        browser.open(browser.address)
        browser.shows("#estado", "dentro")
        browser.shows("#meta", "$0 de $30,000")
        browser.set_goal("31000")

        # A change without the token, or with another one's, is refused.
        goal = {"amount": 32_000, **{key: browser.tell(f"cache.goal.{key}") for key in ("month", "year")}}
        refused = "La solicitud no trae el token de seguridad de tu sesión"
        for proof in ("", "0" * 40):
            assert browser.asks("goals", "POST", body=goal, proof=proof, again=False) == refused
        assert browser.asks("auth/logout", "POST", proof="") == refused

        # A page of another origin cannot read with the cookies, nor change anything, although the browser sends them.
        browser.open(f"{stranger}/pazz.html?api={system.address}/pazz&cookies")
        browser.shows("#estado", NETWORK_ERROR)
        address = json.dumps(f"{system.address}{API}/goals")
        form = "credentials: 'include', mode: 'no-cors', method: 'POST', headers: {'Content-Type': 'text/plain'}"
        sent = browser.tell(
            f"fetch({address}, {{{form}, body: {json.dumps(json.dumps(goal))}}}).then(found => found.type)"
        )
        assert sent == "opaque", "the browser did send it"
        browser.open(browser.address)
        browser.shows("#meta", "$0 de $31,000")

        # Signed out, the cookies are gone.
        assert browser.asks("auth/logout", "POST") == "ok"
        browser.open(browser.address)
        browser.shows("#estado", "Tu sesión no es válida o ha expirado")


@pytest.mark.timeout(300)
def test_a_page_of_an_origin_that_may_not_call(system: System, staff: Staff, stranger: str, directory: Path) -> None:
    token = json.dumps(system.post(f"{API}/auth/login", body=ROSA)["data"]["token"])
    with Dashboard(directory / "rosa", system, stranger) as browser:
        browser.sign_in(NETWORK_ERROR)
        # Even with a good token: no answer is readable, no socket opens.
        browser.tell(f"localStorage.setItem('token', {token})")
        assert browser.asks("goals/current") == NETWORK_ERROR
        browser.tell("listen()")
        browser.shows("#conexion", "rechazado")


def neglect(database_url: str, staff: Staff) -> None:
    """A file of the client that was opened two days ago, but for a moment."""
    moment = datetime.now(UTC) - attention.STEPS["prequalification"] + timedelta(seconds=2)
    opened = DealOpened(
        deal="deal_quieta", customer=staff.client, partner=staff.partner, pipeline=attention.PIPELINE,
        stage="prequalification", title="BMW", value=400_000_00, at=moment,
    )  # fmt: skip
    happened(database_url, deal.stream("acme", "deal_quieta"), opened)


def is_ready(system: System) -> bool:
    try:
        return system.call("GET", "/health/ready").status == 200
    except httpx2.TransportError:
        return False
