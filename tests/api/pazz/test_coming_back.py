"""A dashboard whose connection was cut comes back with the access token that it was opened with, expired by then: it is
let in while its sign-in lives, if it had been connected before. Nothing else opens a door to an expired token."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import jwt
import psycopg
import pytest

from api.access import Tokens
from api.hub import Push
from api.pazz.realtime import Realtime
from domain import user
from domain.model import Command
from eventstore.connect import Connection, connect
from tests.api.pazz.conftest import Broker
from tests.api.pazz.test_pushes import dashboard, heard, set_goal
from tests.api.pazz.test_pushes import open_sockets as open_sockets
from tests.support.http import Client, Process, World, until
from tests.support.sockets import Refused, Socket, SocketIo

ME = "/pazz/api/v1/auth/me"


def expired(world: World, client: Client) -> str:
    """The client's access token, some time later."""
    return Tokens(world.settings.secret, -5).issue(world.process.runtime.tokens.caller(client.token))


def refusal(process: World | Process, auth: object) -> object:
    """Why a connection with this is refused."""
    with pytest.raises(Refused) as refused, SocketIo(process.address, auth):
        pass
    return refused.value.why


@pytest.fixture
def pid(broker: Broker) -> str:
    """What the partner's dashboard was given when it connected, before it was cut."""
    with SocketIo(broker.world.address, {"token": broker.pazz.token}) as socket:
        return socket.pid


@pytest.fixture
def old(broker: Broker) -> str:
    """The access token that it was opened with, expired since."""
    token = expired(broker.world, broker.pazz)
    assert broker.world.visitor().get(ME, headers={"authorization": f"Bearer {token}"}).status == 401
    return token


@pytest.mark.parametrize("namespace", ["/", "/pazz"])
def test_who_was_connected_is_let_in_and_told(
    broker: Broker, open_sockets: ExitStack, pid: str, old: str, namespace: str
) -> None:
    socket = open_sockets.enter_context(SocketIo(broker.world.address, {"token": old, "pid": pid}, namespace))
    set_goal(broker)
    assert [name for name, _, _ in heard(socket, 1)] == ["goal:updated"]
    again = open_sockets.enter_context(SocketIo(broker.world.address, {"token": old, "pid": socket.pid}, namespace))
    assert len({pid, socket.pid, again.pid}) == 3, "the same would tell the client that it missed nothing"


def test_what_was_missed_is_told(broker: Broker, open_sockets: ExitStack, pid: str, old: str) -> None:
    left = str(broker.world.head)
    set_goal(broker)
    back = {"token": old, "pid": pid, "offset": left}
    socket = open_sockets.enter_context(SocketIo(broker.world.address, back))
    assert [name for name, _, _ in heard(socket, 1)] == ["goal:updated"]


def test_every_process_lets_in_who_was_connected_to_another(
    broker: Broker, open_sockets: ExitStack, pid: str, old: str
) -> None:
    other = broker.world.another_process(api_processes=2)
    socket = open_sockets.enter_context(SocketIo(other.address, {"token": old, "pid": pid}))
    set_goal(broker)
    assert len(heard(socket, 1)) == 1


def test_what_the_office_changed_meanwhile_counts(broker: Broker, open_sockets: ExitStack, pid: str, old: str) -> None:
    """The expired token says `centro`."""
    change(broker, user.ChangeUser(user=broker.ana.id, region="norte", now=broker.world.now))
    socket = open_sockets.enter_context(SocketIo(broker.world.address, {"token": old, "pid": pid}))
    norte = broker.promotion(regions=["norte"])
    broker.promotion(regions=["centro"])
    broker.world.strike()
    assert [body["id"] for _, body, _ in heard(socket, 1)] == [norte]


def test_who_comes_back_is_cut_off_when_they_sign_out(
    broker: Broker, open_sockets: ExitStack, pid: str, old: str
) -> None:
    socket = open_sockets.enter_context(SocketIo(broker.world.address, {"token": old, "pid": pid}))
    assert broker.pazz.post("/pazz/api/v1/auth/logout").status == 200
    assert socket.is_cut()
    assert refusal(broker.world, {"token": old, "pid": pid}) == "UNAUTHORIZED"


def change(broker: Broker, command: Command) -> None:
    """Of the partner's account, shown by the views."""
    broker.world.run(user.DECIDER, broker.ana.account, command)
    broker.world.react()


def sql(statement: str) -> Callable[[Broker], None]:
    def run(broker: Broker) -> None:
        sign_in = broker.world.process.runtime.tokens.caller(broker.pazz.token).sign_in
        broker.world.house.connection.execute(statement, [sign_in])

    return run


ENDS: dict[str, Callable[[Broker], object]] = {
    "signed out": lambda broker: broker.pazz.post("/pazz/api/v1/auth/logout"),
    "signed out long ago": sql("update sign_ins set revoked_at = now() - interval '20 days' where sign_in = %s"),
    "the account is closed": lambda broker: change(
        broker, user.DeactivateUser(user=broker.ana.id, now=broker.world.now)
    ),
    "not refreshed for too long": sql(
        "update sign_ins set refreshed_at = now() - interval '24 hours 1 second' where sign_in = %s"
    ),
    "the refresh token expired": sql("update sign_ins set expires_at = now() where sign_in = %s"),
    "the sign-in is unknown": sql("delete from sign_ins where sign_in = %s"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same process", "another process"])
def test_who_is_not_signed_in_any_more_does_not_come_back(
    broker: Broker, pid: str, old: str, end: Callable[[Broker], object], elsewhere: bool
) -> None:
    end(broker)
    process = broker.world.another_process() if elsewhere else broker.world
    assert refusal(process, {"token": old, "pid": pid}) == "UNAUTHORIZED"


def test_a_sign_in_that_is_refreshed_lets_its_dashboard_in_for_longer(broker: Broker, pid: str, old: str) -> None:
    ENDS["not refreshed for too long"](broker)
    assert broker.pazz.signed is not None
    fresh = {"refreshToken": broker.pazz.signed.refresh_token}
    assert broker.world.visitor().post("/pazz/api/v1/auth/refresh", json=fresh).status == 200
    with SocketIo(broker.world.address, {"token": old, "pid": pid}):
        pass


def test_who_is_no_partner_any_more_is_told_so(broker: Broker, pid: str, old: str) -> None:
    change(broker, user.ChangeUserRole(user=broker.ana.id, role="manager", now=broker.world.now))
    assert refusal(broker.world, {"token": old, "pid": pid}) == "FORBIDDEN"


@pytest.mark.parametrize("shape", ["none", "empty", "number", "nonsense", "cut", "of another sign-in", "with more"])
def test_an_expired_token_alone_opens_nothing(broker: Broker, pid: str, old: str, shape: str) -> None:
    other = broker.world.signed_in(broker.ana)
    with SocketIo(broker.world.address, {"token": other.token}) as socket:
        of_another = socket.pid
    shown = {
        "none": None, "empty": "", "number": 5, "nonsense": "a.b", "cut": pid[:-1], "of another sign-in": of_another,
        "with more": f"{pid}x",
    }[shape]  # fmt: skip
    assert refusal(broker.world, {"token": old, "pid": shown}) == "UNAUTHORIZED"


@pytest.mark.parametrize("shape", ["none", "signed by somebody else", "unsigned", "changed", "refresh", "pid", "bare"])
def test_a_token_that_is_not_ours_does_not_come_back(broker: Broker, pid: str, old: str, shape: str) -> None:
    claims = jwt.decode(old, options={"verify_signature": False})
    head, _, signature = old.split(".")
    longer = base64.urlsafe_b64encode(json.dumps(claims | {"role": "admin"}).encode()).decode().rstrip("=")
    assert broker.pazz.signed is not None
    token = {
        "none": None,
        "signed by somebody else": jwt.encode(claims, "another secret that is long enough to sign", "HS256"),
        "unsigned": jwt.encode(claims, None, "none"),
        "changed": f"{head}.{longer}.{signature}",
        "refresh": broker.pazz.signed.refresh_token,
        "pid": pid,
        "bare": jwt.encode({"sid": claims["sid"], "exp": 1}, broker.world.settings.secret, "HS256"),
    }[shape]
    assert refusal(broker.world, {"token": token, "pid": pid}) == "UNAUTHORIZED"


def test_it_can_be_switched_off(broker: Broker, pid: str, old: str) -> None:
    strict = broker.world.another_process(pazz_return_seconds=0)
    assert refusal(strict, {"token": old, "pid": pid}) == "UNAUTHORIZED"
    with SocketIo(strict.address, {"token": broker.pazz.token, "pid": pid}):
        pass


def test_with_a_good_token_nothing_else_is_asked_for(broker: Broker, open_sockets: ExitStack) -> None:
    socket = dashboard(open_sockets, broker, pid="nonsense")
    set_goal(broker)
    assert len(heard(socket, 1)) == 1


@contextmanager
def asked(broker: Broker, process: Process, auth: object) -> Iterator[tuple[Connection, Socket]]:
    """A dashboard that comes back to this process, while the database does not get to the question whether it may."""
    with connect(broker.world.settings.database_url, "test") as lock:
        lock.execute("begin")
        lock.execute("lock table sign_ins in access exclusive mode")
        with Socket(process.address, "/socket.io/?EIO=4&transport=websocket") as socket:
            assert socket.receive()[0] == "0"
            socket.send(f"40{json.dumps(auth)}")
            until(lambda: waiting(broker))
            yield lock, socket


def waiting(broker: Broker) -> set[int]:
    """The backends that wait to be let at the table."""
    query = """
    select pid from pg_stat_activity
    where wait_event_type = 'Lock' and query like '%from sign_ins%' and datname = current_database()
    """
    return {row[0] for row in broker.world.house.connection.execute(query)}


def of(process: Process) -> Realtime:
    """The Socket.IO server of a process."""
    return next(found for found in process.runtime.hub._frontends if isinstance(found, Realtime))


def test_who_is_gone_before_the_answer_came_leaves_nothing_behind(broker: Broker, pid: str, old: str) -> None:
    process = broker.world.another_process()
    with asked(broker, process, {"token": old, "pid": pid}) as (_, socket):
        socket.close()
    with SocketIo(process.address, {"token": old, "pid": pid}):
        until(lambda: len(of(process)._connections) == 1)
    until(lambda: not of(process)._connections)
    until(lambda: not of(process).server.manager.rooms)


def test_who_comes_back_while_the_database_is_away_is_let_in_when_it_is_back(
    broker: Broker, pid: str, old: str
) -> None:
    """A refusal would keep the document's client away until its page is loaded anew."""
    process, ended = broker.world.another_process(), set[int]()
    with asked(broker, process, {"token": old, "pid": pid}) as (lock, socket):
        while len(ended) < 4:  # a question whose connection was lost is asked once more
            found = waiting(broker) - ended
            end = "select pg_terminate_backend(pid) from unnest(%s::int[]) as pid"
            broker.world.house.connection.execute(end, [list(found)])
            ended |= found
        lock.execute("rollback")
        assert socket.receive().startswith("40{")


def test_what_was_missed_is_told_when_the_database_is_back(broker: Broker, open_sockets: ExitStack) -> None:
    """Whoever is connected asks for nothing more by itself."""
    process, times = broker.world.another_process(), itertools.count()
    missed = process.runtime.hub.missed

    async def away(frontend: Any, since: int, upto: int | None = None) -> list[Push]:
        if next(times) < 2:
            raise psycopg.OperationalError("the connection broke")
        return await missed(frontend, since, upto)

    broker.world.patch.setattr(process.runtime.hub, "missed", away)
    left = str(broker.world.head)
    set_goal(broker)
    back = {"token": broker.pazz.token, "offset": left}
    socket = open_sockets.enter_context(SocketIo(process.address, back))
    assert [name for name, _, _ in heard(socket, 1)] == ["goal:updated"]
