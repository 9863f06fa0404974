"""The console's forms: what is sent is what the API takes, and what is wrong comes back beside its field."""

from __future__ import annotations

from typing import Any

import pytest

from domain.commission import CommissionEarned
from domain.customer import CustomerAdded
from tests.api.test_console import ROOT, signed_in
from tests.support.browsers import Browser
from tests.support.business import Business, business, made
from tests.support.http import World

OFFER = {
    "title": "Bono de otoño",
    "subtitle": "Hasta noviembre",
    "image_url": "https://cdn.example.mx/a.jpg",
    "terms_url": "https://example.mx/terms",
    "original_price": "350000",
    "final_price": "325000.50",
    "bonus_amount": "1500",
    "monthly_payments": "12 8500\r\n24: 4600.25\r\n",
    "valid_from": "2030-01-01T00:00",
    "valid_to": "2030-07-01T23:59:30",
    "priority": "7",
    "regions": " centro, norte ,",
    "levels": ["master", "legend"],
}


class Office:
    """Somebody at the console of an organisation that has one of everything."""

    def __init__(self, world: World, role: Any = "admin") -> None:
        self.world = world
        self.here: Business = business(world)
        self.browser: Browser = signed_in(world, world.user(role, organization=self.here.organization))

    def json(self, path: str) -> Any:
        """What the API shows."""
        answer = self.here.office.get(f"/office{path}")
        assert answer.status == 200, answer
        return answer.json

    def sent(self, page: str, form: str, said: str, **written: Any) -> str:
        """Send a form of a page, which is taken: the id of what is shown then."""
        assert self.browser.open(ROOT + page).status == 200
        answer = self.browser.press(f"form-{form}", **written)
        assert answer.status == 200, answer
        assert said in self.browser.page.text
        return self.browser.at.split("?")[0].rsplit("/", 1)[1]

    def refused(self, page: str, form: str, status: int = 400, **written: Any) -> dict[str, str]:
        """Send a form of a page, which is refused and changes nothing: what is said beside which field."""
        assert self.browser.open(ROOT + page).status == 200
        with self.world.unchanged():
            answer = self.browser.press(f"form-{form}", **written)
        assert answer.status == status, answer
        found = self.browser.page.forms[f"form-{form}"]
        for name, value in written.items():
            kept = [] if name == "password" else [value] if isinstance(value, str) else value
            assert [part for part in found.values.get(name, []) if part] == [part for part in kept if part], name
        return found.errors


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


# --- customers


def test_a_customer_is_entered_corrected_handed_over_and_erased(office: Office) -> None:
    partner = office.here.partner.id
    fields = {"name": "Rosa Díaz", "email": "rosa@example.mx", "phone": "+52 55 9877 2310", "assigned_to": partner}
    person = office.sent("/customers/new", "new", "The customer was entered.", **fields)
    shown = office.json(f"/customers/{person}")
    assert shown["name"] == "Rosa Díaz"
    assert (shown["email"], shown["assigned_to"]) == ("rosa@example.mx", partner)
    page = f"/customers/{person}"
    assert office.sent(page, "change", "The customer was corrected.", name="Rosa Mora", email="") == person
    assert office.json(page) == {**shown, "name": "Rosa Mora", "email": None}
    office.sent(page, "assign", "The customer was handed over.", assigned_to="")
    assert office.json(page)["assigned_to"] is None
    assert office.refused(page, "erase") == {"sure": "Tick this first."}
    office.sent(page, "erase", "Who this was is forgotten.", sure="yes")
    assert office.json(page)["erased"] is True
    assert "form-change" not in office.browser.page.forms
    assert "Rosa" not in office.browser.page.text


def test_what_is_wrong_with_a_customer_stands_beside_its_field(office: Office) -> None:
    wrong = office.refused("/customers/new", "new", name="", email="no address", phone="12")
    assert wrong["name"] == "This has to be filled in."
    wrong = office.refused("/customers/new", "new", name="x" * 500, email="rosa@example.mx")
    assert set(wrong) == {"name"}
    wrong = office.refused("/customers/new", "new", name="Rosa", email="no address")
    assert set(wrong) == {"email"}
    wrong = office.refused("/customers/new", "new", 404, name="Rosa", assigned_to="usr_nobody")
    assert set(wrong) == {"assigned_to"}
    page = f"/customers/{office.here.customer}"
    assert set(office.refused(page, "change", name="", email="rosa@example.mx")) == {"name"}
    assert set(office.refused(page, "change", name="nul\0byte")) == {"name"}


def test_a_form_that_is_sent_twice_does_its_work_once(office: Office) -> None:
    office.browser.open(f"{ROOT}/customers/new")
    form = office.browser.page.forms["form-new"]
    before = office.world.head
    values = {**form.values, "name": ["Rosa Díaz"]}
    assert office.browser.send(form.action, values).status == 200
    first = office.browser.at
    assert office.browser.send(form.action, values).status == 200
    assert office.browser.at == first
    assert [type(recorded.event) for recorded in office.world.events(before)] == [CustomerAdded]


# --- deals


def test_a_deal_is_opened_from_its_customer_and_worked_on(office: Office) -> None:
    office.browser.open(f"{ROOT}/customers/{office.here.customer}")
    office.browser.open(office.browser.page.links["Open a deal"])
    fields = {"partner": office.here.partner.id, "title": "SUV", "value": "350000.50", "vehicle_year": "2026"}
    assert office.browser.press("form-new", **fields).status == 200
    deal = office.browser.at.split("?")[0].rsplit("/", 1)[1]
    page = f"/deals/{deal}"
    shown = office.json(page)
    assert (shown["customer"], shown["value"], shown["vehicle_year"]) == (office.here.customer, 350_000.5, 2026)
    assert shown["stage"] == "prequalification"
    office.sent(page, "progress", "The progress was noted.", percentage="40")
    office.sent(page, "document", "The document was added.", name="INE")
    office.sent(page, "activity", "The activity was noted.", kind="call", note="Said yes.\r\nCalls back.")
    office.sent(page, "value", "The value was corrected.", value="360000")
    other = office.world.user("partner", organization=office.here.organization)
    office.sent(page, "partner", "The deal was handed over.", partner=other.id)
    office.sent(page, "commission", "The commission was promised.", rate="2.5")
    promised = [one for one in office.json("/commissions")["items"] if one["deal"] == deal]
    assert [(one["amount"], one["status"], one["partner"]) for one in promised] == [(9000, "pending", other.id)]
    office.sent(page, "commission", "The commission was promised.", rate="1", amount="12.25", earned="yes")
    assert {one["status"] for one in office.json("/commissions")["items"] if one["deal"] == deal} == {
        "pending",
        "earned",
    }
    office.sent(page, "stage", "The deal was moved.", stage="delivered")
    shown = office.json(page)
    assert (shown["percentage"], shown["value"], shown["partner"]) == (40, 360_000, other.id)
    assert (shown["stage"], shown["outcome"]) == ("delivered", "won")
    left = {form for form in office.browser.page.forms if form.startswith("form-")}
    assert left == {"form-document", "form-activity", "form-commission"}, "what a closed deal still takes"
    history = office.browser.page.text.split("History")[1]
    for event in ("DealOpened", "DealProgressed", "DealDocumentAdded", "DealActivityRecorded", "DealWon"):
        assert event in history
    office.sent(page, "activity", "The activity was noted.", kind="visit")


def test_a_deal_is_lost(office: Office) -> None:
    page = f"/deals/{office.here.deal}"
    office.sent(page, "loss", "The deal was closed as lost.", reason="Bought elsewhere.")
    assert office.json(page)["outcome"] == "lost"


def test_what_is_wrong_with_a_deal_stands_beside_its_field(office: Office) -> None:
    here = office.here
    right = {"customer": here.customer, "partner": here.partner.id, "title": "SUV", "value": "1"}
    number = "Write a number without separators of thousands, such as 350000 or 1250.50."
    for name, value, status, said in (
        ("customer", "client_nobody", 404, "Customer not found: customer client_nobody."),
        ("customer", "", 400, "This has to be filled in."),
        ("partner", "usr_nobody", 404, "User not found: user usr_nobody."),
        ("value", "350,000", 400, number),
        ("value", "a lot", 400, number),
        ("value", "nan", 400, number),
        ("value", "-1", 400, "Must be from 0 to 10,000,000,000,000."),
        ("vehicle_year", "26.5", 400, "Write a whole number."),
        ("pipeline", "moon", 400, None),
    ):
        wrong = office.refused("/deals/new", "new", status, **{**right, name: value})
        assert set(wrong) == {name}, (name, value, wrong)
        assert said in (None, wrong[name])
    page = f"/deals/{here.deal}"
    assert office.refused(page, "progress", percentage="101") == {"percentage": "At most 100."}
    assert set(office.refused(page, "stage", stage="moon")) == {"stage"}
    assert office.refused(page, "document", name="") == {"name": "This has to be filled in."}
    assert set(office.refused(page, "activity", kind="")) == {"kind"}
    assert office.refused(page, "commission", rate="101") == {"rate": "At most 100."}
    assert set(office.refused(page, "partner", 404, partner="usr_nobody")) == {"partner"}


def test_a_form_of_a_page_that_was_left_open_too_long_says_what_became_of_it(office: Office) -> None:
    page = f"/deals/{office.here.deal}"
    office.browser.open(ROOT + page)
    form = office.browser.page.forms["form-progress"]
    assert office.here.office.post(f"/office{page}/loss", json={}).status == 200
    with office.world.unchanged():
        answer = office.browser.send(form.action, {**form.values, "percentage": ["50"]})
    assert answer.status == 409
    assert "Deal closed" in office.browser.page.text


# --- commissions


def test_a_commission_is_earned_paid_and_cancelled(office: Office) -> None:
    page = f"/commissions/{office.here.commission}"
    before = office.world.head
    office.sent(page, "earn", "The commission is earned.")
    assert [type(recorded.event) for recorded in office.world.events(before)] == [CommissionEarned]
    assert office.json(page)["status"] == "earned"
    assert "form-earn" not in office.browser.page.forms
    office.sent(page, "pay", "The commission is paid.")
    assert office.json(page)["status"] == "paid"
    assert not [form for form in office.browser.page.forms if form.startswith("form-")]
    other = made(office.here.office, "/office/commissions", {"deal": office.here.deal, "rate": 2})
    office.sent(f"/commissions/{other}", "cancel", "The commission is cancelled.")
    assert office.json(f"/commissions/{other}")["status"] == "cancelled"


def test_a_commission_that_was_paid_meanwhile_is_not_cancelled(office: Office) -> None:
    page = f"/commissions/{office.here.commission}"
    office.browser.open(ROOT + page)
    for step in ("earn", "pay"):
        assert office.here.office.post(f"/office{page}/{step}").status == 200
    with office.world.unchanged():
        answer = office.browser.press("form-cancel")
    assert answer.status == 409
    assert "paid" in office.browser.page.text
    assert office.json(page)["status"] == "paid"


# --- promotions


def test_a_promotion_is_prepared_corrected_and_withdrawn(office: Office) -> None:
    offer = office.sent("/promotions/new", "new", "The promotion was prepared.", **OFFER)
    page = f"/promotions/{offer}"
    shown = office.json(page)
    assert shown["valid_from"] == "2030-01-01T06:00:00Z", "midnight in Mexico City"
    assert (shown["final_price"], shown["priority"]) == (325_000.5, 7)
    assert shown["monthly_payments"] == [{"months": 12, "amount": 8500}, {"months": 24, "amount": 4600.25}]
    assert (shown["regions"], shown["levels"]) == (["centro", "norte"], ["master", "legend"])
    office.sent(page, "change", "The promotion was corrected.", title="Bono de invierno")
    assert office.json(page) == {**shown, "title": "Bono de invierno"}, "what was not touched is as it was"
    office.sent(page, "end", "The promotion was withdrawn.")
    assert office.json(page)["status"] == "ended"
    assert not [form for form in office.browser.page.forms if form.startswith("form-")]


def test_a_time_is_shown_as_a_browser_takes_it_and_stays_as_exact_as_it_was(office: Office) -> None:
    page = f"/promotions/{office.here.promotion}"
    exact = {"valid_from": "2030-01-01T06:00:00.123456Z", "valid_to": "2030-07-02T05:59:30.5Z"}
    offer = {name: value for name, value in office.json(page).items() if name not in ("id", "status", "ended_at")}
    answer = office.here.office.put(f"/office{page}", json={**offer, **exact})
    assert answer.status == 200, answer
    office.browser.open(ROOT + page)
    shown = office.browser.page.forms["form-change"].values
    assert (shown["valid_from"], shown["valid_to"]) == (["2030-01-01T00:00"], ["2030-07-01T23:59:30"])
    office.sent(page, "change", "The promotion was corrected.", title="Bono de invierno")
    assert office.json(page) == {**answer.json, "title": "Bono de invierno"}
    office.sent(page, "change", "The promotion was corrected.", valid_from="2030-01-02T00:00")
    assert office.json(page)["valid_from"] == "2030-01-02T06:00:00Z"
    office.sent(page, "change", "The promotion was corrected.", **{"valid_to-was": "nonsense"})


def test_a_correction_from_a_page_that_was_open_for_long_takes_nothing_back(office: Office) -> None:
    customer = f"/customers/{office.here.customer}"
    office.browser.open(ROOT + customer)
    meanwhile = {"name": "Pedro Juan Gómez", "phone": "+525598772310"}
    assert office.here.office.patch(f"/office{customer}", json=meanwhile).status == 200
    assert office.browser.press("form-change", email="pedro@example.mx").status == 200
    found = office.json(customer)
    assert {name: found[name] for name in ("name", "phone", "email")} == {**meanwhile, "email": "pedro@example.mx"}

    promotion = f"/promotions/{office.sent('/promotions/new', 'new', 'The promotion was prepared.', **OFFER)}"
    offer = {name: value for name, value in office.json(promotion).items() if name not in ("id", "status", "ended_at")}
    office.browser.open(ROOT + promotion)
    meanwhile = {"title": "Bono de invierno", "monthly_payments": [], "valid_to": "2031-01-01T00:00:00Z"}
    assert office.here.office.put(f"/office{promotion}", json={**offer, **meanwhile}).status == 200
    written = {"subtitle": "", "levels": ["starter"]}
    assert office.browser.press("form-change", **written).status == 400
    assert office.browser.press("form-change", subtitle="Hasta enero").status == 200
    changed = {**meanwhile, "subtitle": "Hasta enero", "levels": ["starter"]}
    assert office.json(promotion) == {**office.json(promotion), **offer, **changed}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""),
        ("image_url", "http://cdn.example.mx/a.jpg"),
        ("final_price", "cheap"),
        ("monthly_payments", "twelve 8500"),
        ("valid_from", "tomorrow"),
        ("valid_to", "2029-12-31T00:00"),
        ("valid_to", "9999-12-31T23:59"),
        ("priority", "0"),
        ("regions", "x" * 400),
    ],
)
def test_what_is_wrong_with_a_promotion_stands_beside_its_field(office: Office, name: str, value: Any) -> None:
    wrong = office.refused("/promotions/new", "new", **{**OFFER, "monthly_payments": "12 8500", name: value})
    assert set(wrong) == {name}


# --- users


def test_an_account_is_created_deactivated_and_reactivated(office: Office) -> None:
    email = f"rosa{office.world.head}@example.mx"
    fields = {"name": "Rosa Díaz", "email": email, "password": " a long secret ", "role": "sales", "region": "centro"}
    user = office.sent("/users/new", "new", "The account was created.", **fields)
    page = f"/users/{user}"
    shown = office.json(page)
    assert shown["email"] == email
    login = {"email": email, "password": fields["password"]}
    assert office.world.visitor().post("/office/auth/login", json=login).status == 200
    office.sent(page, "change", "The account was corrected.", region="norte")
    assert office.json(page) == {**shown, "region": "norte"}
    office.sent(page, "deactivate", "The account was deactivated.")
    assert office.json(page)["active"] is False
    assert office.world.visitor().post("/office/auth/login", json=login).status == 403
    office.sent(page, "reactivate", "The account was reactivated.")
    assert office.json(page)["active"] is True


def test_what_is_wrong_with_an_account_stands_beside_its_field_and_no_password_comes_back(office: Office) -> None:
    right = {"name": "Rosa", "email": "rosa@example.mx", "password": "a long secret", "role": "sales"}
    for name, value in (
        ("email", "rosa"),
        ("password", "short"),
        ("password", "x" * 300),
        ("role", "king"),
        ("name", ""),
    ):
        wrong = office.refused("/users/new", "new", **{**right, name: value})
        assert set(wrong) == {name}, wrong
        assert "secret" not in office.browser.page.text
        assert office.browser.page.forms["form-new"].values["password"] == [""]
    taken = {**right, "email": office.here.partner.email}
    assert office.refused("/users/new", "new", 409, **taken) == {}
    assert office.browser.page.forms["form-new"].message


def test_who_may_not_decide_about_admins_is_told(world: World) -> None:
    office = Office(world, "manager")
    admin = world.user("admin", organization=office.here.organization)
    own = office.browser.page.forms[f"{ROOT}/sign-out"].values["proof"]
    with world.unchanged():
        answer = office.browser.send(f"{ROOT}/users/{admin.id}/deactivate", {"proof": own})
        assert answer.status == 403
        assert "Admin only" in office.browser.page.text
