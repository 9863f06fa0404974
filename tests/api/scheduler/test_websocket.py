"""The websocket: every frame of the document, both ways, in every process, and nothing lost in between."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from wsproto import events

from api.scheduler import realtime, sockets
from projections import scheduled_messages
from tests.api.scheduler.live import API, Sending, listening
from tests.support.business import made
from tests.support.http import Client, World, until
from tests.support.sockets import Socket

QR = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


# --- the first frame


def test_who_shows_a_token_is_let_in_and_told_how_whatsapp_is(world: World, ana: Client) -> None:
    who = ana.signed.user.id  # type: ignore[union-attr]
    with Socket(world.address, f"/scheduler/ws/{who}") as socket:
        socket.send(json.dumps({"type": "auth", "token": ana.token}))
        welcome = json.loads(socket.receive())
        assert welcome == {"type": "auth_success", "user_id": who, "position": world.head, "resumed": False}
        assert json.loads(socket.receive()) == {"type": "whatsapp_status", "status": "connected"}


@pytest.mark.parametrize(
    "first",
    [
        {"type": "auth", "token": "nonsense"},
        {"type": "auth", "token": None},
        {"type": "auth"},
        {"type": "ping"},
        {"type": "subscribe_message", "message_id": "msg_1"},
        {},
        [],
        "auth",
        None,
    ],
)
def test_whoever_does_not_is_not(world: World, ana: Client, first: object) -> None:
    with Socket(world.address, f"/scheduler/ws/{ana.signed.user.id}") as socket:  # type: ignore[union-attr]
        socket.send(json.dumps(first))
        assert socket.closed_with() == 4401


def test_a_token_leads_to_its_own_user_only(world: World, ana: Client) -> None:
    partner = world.signed_in(world.user("partner"))
    for whose, token in (("usr_else", ana.token), (partner.signed.user.id, partner.token)):  # type: ignore[union-attr]
        with Socket(world.address, f"/scheduler/ws/{whose}") as socket:
            socket.send(json.dumps({"type": "auth", "token": token}))
            assert socket.closed_with() == 4403


def test_a_token_that_was_signed_out_opens_nothing(world: World, ana: Client) -> None:
    ana.post(f"{API}/auth/logout")
    with Socket(world.address, f"/scheduler/ws/{ana.signed.user.id}") as socket:  # type: ignore[union-attr]
        socket.send(json.dumps({"type": "auth", "token": ana.token}))
        assert socket.closed_with() == 4401


def test_whoever_says_nothing_is_let_go(world: World, ana: Client) -> None:
    world.patch.setattr(realtime, "AUTH_PATIENCE", 0.2)
    with Socket(world.address, f"/scheduler/ws/{ana.signed.user.id}") as socket:  # type: ignore[union-attr]
        assert socket.closed_with() == 4401


def test_signing_out_ends_the_connection(world: World, ana: Client) -> None:
    with listening(world, ana) as browser:
        assert ana.post(f"{API}/auth/logout").status == 204
        assert browser.socket.closed_with() == 4401


# --- keeping it open


@pytest.mark.parametrize("beat", ["ping", "heartbeat"])
def test_a_ping_is_answered(world: World, ana: Client, beat: str) -> None:
    with listening(world, ana) as browser:
        for _ in range(3):
            browser.say(type=beat, timestamp="2025-01-27T10:00:00Z")
            assert browser.hear("pong") == {"type": "pong"}


def test_the_server_lets_itself_be_heard_and_looks_at_the_token_again(world: World, ana: Client) -> None:
    world.patch.setattr(realtime, "HEARTBEAT", 0.05)
    with listening(world, ana) as browser:
        assert set(browser.hear("heartbeat")) == {"type", "timestamp"}
        browser.hear("heartbeat")
    short = world.another_process(scheduler_token_seconds=1)
    session = short.visitor().post(
        f"{API}/auth/login",
        json={"email": ana.signed.user.email, "password": "Bitacora1"},  # type: ignore[union-attr]
    )
    with Socket(world.address, f"/scheduler/ws/{session.json['user']['id']}") as socket:
        socket.send(json.dumps({"type": "auth", "token": session.json["access_token"]}))
        assert socket.closed_with() == 4401, "its token was good for a second"


@pytest.mark.parametrize(
    "garbage", ["", "{", "[]", "null", '"ping"', "1e999", '{"type": 7}', '{"type": "who?"}', "[" * 9_000]
)
def test_garbage_is_named_and_does_not_end_it(world: World, ana: Client, garbage: str) -> None:
    with listening(world, ana) as browser:
        browser.socket.send(garbage)
        assert browser.hear("error")["code"] == "BAD_FRAME"
        browser.say(type="ping")
        browser.hear("pong")


def test_bytes_are_garbage_too(world: World, ana: Client) -> None:
    with listening(world, ana) as browser:
        raw = browser.socket
        raw._socket.sendall(raw._ws.send(events.BytesMessage(b"\x00\xff\x00")))
        assert browser.hear("error")["code"] == "BAD_FRAME"


def test_a_frame_that_is_much_too_long_ends_it(world: World, ana: Client) -> None:
    with listening(world, ana) as browser:
        browser.say(type="ping", padding="x" * sockets.MAX_FRAME)
        assert browser.socket.closed_with() == 4400


# --- what is told


def test_every_status_of_a_message_is_told(world: World, ana: Client) -> None:
    with listening(world, ana) as browser:
        going = Sending(world, ana, 1)
        going.schedule()
        message = f"{API}/messages/{going.id}"
        ana.post(f"{message}/pause")
        ana.post(f"{message}/resume")
        ana.post(f"{message}/cancel")
        second = Sending(world, ana, 1, first=10)
        second.start()
        second.copies(second.people, "claimed", "failed")
        second.end()
        world.forget_limits()
        ana.post(f"{API}/messages/{second.id}/retry")
        told = browser.up_to_now("message_status_update")
    assert all(set(frame) == {"type", "message_id", "status", "timestamp", "position"} for frame in told)
    statuses = {one.id: [frame["status"] for frame in told if frame["message_id"] == one.id] for one in (going, second)}
    assert statuses == {
        going.id: ["draft", "scheduled", "paused", "scheduled", "cancelled"],
        second.id: ["draft", "scheduled", "sending", "failed", "sending"],
    }
    assert [frame["position"] for frame in told] == sorted(frame["position"] for frame in told)
    assert told[0]["timestamp"] == going.shown()["created_at"]


@pytest.mark.parametrize("arrives", ["before the end", "after the end"])
def test_delivered_is_said_once_when_every_phone_has_it(world: World, ana: Client, arrives: str) -> None:
    going = Sending(world, ana, 2)
    going.start()
    with listening(world, ana) as browser:
        going.send()
        if arrives == "before the end":
            going.copies(going.people, "delivered")
            browser.hear("message_progress", delivered=2)
        going.end()
        browser.hear("message_status_update", status="sent")
        if arrives == "after the end":
            going.copies(going.people[:1], "delivered")
            browser.hear("message_progress", delivered=1)
            assert not browser.up_to_now("message_status_update", status="delivered")
            going.copies(going.people[1:], "delivered")
        assert browser.hear("message_status_update", status="delivered")["message_id"] == going.id
        going.copies(going.people, "read")
        browser.hear("message_progress", position=world.head)
        assert not browser.up_to_now("message_status_update", status="delivered")


def test_delivered_is_not_said_before_sent_is(world: World, ana: Client) -> None:
    """The views show that the message was sent, and the hub has yet to come to it."""
    hub, tell, tell_one = world.runtime.hub, world.runtime.hub._tell, realtime.Realtime._tell_one
    looks, may_look, goes_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def held(after: int, upto: int) -> None:
        await goes_on.wait()
        await tell(after, upto)

    async def held_one(*given: Any) -> None:
        looks.set()
        await may_look.wait()
        await tell_one(*given)

    going = Sending(world, ana, 1)
    going.start()
    with listening(world, ana) as browser:
        first = browser.welcome["position"]  # type: ignore[attr-defined]
        world.patch.setattr(realtime.Realtime, "_tell_one", held_one)
        going.send()
        going.copies(going.people, "delivered")
        until(looks.is_set, "nobody looked how far the message is")
        world.patch.setattr(hub, "_tell", held)
        going.end()
        world.loop.loop.call_soon_threadsafe(may_look.set)
        browser.hear("message_progress", delivered=1)
        world.loop.loop.call_soon_threadsafe(goes_on.set)
        browser.hear("message_status_update", status="delivered")
    assert [frame["status"] for frame in browser.all if "status" in frame and "position" in frame] == [
        "sent",
        "delivered",
    ]
    positions = [frame["position"] for frame in browser.all if frame.get("position", 0) > first]
    assert positions == sorted(positions), "whoever comes back to the last of them is told nothing twice"


def test_progress_comes_at_a_bounded_rate_and_ends_exact(world: World, ana: Client) -> None:
    going = Sending(world, ana, 40)
    going.start()
    with listening(world, ana) as browser:
        began = time.monotonic()
        going.send(going.people[:38])
        going.copies(going.people[38:], "claimed", "failed")
        going.end()
        browser.hear("message_status_update", status="sent")
        last = browser.hear("message_progress", sent=38, failed=2)
        told = [*browser.heard("message_progress"), last]
        seconds = time.monotonic() - began
    assert set(told[-1]) == {"type", "message_id", "sent", "total", "failed", "delivered", "position"}
    assert (told[-1]["sent"], told[-1]["total"], told[-1]["failed"]) == (38, 40, 2)
    figures = going.shown("/stats")
    assert {name: told[-1][name] for name in ("sent", "total", "failed", "delivered")} == {
        name: figures[name] for name in ("sent", "total", "failed", "delivered")
    }
    done = [frame["sent"] + frame["failed"] for frame in told]
    assert done == sorted(done)
    assert len(told) <= 1 + seconds / realtime.PROGRESS_EVERY, "not a frame for each copy"


def test_however_busy_it_is_one_task_tells_how_far_messages_are(world: World, ana: Client) -> None:
    telling, running, most = realtime.Realtime._tell_progress, 0, 0

    async def counted(live: realtime.Realtime) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await telling(live)
        finally:
            running -= 1

    until(lambda: not _live(world)._telling, "the task of an earlier test goes on")
    world.patch.setattr(realtime, "PROGRESS_EVERY", 0.05)
    world.patch.setattr(realtime.Realtime, "_tell_progress", counted)
    going = Sending(world, ana, 25)
    going.start()
    with listening(world, ana) as browser:
        for person in going.people:
            going.copies([person], "claimed", "sent")
        browser.hear("message_progress", sent=25)
    assert most == 1


def _live(world: World) -> realtime.Realtime:
    return next(one for one in world.runtime.hub._frontends if isinstance(one, realtime.Realtime))


def test_a_notification_is_pushed_as_it_is_shown(world: World, ana: Client) -> None:
    going = Sending(world, ana, 1)
    with listening(world, ana) as browser:
        going.start()
        going.send()
        going.end()
        told = browser.hear("new_notification")
    shown = ana.get(f"{API}/notifications").json["items"][0]
    assert told["notification"] == shown
    assert {"id", "type", "title", "message", "timestamp"} <= set(told["notification"])


def test_whatsapp_going_and_coming_is_told_with_a_code_to_scan(
    world: World, ana: Client, whatsapp: Callable[..., None]
) -> None:
    world.patch.setattr(realtime, "WHATSAPP_EVERY", 0.05)
    other = world.signed_in(world.user("agent"))
    with listening(world, ana) as browser, listening(world, other) as second:
        whatsapp("disconnected")
        assert browser.hear("whatsapp_status") == {"type": "whatsapp_status", "status": "disconnected"}
        whatsapp("qr_needed", QR)
        assert browser.hear("whatsapp_status") == {"type": "whatsapp_status", "status": "qr_needed", "qr_code": QR}
        whatsapp("connected")
        assert browser.hear("whatsapp_status") == {"type": "whatsapp_status", "status": "connected"}
        for status in ("disconnected", "qr_needed", "connected"):
            assert second.hear("whatsapp_status")["status"] == status


def test_nobody_hears_of_what_is_not_theirs(world: World, ana: Client) -> None:
    others = (
        world.signed_in(world.user("agent")),
        world.signed_in(world.user("admin")),
        world.signed_in(world.user("sales", organization=world.organization())),
    )
    for other in others:
        with listening(world, other) as browser, listening(world, ana) as own:
            message = made(ana, f"{API}/messages", {"content": "Hola"})
            own.hear("message_status_update", message_id=message)
            assert not browser.up_to_now("message_status_update")


# --- subscriptions


def test_progress_is_for_whoever_subscribed_and_for_owners_who_did_not(world: World, ana: Client) -> None:
    one, two = Sending(world, ana, 1), Sending(world, ana, 1, first=10)
    one.schedule()
    two.start()
    world.strike()
    with listening(world, ana) as both, listening(world, ana) as chosen:
        chosen.say(type="subscribe_message", message_id=one.id)
        assert chosen.hear("subscribed") == {"type": "subscribed", "message_id": one.id}
        now = chosen.hear("message_progress")
        assert (now["message_id"], now["sent"], now["total"]) == (one.id, 0, 1), "how far it is, at once"
        two.send()
        both.hear("message_progress", message_id=two.id, sent=1)
        one.send()
        chosen.hear("message_progress", message_id=one.id, sent=1)
        both.hear("message_progress", message_id=one.id, sent=1)
        assert not chosen.heard("message_progress", message_id=two.id), "it would have come before the other's"
        chosen.say(type="unsubscribe_message", messageId=one.id)
        assert chosen.hear("unsubscribed") == {"type": "unsubscribed", "message_id": one.id}
        two.copies(two.people, "delivered")
        chosen.hear("message_progress", message_id=two.id, delivered=1)


def test_an_admin_may_follow_anybodys_message_and_others_only_their_own(world: World, ana: Client) -> None:
    going = Sending(world, ana, 1)
    going.start()
    admin, other = world.signed_in(world.user("admin")), world.signed_in(world.user("agent"))
    with listening(world, admin) as watching, listening(world, other) as curious:
        for browser in (watching, curious):
            browser.say(type="subscribe_message", message_id=going.id)
        watching.hear("subscribed")
        assert curious.hear("error")["code"] == "NOT_FOUND"
        going.send()
        going.end()
        watching.hear("message_progress", sent=1)
        watching.hear("message_status_update", message_id=going.id, status="sent")
        assert not curious.up_to_now("message_progress")


def test_what_cannot_be_subscribed_to_is_said(world: World, ana: Client) -> None:
    world.patch.setattr(sockets, "MAX_SUBSCRIPTIONS", 1)
    with listening(world, ana) as browser:
        browser.say(type="subscribe_message", message_id="msg_nobody")
        assert browser.hear("error") == {
            "type": "error",
            "code": "NOT_FOUND",
            "message": "No se encontró lo que buscas",
        }
        for message in ("", "msg\0", None, 7, {}):
            browser.say(type="subscribe_message", message_id=message)
            browser.hear("error")
        one, two = (made(ana, f"{API}/messages", {"content": f"Hola {number}"}) for number in (1, 2))
        browser.say(type="subscribe_message", message_id=one)
        browser.hear("subscribed")
        browser.say(type="subscribe_message", message_id=two)
        browser.hear("error")


def test_what_breaks_off_here_is_no_normal_end(world: World, ana: Client) -> None:
    async def unreadable(*asked: object) -> None:
        raise psycopg.OperationalError("the database is away")

    with listening(world, ana) as browser:
        world.patch.setattr(scheduled_messages, "by_id", unreadable)
        browser.say(type="subscribe_message", message_id="msg_1")
        assert browser.socket.closed_with() == 1011, "a client takes 1000 for its own good-bye and does not come back"


# --- a slow one


def test_a_reader_that_does_not_read_is_cut_and_hurts_nobody(world: World, ana: Client) -> None:
    world.patch.setattr(sockets, "WAITING", 5)
    world.patch.setattr(sockets, "SEND_PATIENCE", 0.5)
    live = _live(world)
    with listening(world, ana):
        one = next(one for one in list(live._connections) if one.token == ana.token)
        until(lambda: one._line.empty())
        world.loop.run(_flood(one))
        until(lambda: one not in live._connections)


async def _flood(one: sockets.Connection) -> None:
    for _ in range(6):
        one.say({"type": "pong"})
