"""The websocket again: after having been away, and in several processes at once."""

from __future__ import annotations

import asyncio

from api.scheduler import sockets
from tests.api.scheduler.live import API, Frame, Sending, listening
from tests.support.business import made
from tests.support.http import Client, World


def without_position(frame: Frame) -> Frame:
    return {name: value for name, value in frame.items() if name != "position"}


# --- away for a while


def test_what_was_missed_comes_in_order_and_once(world: World, ana: Client) -> None:
    going = Sending(world, ana, 2)
    with listening(world, ana) as browser:
        first = browser.welcome["position"]  # type: ignore[attr-defined]
    going.start()
    going.send()
    going.copies(going.people, "delivered")
    going.end()
    with listening(world, ana, since=first) as browser:
        assert browser.welcome["resumed"] is True  # type: ignore[attr-defined]
        told = browser.up_to_now("message_status_update")
        assert [frame["status"] for frame in told] == ["scheduled", "sending", "sent"]
        assert len(browser.heard("new_notification")) == 1
        last = max(frame["position"] for frame in told)
    with listening(world, ana, since=world.head) as browser:
        assert not browser.up_to_now("message_status_update")
    with listening(world, ana, since=last - 1) as browser:
        told = browser.up_to_now("message_status_update", message_id=going.id)
        assert [frame["status"] for frame in told] == ["sent"]


def test_who_was_away_while_a_message_went_out_is_told_how_far_it_is(world: World, ana: Client) -> None:
    going = Sending(world, ana, 3)
    going.start()
    world.settle()
    since = world.head
    going.send(going.people[:2])
    world.settle()
    with listening(world, ana, since=since) as browser:
        told = browser.hear("message_progress", message_id=going.id)
        assert (told["sent"], told["total"], told["failed"]) == (2, 3, 0)


def test_however_much_was_missed_there_is_room_for_it(world: World, ana: Client) -> None:
    world.patch.setattr(sockets, "WAITING", 20)
    since = world.head
    for number in range(30):
        made(ana, f"{API}/messages", {"content": f"Hola {number}"})
    with listening(world, ana, since=since) as browser:
        assert len(browser.up_to_now("message_status_update")) == 30


def test_what_is_being_told_while_one_comes_back_is_told_once(world: World, ana: Client) -> None:
    hub, goes_on, since = world.runtime.hub, asyncio.Event(), world.head
    tell = hub._tell

    async def held(after: int, upto: int) -> None:
        await goes_on.wait()
        await tell(after, upto)

    with listening(world, ana) as stays:
        world.patch.setattr(hub, "_tell", held)
        message = made(ana, f"{API}/messages", {"content": "Hola"})
        with listening(world, ana, since=since) as back:
            world.loop.loop.call_soon_threadsafe(goes_on.set)
            stays.hear("message_status_update", message_id=message)
            assert len(back.up_to_now("message_status_update")) == 1


def test_who_was_away_for_too_long_is_told_so(world: World, ana: Client) -> None:
    world.patch.setattr("api.hub.RESUME_LIMIT", 3)
    since = world.head
    for number in range(5):
        made(ana, f"{API}/messages", {"content": f"Hola {number}"})
    for given, resumed in ((since, False), (world.head - 2, True), (world.head + 9, False), (-1, False), ("1", False)):
        with listening(world, ana, since=given) as browser:
            assert browser.welcome["resumed"] is resumed, given  # type: ignore[attr-defined]


# --- several processes


def test_every_process_tells_and_says_the_same(world: World, ana: Client) -> None:
    another = world.another_process()
    with listening(world, ana) as here, listening(another, ana) as there:
        going = Sending(world, ana, 2)
        there.say(type="subscribe_message", message_id=going.id)
        there.hear("subscribed")
        going.start()
        going.send()
        going.copies(going.people, "delivered")
        going.end()
        said = []
        for browser in (here, there):
            browser.hear("message_status_update", status="delivered")
            progress = browser.heard("message_progress")[-1]
            told = browser.up_to_now("message_status_update", message_id=going.id)
            statuses = [without_position(frame) for frame in told]
            said.append((statuses, without_position(progress)))
    assert said[0] == said[1]
    assert said[0][1] == {
        "type": "message_progress",
        "message_id": going.id,
        "sent": 2,
        "total": 2,
        "failed": 0,
        "delivered": 2,
    }


def test_signing_out_here_ends_what_is_open_there(world: World, ana: Client) -> None:
    another = world.another_process()
    with listening(another, ana) as browser:
        ana.post(f"{API}/auth/logout")
        assert browser.socket.closed_with() == 4401
