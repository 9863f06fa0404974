"""Row 5: from the request that sets a goal to the push at an open Socket.IO connection, through the real processes."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from websockets.asyncio.client import ClientConnection, connect

from api.access import Tokens
from scripts.bench import callers, http, measure
from scripts.bench.crew import Crew
from scripts.bench.http import Connection
from scripts.bench.measure import Case, Plan, Round, Verdict, Work
from scripts.bench.stage import Stage
from scripts.bench.system import System

TITLE = "from POST to the push at an open Socket.IO connection"
UNIT = "pushes"
REFERENCE = ""

OURS = "bitacora"
WATCHED_PER_SECOND = 40
"""How often a goal is set whose push is waited for: so seldom that it is no load itself."""
IDLE, LOADED = Case(1, label="idle", rate=WATCHED_PER_SECOND), Case(1, label="at 70 % load", rate=WATCHED_PER_SECOND)
WATCHERS = 100
LOAD_CONNECTIONS = 32
LOAD_ROWS = 60_000
"""Goals that those might have set who load the system: the more, the more callers take turns."""


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    seconds = plan.seconds * 2
    with System(stage) as system, ThreadPoolExecutor(1) as aside:
        about = {"port": system.port, "secret": system.secret}
        watch = Crew(
            OURS, "scripts.bench.push:Watch", about, database=stage.database_processes, server=system.pids
        )  # fmt: skip
        load = Crew("load", "scripts.bench.load:Load", {**about, "rows": LOAD_ROWS})
        with watch, load:
            most = load.work(Case(LOAD_CONNECTIONS, task=callers.GOAL), seconds)
            rate = 0.7 * most.operations / most.seconds
            tick()
            for number in range(1, plan.rounds + 1):
                yield measure.one_round(watch, IDLE, number, seconds)
                tick()
                under = aside.submit(load.work, Case(LOAD_CONNECTIONS, rate=rate, task=callers.GOAL), seconds + 0.5)
                time.sleep(0.3)
                yield measure.one_round(watch, LOADED, number, seconds)
                under.result()
                tick()


def total(plan: Plan) -> int:
    return 1 + 2 * plan.rounds


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    idle = measure.median(found, OURS, IDLE.name, "p50")
    loaded = measure.median(found, OURS, LOADED.name, "p99")
    return [
        Verdict(what="push, idle, p50", value=idle, bar=8, at_least=False, unit="ms"),
        Verdict(what="push, at 70 % load, p99", value=loaded, bar=50, at_least=False, unit="ms"),
    ]


class Watch:
    """Partners with an open connection. Each in turn sets a goal and waits until it is pushed back."""

    def __init__(self, port: int, secret: str) -> None:
        self._port = port
        tokens = Tokens(secret, callers.TOKEN_SECONDS)
        self._tokens = [callers.token(tokens, f"watcher_{number:03}", "partner") for number in range(WATCHERS)]
        self._amounts = itertools.count(1_000)
        self._sockets: list[Socket] = []
        self._turns: Iterator[Socket] = iter(())

    async def open(self) -> None:
        for token in self._tokens:
            self._sockets.append(await Socket.open(self._port, token))
        self._turns = itertools.cycle(self._sockets)

    async def run(self, at_once: int, seconds: float, rate: float) -> Work:
        latencies: list[float] = []
        clock = time.perf_counter
        began = clock()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - clock()))
            latencies.append(await next(self._turns).seconds_until_pushed(next(self._amounts)))
        return Work(len(latencies), clock() - began, latencies)

    async def close(self) -> None:
        for one in self._sockets:
            await one.close()


class Socket:
    """One partner's Socket.IO connection, and the one that the goal is sent on."""

    def __init__(self, token: str, listening: ClientConnection, posting: Connection) -> None:
        self._token = token
        self._listening = listening
        self._posting = posting
        self._pushed: asyncio.Future[float] | None = None
        self._amount = 0
        self._task = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, port: int, token: str) -> Socket:
        address = f"ws://{http.HOST}:{port}/socket.io/?EIO=4&transport=websocket"
        listening = await connect(address, compression=None, max_queue=None)
        await listening.recv()  # how often to ping
        await listening.send("40" + json.dumps({"token": token}))
        answer = await listening.recv()
        if not str(answer).startswith("40"):
            raise http.Failed(f"the socket was refused: {answer!r}")
        return cls(token, listening, await Connection.open(port))

    async def seconds_until_pushed(self, amount: int) -> float:
        """Set the goal and wait for the push that shows it."""
        self._amount = amount
        self._pushed = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        answered = asyncio.create_task(self._posting.ask(callers.set_goal(self._token, amount)))
        async with asyncio.timeout(10):
            pushed = await self._pushed
            await answered
        return pushed - began

    async def _listen(self) -> None:
        async for message in self._listening:
            arrived = time.perf_counter()
            if message == "2":  # a ping
                await self._listening.send("3")
            elif isinstance(message, str) and message.startswith("42"):
                name, body, *_ = json.loads(message[2:])
                wanted = self._pushed is not None and not self._pushed.done()
                if wanted and name == "goal:updated" and body["amount"] == self._amount and self._pushed:
                    self._pushed.set_result(arrived)

    async def close(self) -> None:
        self._task.cancel()
        self._posting.close()
        await self._listening.close()
