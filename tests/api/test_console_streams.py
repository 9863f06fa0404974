"""What a stream had come to: the state after a version or at a time, and the difference between two, for auditors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import commission, contact, customer, deal, organization, promotion, scheduled_message, user
from tests.api.test_console import ROOT, signed_in
from tests.support.business import Business, business
from tests.support.http import Answer, World
from tests.support.store import broken

STREAMS = "/office/audit/streams"


@pytest.fixture
def here(world: World) -> Business:
    """A deal that was moved, corrected and won."""
    found = business(world)
    for path, body in (
        ("stage", {"stage": "documentation"}),
        ("progress", {"percentage": 40}),
        ("value", {"value": 1_300_000}),
        ("stage", {"stage": "delivered"}),
    ):
        assert found.office.post(f"/office/deals/{found.deal}/{path}", json=body).status == 200
    return found


def of_deal(here: Business, **query: Any) -> Answer:
    return here.office.get(f"{STREAMS}/{deal.stream(here.organization, here.deal)}", params=query)


def test_the_state_after_each_version_and_what_changed_in_it(here: Business) -> None:
    events = here.office.get("/office/audit/events", params={"stream": deal.stream(here.organization, here.deal)})
    newest = events.json["items"][0]
    now = of_deal(here).json
    assert (now["version"], now["position"], now["recorded_at"]) == (
        newest["version"],
        newest["position"],
        newest["recorded_at"],
    )
    assert (now["state"]["stage"], now["state"]["value"], now["state"]["won"]) == ("delivered", 130_000_000, True)
    first = of_deal(here, version=1).json
    assert (first["state"]["stage"], first["state"]["percentage"]) == ("prequalification", 0)
    known = {field: value for field, value in first["state"].items() if value is not None}
    assert {change["field"]: change["after"] for change in first["changes"]} == known, "everything is new"
    assert {change["before"] for change in first["changes"]} == {None}
    third = of_deal(here, version=3, since=2).json
    changes = {change["field"]: (change["before"], change["after"]) for change in third["changes"]}
    assert changes.pop("percentage") == (0, 40)
    assert set(changes) <= {"touched"}
    back = of_deal(here, version=1, since=now["version"]).json["changes"]
    assert {"field": "stage", "before": "delivered", "after": "prequalification"} in back
    assert of_deal(here, version=2, since=2).json["changes"] == []


def test_the_state_at_a_time(here: Business) -> None:
    stream = deal.stream(here.organization, here.deal)
    events = here.office.get("/office/audit/events", params={"stream": stream}).json["items"]
    for event in events:
        found = of_deal(here, at=event["recorded_at"]).json
        assert found["version"] >= event["version"]
        assert found["recorded_at"] <= event["recorded_at"]
    early = datetime.fromisoformat(events[-1]["recorded_at"]) - timedelta(seconds=1)
    assert of_deal(here, at=early.isoformat()).status == 404
    assert of_deal(here, at=(datetime.now(UTC) + timedelta(days=1)).isoformat()).json["version"] == events[0]["version"]
    assert of_deal(here, at="2026").status == 400


def streams(here: Business) -> Iterator[str]:
    yield organization.stream(here.organization)
    for module, identity in (
        (customer, here.customer),
        (deal, here.deal),
        (commission, here.commission),
        (promotion, here.promotion),
        (user, here.partner.id),
        (contact, here.contact),
        (scheduled_message, here.message),
    ):
        yield module.stream(here.organization, identity)


def test_every_sort_of_stream_is_shown_and_what_is_personal_stays_sealed(here: Business) -> None:
    for stream in streams(here):
        answer = here.office.get(f"{STREAMS}/{stream}")
        assert answer.status == 200, (stream, answer)
        assert answer.json["state"]
        for secret in ("Pedro Juan", "Ana López", here.partner.email, "+5215598772310", "Luz"):
            assert secret not in answer.text, stream
    assert (
        here.office.get(f"{STREAMS}/{customer.stream(here.organization, here.customer)}").json["state"]["name"] == "∅"
    )


def test_what_is_not_there_and_what_belongs_to_others_is_a_404(world: World, here: Business) -> None:
    other = business(world, "other")
    for stream in [*streams(other), "deal-nobody", f"deal-{here.organization}-nobody", "%00", "x" * 3_000]:
        assert here.office.get(f"{STREAMS}/{stream}").status == 404, stream
    assert of_deal(here, version=99).status == 404
    assert of_deal(here, since=99).status == 404
    for wrong in ({"version": 0}, {"version": "x"}, {"since": -1}, {"version": 2**40}):
        assert of_deal(here, **wrong).status == 400, wrong


def test_a_stream_that_cannot_be_read_says_where_to_those_whose_it_is(world: World, here: Business) -> None:
    stream = f"claim-{here.partner.organization}-nobody"
    broken(world.settings.database_url, stream, "ValueReleased")  # no view takes it
    answer = here.office.get(f"/office/audit/streams/{stream}")
    assert (answer.status, answer.json["error"]["code"]) == (409, "stream_unreadable")
    assert "ValueReleased at position" in answer.json["error"]["message"]
    other = world.signed_in(world.user("auditor", organization=world.organization("other")))
    assert other.get(f"/office/audit/streams/{stream}").status == 404


def test_the_console_goes_through_the_versions(world: World, here: Business) -> None:
    browser = signed_in(world, world.user("auditor", organization=here.organization))
    browser.open(f"{ROOT}/deals/{here.deal}")
    browser.open(browser.page.links["What it has come to"])
    assert "delivered" in browser.page.text.split("All of it")[1]
    last = of_deal(here).json["version"]
    assert f"Version {last + 1}" not in browser.page.links
    browser.open(browser.page.links[f"Version {last - 1}"])
    assert f"Now, at version {last}" in browser.page.links
    assert f"After version {last - 1}" in browser.page.text
    page = browser.at.split("?")[0]
    answer = browser.open(page, version="3", since="2")
    assert answer.status == 200
    changed = browser.page.text.split("Changed after version 2")[1].split("All of it")[0]
    assert "percentage 0 40" in changed
    assert "stage" not in changed
    assert "DealWon" not in browser.page.text
    search = browser.page.forms[""]
    assert (search.values["version"], search.values["since"]) == (["3"], ["2"])
    answer = browser.open(page, version="0")
    assert answer.status == 400
    assert set(browser.page.forms[""].errors) == {"version"}
    for path, status in ((f"{ROOT}/audit/streams/nothing", 404), (f"{ROOT}/audit/streams/{'x' * 500}", 404)):
        assert browser.open(path).status == status


def test_who_is_no_auditor_does_not_see_it(world: World, here: Business) -> None:
    stream = deal.stream(here.organization, here.deal)
    for role in ("sales", "agent", "viewer"):
        browser = signed_in(world, world.user(role, organization=here.organization))
        assert browser.open(f"{ROOT}/audit/streams/{stream}").status == 403
        assert "What it has come to" not in browser.open(f"{ROOT}/deals/{here.deal}").text
