"""The console's lists, its audit and its first page: what is looked for, page by page, as the API has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from eventstore import reading
from tests.api.test_console import ROOT, signed_in
from tests.api.test_console_forms import Office
from tests.support.business import made
from tests.support.http import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


# --- lists


def test_lists_go_on_page_by_page_and_keep_what_was_looked_for(office: Office) -> None:
    more = {made(office.here.office, "/office/customers", {"name": f"Número {n}"}) for n in range(4)}
    listed: list[str] = []
    address = f"{ROOT}/customers?limit=2"
    while True:
        assert office.browser.open(address).status == 200
        links = office.browser.page.links
        assert ("First page" in links) == bool(listed)
        found = [link.rsplit("/", 1)[1] for link in links.values() if link.startswith(f"{ROOT}/customers/client")]
        assert 0 < len(found) <= 2
        listed += found
        if "Next page" not in links:
            break
        address = links["Next page"]
        assert "limit=2" in address
    assert listed == sorted({*more, office.here.customer})
    office.browser.open(f"{ROOT}/customers")
    office.browser.open(f"{ROOT}/customers?assigned_to={office.here.partner.id}")
    assert "Pedro Juan" in office.browser.page.text
    assert "Número" not in office.browser.page.text
    search = next(form for form in office.browser.page.forms.values() if form.method == "get")
    assert search.values["assigned_to"] == [office.here.partner.id]


def test_commissions_and_users_are_looked_for(office: Office) -> None:
    earned = made(office.here.office, "/office/commissions", {"deal": office.here.deal, "rate": 2, "earned": True})
    text = office.browser.open(f"{ROOT}/commissions?status=earned").text
    assert earned in text
    assert office.here.commission not in text
    office.browser.open(f"{ROOT}/users?role=partner")
    assert office.here.partner.name in office.browser.page.text
    assert office.here.manager.name not in office.browser.page.text
    assert office.browser.open(f"{ROOT}/users?role=king").status == 400
    assert office.browser.page.forms[""].errors.keys() == {"role"}
    assert "There is nothing to show." in office.browser.open(f"{ROOT}/customers?assigned_to=usr_x").text


def test_an_empty_list_says_so(world: World) -> None:
    browser = signed_in(world, world.user("viewer", organization=world.organization("new")))
    for path in ("/customers", "/deals", "/commissions", "/promotions"):
        browser.open(ROOT + path)
        assert "There is nothing to show." in browser.page.text, path


def test_a_list_asks_as_little_for_many_as_for_few(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = reading.rows

    async def counted(source: Any, kind: Any, query: str, *more: Any) -> Any:
        asked.append(query)
        return await real(source, kind, query, *more)

    monkeypatch.setattr(reading, "rows", counted)
    counts: list[int] = []
    for _ in range(2):
        for path in ("/customers", "/deals", "/commissions", "/promotions", "/users"):
            asked.clear()
            assert office.browser.open(ROOT + path).status == 200
            counts.append(len(asked))
        for number in range(3):
            body = {"name": f"Número {number}", "assigned_to": office.here.partner.id}
            customer = made(office.here.office, "/office/customers", body)
            deal = {"customer": customer, "partner": office.here.partner.id, "title": "SUV", "value": 5}
            made(
                office.here.office,
                "/office/commissions",
                {"deal": made(office.here.office, "/office/deals", deal), "rate": 2},
            )
    assert counts[:5] == counts[5:]
    assert max(counts) <= 4


# --- the audit


def test_the_audit_is_looked_through_as_the_api_does(office: Office) -> None:
    here = office.here
    stream = f"customer-{here.organization}-{here.customer}"
    office.browser.open(f"{ROOT}/customers/{here.customer}")
    office.browser.open(office.browser.page.links["All of it in the audit"])
    events = office.json(f"/audit/events?stream={stream}")["items"]
    assert [event["name"] for event in events] == ["CustomerAdded"]
    assert events[0]["hash"] in office.browser.page.text
    assert "DealOpened" not in office.browser.page.text
    office.browser.open(f"{ROOT}/audit?name=CommissionPromised&by={here.manager.id}&frontend=office")
    assert "CommissionPromised" in office.browser.page.text
    assert "CustomerAdded" not in office.browser.page.text
    office.browser.open(f"{ROOT}/audit?stream=customer-*&limit=1")
    assert "CustomerAdded" in office.browser.page.text
    positions: list[int] = []
    address = f"{ROOT}/audit?limit=4"
    while True:
        office.browser.open(address)
        text = office.browser.page.text.split()
        positions += [int(text[i + 1]) for i, word in enumerate(text) if word == "position"]
        if "Next page" not in office.browser.page.links:
            break
        address = office.browser.page.links["Next page"]
    assert positions == [event["position"] for event in office.json("/audit/events?limit=500")["items"]]


def test_the_audit_looks_at_times_on_the_organisations_clock(office: Office) -> None:
    now = datetime.now(UTC)
    for year, shown in ((now.year - 1, True), (now.year + 1, False)):
        office.browser.open(f"{ROOT}/audit", **{"from": f"{year}-06-01T00:00"})
        assert ("UserAdded" in office.browser.page.text) == shown
    for wrong in ("yesterday", "2026-13-01T00:00"):
        answer = office.browser.open(f"{ROOT}/audit", **{"from": wrong, "stream": "kept"})
        form = office.browser.page.forms[""]
        assert answer.status == 400
        assert form.errors == {"from": "Write a date and a time, such as 2026-11-21T09:30."}
        assert form.values["stream"] == ["kept"]
    assert office.browser.open(f"{ROOT}/audit?before=x").status == 400


# --- the first page


def test_the_first_page_shows_how_the_system_is(office: Office) -> None:
    office.browser.open(f"{ROOT}/")
    state = office.json("/system")
    assert (state["lag_events"], state["parked"]) == (0, [])
    assert {view["state"] for view in state["views"]} == {"live"}
    for view in state["views"]:
        assert view["name"].replace("_", " ") in office.browser.page.text
    assert "0 events behind" in office.browser.page.text


def test_what_is_parked_is_told_to_those_it_belongs_to(office: Office) -> None:
    there = office.world.organization("other")
    park = "insert into parked_streams (view, stream, position, error) values ('goals', %s, 1, 'it broke')"
    streams = [f"goal-{office.here.organization}-a", f"goal-{there}-b"]
    connection = office.world.house.connection
    try:
        for stream in streams:
            connection.execute(park, [stream])
        connection.execute("insert into jobs (reaction, position, failed) values ('goal_progress', 1, 'refused')")
        state = office.json("/system")
        assert [(one["view"], one["stream"], one["error"]) for one in state["parked"]] == [
            ("goals", streams[0], "it broke")
        ]
        assert {"reaction": "goal_progress", "waiting": 0, "failed": 1} in state["queues"]
        office.browser.open(f"{ROOT}/")
        assert streams[0] in office.browser.page.text
        assert streams[1] not in office.browser.page.text
        assert "1 jobs refused" in office.browser.page.text
    finally:
        connection.execute("delete from parked_streams where error = 'it broke'")
        connection.execute("delete from jobs where failed = 'refused'")
