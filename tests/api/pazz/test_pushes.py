"""What an open dashboard is told: each push says what a GET says, to those it concerns, in every process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from tests.api.pazz.conftest import NOW, Broker
from tests.support.business import made
from tests.support.http import Process, User, until
from tests.support.sockets import Refused, Socket, SocketIo

DAY = timedelta(days=1)
Body = dict[str, Any]


def one_of(items: list[Body], **found: Any) -> Body:
    """The one entry of a list that has these values."""
    (item,) = [item for item in items if all(item[name] == value for name, value in found.items())]
    return item


SAID_BY_GET: dict[str, Callable[[Broker, Body], Body]] = {
    "goal:updated": lambda broker, body: broker.get("goals/current"),
    "commission:earned": lambda broker, body: {
        **one_of(broker.get("commissions/summary")["breakdown"], dealId=body["dealId"]),
        "amount": body["commissionAmount"],
    },
    "level:upgraded": lambda broker, body: broker.get("user/profile"),
    "promotion:new": lambda broker, body: one_of(broker.get("promotions/active")["promotions"], id=body["id"]),
    "client:attention": lambda broker, body: {
        **one_of(broker.attention()["clients"], id=body["id"]),
        "clientName": body["name"],
    },
}
"""For each push, the same from a GET, with what the document's client reads besides."""


def earn_much(broker: Broker) -> None:
    broker.commission(broker.file(value=4_600_000), amount=5_000, earned=True)


def set_goal(broker: Broker) -> None:
    body = {"amount": 31_000, "month": "octubre", "year": 2025}
    assert broker.pazz.post("/pazz/api/v1/goals", json=body).status == 201


def raise_goal(broker: Broker) -> None:
    body = {"amount": 41_000, "month": "octubre", "year": 2025}
    assert broker.pazz.post("/pazz/api/v1/goals", json=body).status == 201
    body["amount"] = 51_000
    assert broker.pazz.post("/pazz/api/v1/goals", json=body).status == 200


def cancel(broker: Broker) -> None:
    broker.settle(broker.commission(amount=5_000, earned=True), "cancel")


def start_promotion(broker: Broker) -> None:
    broker.promotion()
    broker.world.strike()


def neglect(broker: Broker) -> None:
    broker.file(broker.customer(phone="+5215598772310", email="pedro@example.com"), value=1_245_000)
    broker.later(days=8)
    broker.world.strike()


STORIES: list[tuple[Callable[[Broker], None], list[str]]] = [
    (set_goal, ["goal:updated"]),
    (raise_goal, ["goal:updated", "goal:updated"]),
    (earn_much, ["commission:earned", "goal:updated", "level:upgraded"]),
    (cancel, ["commission:earned", "goal:updated", "goal:updated"]),
    (start_promotion, ["promotion:new"]),
    (neglect, ["client:attention"]),
]


@pytest.fixture
def open_sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def dashboard(stack: ExitStack, broker: Broker, process: Process | None = None, **auth: Any) -> SocketIo:
    """A dashboard that is open, at this process of the API."""
    address = (process or broker.world.process).address
    return stack.enter_context(SocketIo(address, {"token": broker.pazz.token, **auth}))


def heard(socket: SocketIo, count: int) -> list[tuple[str, Body, int]]:
    """The next pushes, and then silence."""
    events = [socket.event() for _ in range(count)]
    assert socket.event_if_any() is None
    return [(name, body, int(offset)) for name, body, offset in events]


@pytest.mark.parametrize(("story", "expected"), STORIES, ids=[story.__name__ for story, _ in STORIES])
def test_a_push_says_what_a_get_says(
    broker: Broker, open_sockets: ExitStack, story: Callable[[Broker], None], expected: list[str]
) -> None:
    socket = dashboard(open_sockets, broker)
    story(broker)
    pushes = heard(socket, len(expected))
    assert sorted(name for name, _, _ in pushes) == expected
    newest = {name: body for name, body, _ in pushes}
    for name, body in newest.items():
        if story is cancel and name == "commission:earned":
            continue  # it was earned when that was said, and is not any more
        assert body == SAID_BY_GET[name](broker, body)
    positions = [position for _, _, position in pushes]
    assert positions == sorted(positions)


def test_every_push_has_a_story() -> None:
    assert {name for _, names in STORIES for name in names} == set(SAID_BY_GET)


def test_the_documents_client_finds_what_it_reads(broker: Broker, open_sockets: ExitStack) -> None:
    socket = dashboard(open_sockets, broker)
    neglect(broker)
    ((_, client, _),) = heard(socket, 1)
    assert client["clientName"] == "Pedro Juan Gutiérrez González"
    earn_much(broker)
    amounts = [body["amount"] for name, body, _ in heard(socket, 3) if name == "commission:earned"]
    assert amounts == [5_000]


def test_who_is_told_of_a_commission_finds_its_sale_in_the_profile(broker: Broker, open_sockets: ExitStack) -> None:
    socket = dashboard(open_sockets, broker)
    body = {"deal": broker.file(value=2_000_000), "rate": 2, "amount": 5_000, "earned": True}
    made(broker.office, "/office/commissions", body)
    assert broker.get("commissions/summary")["earned"]["amount"] == 5_000
    assert socket.event_if_any() is None, "not before the profile has it: the client asks for both at once"
    broker.world.react()
    assert sorted(name for name, _, _ in heard(socket, 2)) == ["commission:earned", "goal:updated"]
    assert broker.get("user/profile")["accumulatedSales"] == 2_000_000


def test_time_alone_tells_of_a_client_once_each_time_a_limit_is_crossed(
    broker: Broker, open_sockets: ExitStack
) -> None:
    socket = dashboard(open_sockets, broker)
    file = broker.file()
    for hours in (47, 1):  # the limit is reached, and not past
        broker.later(hours=hours)
        broker.world.strike()
    assert socket.event_if_any() is None
    broker.later(seconds=1)
    broker.world.strike()
    broker.world.strike()
    broker.later(days=30)
    broker.world.strike()
    assert len(heard(socket, 1)) == 1
    broker.tell(file, "stage", stage="approval")
    broker.later(days=8)
    broker.world.strike()
    ((name, body, _),) = heard(socket, 1)
    assert (name, body["status"]) == ("client:attention", "approval")


def test_a_client_who_was_looked_after_meanwhile_is_not_told_of(broker: Broker, open_sockets: ExitStack) -> None:
    file, witness = broker.file(stage="approval"), dashboard(open_sockets, broker)
    left = str(broker.world.head)
    broker.later(days=8)
    broker.world.strike()
    heard(witness, 1)
    broker.tell(file, "activities", kind="call")
    socket = dashboard(open_sockets, broker, offset=left)
    assert socket.event_if_any() is None


def test_a_promotion_is_told_by_the_clock_to_those_it_is_for(broker: Broker, open_sockets: ExitStack) -> None:
    norte = broker.world.user("partner", region="norte")
    stranger = broker.world.user("partner", organization=broker.world.organization("other"), region="centro")
    ana = dashboard(open_sockets, broker)
    others = [open_sockets.enter_context(SocketIo(broker.world.address, {"token": token(broker, who)}))
              for who in (norte, stranger)]  # fmt: skip
    centro = broker.promotion(DAY, DAY, regions=["Centro"])
    masters = broker.promotion(DAY, DAY, levels=["master"])
    assert ana.event_if_any() is None
    broker.time_is(NOW + DAY)
    broker.get("promotions/active")  # a request starts nothing
    assert ana.event_if_any() is None
    broker.world.strike()
    assert [body["id"] for _, body, _ in heard(ana, 1)] == [centro] != [masters]
    assert all(other.event_if_any() is None for other in others)


def token(broker: Broker, who: User) -> str:
    return broker.world.signed_in(who).token


def test_another_partner_hears_nothing(broker: Broker, open_sockets: ExitStack) -> None:
    bea = broker.world.user("partner", name="Bea")
    socket = open_sockets.enter_context(SocketIo(broker.world.address, {"token": token(broker, bea)}))
    set_goal(broker)
    earn_much(broker)
    neglect(broker)
    assert socket.event_if_any() is None


@pytest.mark.parametrize("namespace", ["/", "/pazz"])
def test_both_addresses_of_the_client_lead_to_the_same_pushes(
    broker: Broker, open_sockets: ExitStack, namespace: str
) -> None:
    auth = {"token": broker.pazz.token}
    socket = open_sockets.enter_context(SocketIo(broker.world.address, auth, namespace))
    set_goal(broker)
    assert [name for name, _, _ in heard(socket, 1)] == ["goal:updated"]


def test_every_process_tells_its_own_connections(broker: Broker, open_sockets: ExitStack) -> None:
    processes = [broker.world.another_process(api_processes=2) for _ in range(2)]
    sockets = [dashboard(open_sockets, broker, process) for process in [*processes, processes[0]]]
    set_goal(broker)
    said = [heard(socket, 1) for socket in sockets]
    assert said[0] == said[1] == said[2]
    assert said[0][0][1] == broker.get("goals/current")


def test_with_several_processes_only_websockets_are_offered(broker: Broker) -> None:
    process = broker.world.another_process(api_processes=2)
    assert process.visitor().get("/socket.io/?EIO=4&transport=polling").status == 400
    assert broker.world.visitor().get("/socket.io/?EIO=4&transport=polling").status == 200


@pytest.mark.parametrize(
    "shape", ["none", "empty", "nonsense", "number", "list", "expired", "signed out", "a manager's"]
)
def test_a_bad_token_is_refused(broker: Broker, shape: str) -> None:
    world, auth = broker.world, None
    match shape:
        case "empty" | "nonsense":
            auth = {"token": {"empty": "", "nonsense": "nonsense"}[shape]}
        case "number" | "list":
            auth = {"token": {"number": 5, "list": []}[shape]}
        case "expired":
            auth = {"token": world.another_process(access_token_seconds=-5).signed_in(broker.ana).token}
        case "signed out":
            gone = world.signed_in(broker.ana)
            gone.post("/pazz/api/v1/auth/logout")
            auth = {"token": gone.token}
        case "a manager's":
            auth = {"token": broker.office.token}
    with pytest.raises(Refused) as refused, SocketIo(world.address, auth):
        pass
    assert refused.value.why == ("FORBIDDEN" if shape == "a manager's" else "UNAUTHORIZED")


def test_who_signs_out_is_cut_off(broker: Broker, open_sockets: ExitStack) -> None:
    other = broker.world.signed_in(broker.ana)
    gone = open_sockets.enter_context(SocketIo(broker.world.address, {"token": other.token}))
    stays = dashboard(open_sockets, broker)
    assert other.post("/pazz/api/v1/auth/logout").status == 200
    assert gone.is_cut()
    set_goal(broker)
    assert len(heard(stays, 1)) == 1


def test_a_page_of_an_origin_that_may_not_call_is_refused(broker: Broker) -> None:
    with pytest.raises(Refused) as refused:
        Socket(broker.world.address, "/socket.io/?EIO=4&transport=websocket", {"origin": "https://evil.example"})
    assert refused.value.status == 403


def test_who_connects_again_hears_what_was_missed_and_how_it_is_now(broker: Broker, open_sockets: ExitStack) -> None:
    first, witness = dashboard(open_sockets, broker), dashboard(open_sockets, broker)
    set_goal(broker)
    ((_, _, position),) = heard(first, 1)
    first.close()
    earn_much(broker)
    broker.commission(amount=700, earned=True)
    start_promotion(broker)
    neglect(broker)
    assert len(heard(witness, 10)) == 10  # nobody is about to be told of it any more
    again = dashboard(open_sockets, broker, offset=str(position))
    # Two commissions were earned and three files stood still: each is told. Of the goal, only how it is now.
    pushes = heard(again, 8)
    names = [name for name, _, _ in pushes]
    assert sorted(names) == [
        "client:attention",
        "client:attention",
        "client:attention",
        "commission:earned",
        "commission:earned",
        "goal:updated",
        "level:upgraded",
        "promotion:new",
    ]
    for name, body, found in pushes:
        assert found > position
        assert body == SAID_BY_GET[name](broker, body), name
    newest = max(found for _, _, found in pushes)
    last = dashboard(open_sockets, broker, offset=str(newest))
    assert last.event_if_any() is None
    raised = {"amount": 61_000, "month": "octubre", "year": 2025}
    assert broker.pazz.post("/pazz/api/v1/goals", json=raised).status == 200
    assert [name for name, _, _ in heard(last, 1)] == ["goal:updated"]


def test_who_was_cut_before_hearing_anything_is_told_all_the_same(broker: Broker, open_sockets: ExitStack) -> None:
    set_goal(broker)
    quiet = dashboard(open_sockets, broker)
    assert quiet.event_if_any() is None
    assert quiet.offset == str(broker.world.head)
    quiet.close()
    broker.promotion()
    broker.world.strike()
    again = dashboard(open_sockets, broker, offset=quiet.offset)
    assert [name for name, _, _ in heard(again, 1)] == ["promotion:new"]


def test_what_is_being_told_while_one_comes_back_is_told_once(
    broker: Broker, open_sockets: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, goes_on, left = broker.world.runtime.hub, asyncio.Event(), str(broker.world.head)
    tell = hub._tell

    async def held(after: int, upto: int) -> None:
        await goes_on.wait()
        await tell(after, upto)

    stays = dashboard(open_sockets, broker)
    monkeypatch.setattr(hub, "_tell", held)
    set_goal(broker)
    again = dashboard(open_sockets, broker, offset=left)
    assert again.event()[0] == "goal:updated"
    broker.world.loop.loop.call_soon_threadsafe(goes_on.set)
    assert stays.event()[0] == "goal:updated"
    raised = {"amount": 61_000, "month": "octubre", "year": 2025}
    assert broker.pazz.post("/pazz/api/v1/goals", json=raised).status == 200
    assert [body["amount"] for _, body, _ in heard(again, 1)] == [61_000]


def test_who_heard_more_than_this_log_ever_said_begins_anew(broker: Broker, open_sockets: ExitStack) -> None:
    """A page that stayed open while the data was replaced by a backup."""
    page = dashboard(open_sockets, broker, offset=str(broker.world.head + 1_000))
    assert page.event_if_any() is None
    assert page.offset == str(broker.world.head)


@pytest.mark.parametrize("offset", ["-1", "1" + "0" * 12, 7, None, True, 1.5])
def test_a_place_that_is_none_brings_nothing_back(broker: Broker, open_sockets: ExitStack, offset: Any) -> None:
    witness = dashboard(open_sockets, broker)
    earn_much(broker)
    heard(witness, 3)
    socket = dashboard(open_sockets, broker, offset=offset)
    assert socket.event_if_any() is None


NONSENSE = ["9", "4", "42[", "40{", "41", "43[]", "44{}", '451-["x"]', "49999999999-[]", '42["x",1]', "40/nope,"]


def test_nonsense_from_anybody_is_no_error_of_ours(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    address, path = broker.world.address, "/socket.io/?EIO=4&transport=websocket"
    for packet in NONSENSE:
        with Socket(address, path) as socket:
            assert socket.receive()[0] == "0"
            socket.send(packet)
            socket.send(f"40{json.dumps({'token': broker.pazz.token})}")
            until(lambda socket=socket: str(socket.receive()).startswith("40{"))
    assert {record.levelname for record in caplog.records} <= {"INFO", "WARNING"}, caplog.text
    assert "Traceback" not in caplog.text


def test_a_fault_of_ours_is_still_an_error(
    broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(token: str) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(broker.world.process.runtime.tokens, "caller", broken)
    with Socket(broker.world.address, "/socket.io/?EIO=4&transport=websocket") as socket:
        socket.send("40{}")
        until(lambda: "a fault of ours" in caplog.text)
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]
