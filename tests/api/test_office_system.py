"""What staff do about the system itself: proving that the log is what was written, giving parked streams back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import msgspec

from api.office import verification
from domain.customer import CustomerAssigned
from eventstore import audit
from eventstore.connect import connect
from eventstore.mapper import Recorded
from projections import customers
from projections.view import Statement
from tests.api.test_console import ROOT, signed_in
from tests.support.http import Answer, Client, World, until
from tests.support.store import NOW, given, in_event_loop, open_store

VERIFY = "/office/audit/verify"


def lines(answer: Answer) -> list[Any]:
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [msgspec.json.decode(line) for line in answer.body.splitlines()]


def auditor(world: World) -> Client:
    return world.signed_in(world.user("auditor"))


# --- proving


def test_an_auditor_proves_that_the_log_is_what_was_written(world: World) -> None:
    client = auditor(world)
    head = str(audit.publish(world.settings.database_url))
    *progress, outcome = lines(client.get(VERIFY))
    assert progress[-1] == {"done": world.head, "total": world.head}
    compared = outcome.pop("compared")
    assert outcome == {"intact": True, "head": head, "events": world.head}
    assert compared >= 1, "the heads that were published"
    again = lines(client.get(VERIFY, params={"from": world.head, "head": [head, head]}))[-1]
    assert again == {"intact": True, "head": head, "events": 1, "compared": compared + 2}


def test_a_head_that_an_auditor_kept_shows_that_the_log_was_written_anew(world: World) -> None:
    client = auditor(world)
    here = world.head
    found = lines(client.get(VERIFY, params={"head": f"{here}:{'0' * 64}"}))[-1]
    assert (found["intact"], found["position"]) == (False, here)
    assert found["reason"].startswith(f"the hash at {here} is not the one that you gave")
    longer = lines(client.get(VERIFY, params={"head": f"{10**20}:{'0' * 64}"}))[-1]
    assert (longer["intact"], longer["position"]) == (False, world.head + 1)


def test_what_is_no_head_is_refused(world: World) -> None:
    client = auditor(world)
    for wrong in ("x", "1", "1:ab", ":" + "0" * 64, "-1:" + "0" * 64):
        answer = client.get(VERIFY, params={"head": wrong})
        assert (answer.status, answer.json["error"]["code"]) == (400, "head_malformed"), answer
        assert set(answer.json["error"]["details"]) == {"head"}
    for first in (0, -1, "x", 2**63):
        assert client.get(VERIFY, params={"from": first}).status == 400
    assert client.get(VERIFY, params={"head": [f"1:{'0' * 64}"] * 101}).status == 400


def test_the_log_is_verified_for_one_at_a_time(world: World) -> None:
    client = auditor(world)
    answers: list[Answer] = []
    both = [threading.Thread(target=lambda: answers.append(client.get(VERIFY))) for _ in range(2)]
    with connect(world.settings.database_url, "test") as connection, connection.transaction():
        connection.execute("lock table events in access exclusive mode")
        for one in both:
            one.start()
        until(lambda: answers)
    for one in both:
        one.join()
    refused, taken = answers
    assert (refused.status, refused.json["error"]["code"]) == (409, "verification_under_way")
    assert lines(taken)[-1]["intact"]
    assert lines(client.get(VERIFY))[-1]["intact"], "and then for the next"


@in_event_loop
async def test_the_work_ends_when_nobody_waits_for_its_outcome(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, "customer-acme-1", CustomerAssigned(customer="1", assigned_to="a", previous=None, at=NOW))
    told, outcome, gone = asyncio.Queue[Any](), asyncio.Future[Any](), threading.Event()
    told.put_nowait(verification.Done(done=1, total=2))
    reader = verification._lines(told, outcome, gone)
    assert await anext(reader) == b'{"done":1,"total":2}\n'
    assert not gone.is_set()
    await reader.aclose()  # as the server does when the connection is lost
    assert verification._outcome(database_url, 1, (), verification.progress(gone, told.put_nowait)) is None


# --- giving back what was parked


def parked(world: World, client: Client, monkey: Any) -> tuple[str, str]:
    """A customer whose stream the view of customers left out: their stream, and the path that gives it back."""
    apply = customers.apply

    def broken(recorded: Recorded) -> Iterable[Statement]:
        yield from apply(recorded)
        yield "select 1 / 0", ()

    monkey.setattr(customers, "apply", broken)
    made = client.post("/office/customers", json={"name": "Pedro"})
    assert (made.status, made.json["error"]["code"]) == (503, "stored_not_shown")
    found = client.get("/office/system").json["parked"]
    assert [(one["view"], one["error"].split(":")[0]) for one in found] == [("customers", "DivisionByZero")]
    return found[0]["stream"], f"/office/system/parked/customers/{found[0]['stream']}/resumption"


def test_a_parked_stream_is_given_back_once_the_fault_is_mended(world: World) -> None:
    here = world.organization()
    client = world.signed_in(world.user("admin", organization=here))
    with world.patch.context() as monkey:
        stream, resume = parked(world, client, monkey)
        refused = client.post(resume)
        assert (refused.status, refused.json["error"]["code"]) == (409, "stream_failed_again")
        assert "DivisionByZero" in refused.json["error"]["message"]
        assert client.get("/office/system").json["parked"], "it stays parked"
    for stranger in (world.signed_in(world.user("admin")), world.signed_in(world.user("auditor", organization=here))):
        assert stranger.post(resume).status in (403, 404)
    for wrong in (resume.replace("customers", "clients", 1), resume.replace("client_", "client_x")):
        assert client.post(wrong).status == 404
    assert client.post(resume).json == {"events": 1}
    assert client.get("/office/system").json["parked"] == []
    customer = "client_" + stream.rpartition("client_")[2]
    assert client.get(f"/office/customers/{customer}").json["name"] == "Pedro"
    assert client.post(resume).status == 404, "it is not parked any more"


def test_the_console_gives_back_what_was_parked(world: World) -> None:
    who = world.user("admin")
    browser = signed_in(world, who)
    with world.patch.context() as monkey:
        stream, resume = parked(world, world.signed_in(who), monkey)
        action = resume.replace("/office/system", ROOT)
        browser.open(f"{ROOT}/")
        assert browser.press(action).status == 409
        assert "The view refused it again" in browser.page.text
        assert stream in browser.page.text
    assert browser.press(action).status == 200
    assert "The view has what it missed" in browser.page.text
    assert stream not in browser.page.text
    watching = signed_in(world, world.user("auditor", organization=who.organization))
    with world.patch.context() as monkey:
        stream, resume = parked(world, world.signed_in(who), monkey)
    watching.open(f"{ROOT}/")
    assert stream in watching.page.text
    assert resume.replace("/office/system", ROOT) not in watching.page.forms
    world.signed_in(who).post(resume)
